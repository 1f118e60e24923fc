"""A link carries frames. The ring is one on a real interface; honeystack.testing has one in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from honeystack.net.wire.facts import ChecksumState

if TYPE_CHECKING:
    from honeystack.net.wire.syn_acks import FrameBlock
    from honeystack.net.wire.syn_batch import SynBatch

__all__ = ["ChangingLink", "ChecksumState", "Link", "LinkStatistics", "ReceivedFrame", "SynLink"]


class ReceivedFrame(NamedTuple):
    """One frame from the link, beginning at its Ethernet header; a VLAN tag that the kernel stripped is in `vlan`."""

    data: bytes
    checksum: ChecksumState = ChecksumState.UNKNOWN
    vlan: int | None = None


class LinkStatistics(NamedTuple):
    """Counters since the link was opened."""

    frames_in: int
    frames_out: int
    dropped_in: int  # lost in the kernel because we were too slow
    dropped_out: int  # given up because the link was full


class Link(Protocol):
    """Carries Ethernet frames between the driver and one interface."""

    mac: bytes
    mtu: int

    async def wait_readable(self) -> None:
        """Wait until `receive` would return something."""
        ...

    def receive(self, limit: int = 256) -> list[ReceivedFrame]:
        """Up to `limit` frames that have arrived; never waits."""
        ...

    def send(self, frames: Sequence[bytes]) -> None:
        """Send the frames in order; never waits. What the link cannot take after a few tries is loss, counted."""
        ...

    def statistics(self) -> LinkStatistics: ...

    def close(self) -> None:
        """Give everything back; idempotent."""
        ...


@runtime_checkable
class ChangingLink(Protocol):
    """A link whose MTU may become another while it is open."""

    async def wait_mtu(self) -> int:
        """Wait until the MTU is another one, and give it."""
        ...


@runtime_checkable
class SynLink(Protocol):
    """A link that keeps SYNs apart, so that many of them can be taken and answered at once."""

    def receive_others(self, limit: int = 256) -> list[ReceivedFrame]:
        """As `Link.receive`, without the SYNs."""
        ...

    def receive_syns(self, limit: int) -> tuple[SynBatch | None, list[ReceivedFrame]]:
        """Up to `limit` SYNs: a batch, if there are many, and those that are in none."""
        ...

    def send_blocks(self, blocks: Sequence[FrameBlock]) -> None:
        """Send frames as they lie in memory; otherwise as `Link.send`."""
        ...
