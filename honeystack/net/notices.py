"""Notices: what the pure core tells its driver. None of them is an event; the floor above makes events of them."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from honeystack.net.address import Path

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection


class CloseReason(enum.Enum):
    """Why a connection ended; the value is what the `close` event says."""

    FIN = "fin"  # both sides finished in order
    RST = "rst"  # reset by the peer, or by us because of what the peer did
    TIMEOUT = "timeout"  # the peer no longer answered
    SHED = "shed"  # given up for a bound
    SHUTDOWN = "shutdown"  # the honeypot stops


class SynFacts(NamedTuple):
    """What the peer's SYN looked like; the raw material of p0f-style signatures."""

    ttl: int
    window: int
    mss: int | None
    window_scale: int | None
    options: bytes  # option kinds in order, one byte each
    dont_fragment: bool
    ip_id: int
    sequence: int
    from_cookie: bool = False  # rebuilt from a SYN cookie: only mss, window scale and time are known


class Accepted(NamedTuple):
    """A handshake has been completed by the peer."""

    connection: Connection


class Readable(NamedTuple):
    """Octets, or the end of them, can be received from the connection."""

    connection: Connection


class Writable(NamedTuple):
    """The send buffer has room again."""

    connection: Connection


class Closed(NamedTuple):
    """The connection is over; its counters are final. It is the last notice about it."""

    connection: Connection
    reason: CloseReason


class HalfOpen(NamedTuple):
    """A SYN was answered and the handshake never completed."""

    path: Path
    local_port: int
    remote_port: int
    syn: SynFacts
    reset: bool  # ended by the peer's RST, not by time


class Scanned(NamedTuple):
    """A peer tried a port, whether or not anything came of it: food for scan detection."""

    path: Path
    protocol: str
    local_port: int
    remote_port: int
    times: int = 1


class Datagram(NamedTuple):
    """A UDP datagram for us, whole."""

    path: Path
    local_port: int
    remote_port: int
    data: bytes
    answerable: bool  # False to broadcast, multicast, or from where an answer must not go


class PacketSeen(NamedTuple):
    """A frame that sniffer mode tells of; header fields as the category's event wants them."""

    category: str  # arp, icmp, icmp6, ndp, igmp, mld, ip, ethernet
    protocol: str
    path: Path | None
    message: str  # one line, as tcpdump would print it
    fields: dict[str, object]
    payload: bytes


class Damaged(NamedTuple):
    """A frame that did not parse; it cost itself only."""

    frame: bytes
    reason: str


class Fault(NamedTuple):
    """Our own code failed on a frame or timer; contained, and told."""

    frame: bytes
    error: BaseException


class Anomaly(NamedTuple):
    """A packet as no honest peer sends it; `name` is one of net.anomalies.NAMES."""

    path: Path
    protocol: str  # tcp, udp, icmp, icmpv6, or ip where it is below them
    name: str
    local_port: int = 0  # 0: none, or not known
    remote_port: int = 0


class AddressConflict(NamedTuple):
    """Another host uses an address of ours."""

    address: bytes  # packed
    mac: bytes  # of the other host
    withdrawn: bool  # found before we answered for it, and so we do not


class MtuChanged(NamedTuple):
    """The link's MTU has become another; both in bytes."""

    before: int
    mtu: int


class BoundReached(NamedTuple):
    """A named bound was reached, and what was given up for it."""

    bound: str
    limit: int
    path: Path | None


Notice = (
    Accepted
    | Readable
    | Writable
    | Closed
    | HalfOpen
    | Scanned
    | Datagram
    | PacketSeen
    | Damaged
    | Fault
    | Anomaly
    | AddressConflict
    | MtuChanged
    | BoundReached
)
