"""What a segment is once it has been read, and how one is marked that no connection sends (RFC 9293 §3.1)."""

from __future__ import annotations

from typing import NamedTuple

Block = tuple[int, int]


class Segment(NamedTuple):
    """One received segment. `length` counts SYN and FIN (RFC 9293 §3.4)."""

    source_port: int
    destination_port: int
    seq: int
    ack: int
    flags: int
    window: int
    urgent: int
    timestamps: Block | None  # TSval, TSecr
    sack: tuple[Block, ...]
    options: bytes
    data: memoryview

    @property
    def length(self) -> int:
        return len(self.data) + (self.flags >> 1 & 1) + (self.flags & 1)


class MarkableSegment(bytes):
    """New data of a connection that uses ECN: routers may mark the packet instead of losing it (RFC 3168 §5)."""


class StraySegment(bytes):
    """A segment that no connection sends; `tos` is the peer's, which Linux gives back with a reset."""

    tos = 0
