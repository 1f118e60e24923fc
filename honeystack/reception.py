"""What a listener is given: where its conversations go, and what is planned for each port.

The assembly above implements Reception; listeners, which may not know it, receive it as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from honeystack.conversation import Conversation, DatagramConversation, FirstBytes
from honeystack.events.event import Identity
from honeystack.events.recorder import Recorder
from honeystack.net.address import Endpoint
from honeystack.net.notices import BoundReached


@attrs.frozen
class PortPlan:
    """What is planned for one local port. Without services and without a certificate it is plain sensor mode."""

    services: tuple[str, ...] = ()  # names from the config, in the order they are asked
    certificate: bool = False  # TLS can be answered here
    first_wait: float = 1.0  # seconds to wait for the peer's first bytes before a server-first service speaks
    speaks_first: bool = False  # one of the services speaks before the peer does


@attrs.frozen
class CaptureLimits:
    """How much of a peer's bytes an event keeps, and how long a pause ends the first bytes."""

    payload_bytes: int = 64 * 1024  # of the first bytes of a connection, and of a datagram, that an event keeps
    pause: float = 1.0  # seconds without a byte that end a capture
    idle: float = 60.0  # seconds without a byte that end a connection in sensor mode


class Reception(Protocol):
    """The listener's view of the house."""

    recorder: Recorder
    capture: CaptureLimits

    def plan_for(self, transport: str, local: Endpoint) -> PortPlan:
        """What is planned for "tcp" or "udp" on a local address and port; cheap, called per connection."""
        ...

    def planned_ports(self, transport: str) -> tuple[tuple[str | None, int], ...]:
        """The (address or None, port) pairs that the config names, for listeners that must open each."""
        ...

    def first_bytes(self, identity: Identity) -> FirstBytes:
        """What keeps the first bytes of a new connection."""
        ...

    def watch(
        self, counters: Callable[[], Mapping[str, int]], noticed: Callable[[BoundReached], None] | None = None
    ) -> None:
        """The listener's counters, asked for each heartbeat: flat, keys as the heartbeat declares them.

        `noticed` takes the bounds that conversations reach, to tell repeats together; without it each is told alone.
        """
        ...

    def answer_at_once(self, peer: Conversation) -> bool:
        """Hold a conversation whose first bytes are ahead to its end without waiting; cheap where that cannot be.

        False: nothing has been done, and it is for `converse`. Never raises for a peer.
        """
        ...

    async def converse(self, peer: Conversation) -> None:
        """Hold a TCP conversation to its end: TLS, recognition, service or capture. Never raises for a peer."""
        ...

    async def converse_datagrams(self, peer: DatagramConversation) -> None:
        """Hold a UDP conversation to its end. Only for ports with a service. Never raises for a peer."""
        ...
