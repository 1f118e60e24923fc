"""ICMP and ICMPv6: echo, errors by one predicate, and what errors of others tell (RFC 792, 1122, 4443, 5927)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from honeystack.errors import Malformed
from honeystack.net.address import AddressSet, Path
from honeystack.net.output import Output, Rng
from honeystack.net.wire import icmp, icmpv6, ipv4, ipv6
from honeystack.net.wire.facts import IcmpErrorKind, IpPacket
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.ipv4_options import time_of_day

# Linux: an error is at most 576 bytes long over IPv4 (RFC 1812 §4.3.2.3) and 1280 over IPv6 (RFC 4443 §2.4 c).
QUOTE_LIMITS: Final = {
    4: 576 - ipv4.HEADER_LENGTH - icmp.HEADER_LENGTH,
    6: 1280 - ipv6.HEADER_LENGTH - icmp.HEADER_LENGTH,
}
ERROR_PRECEDENCE: Final = 0xC0  # of IPv4 errors: "internetwork control", with the packet's own service (Linux)
SERVICE_BITS: Final = 0x1E

# Linux: icmp_msgs_per_sec, icmp_msgs_burst, icmp_ratelimit and XRLIM_BURST_FACTOR.
OVERALL_RATE: Final = 1000.0
OVERALL_BURST: Final = 50.0
PEER_RATES: Final = {4: 1.0, 16: 10.0}  # by the length of an address
PEER_BURST: Final = 6.0


class QuotedError(NamedTuple):
    """What an error of others says about a packet that we are said to have sent."""

    path: Path  # from us to whom the quoted packet went
    protocol: int
    quoted: bytes  # the quoted packet from its upper-layer header on
    kind: IcmpErrorKind
    mtu: int | None


class Icmp:
    """Inputs: `receive` and one per kind of error; each says whether it gave an answer to `output`.

    The rates of errors are remembered for so many `remotes`; `reached` is told the name of that bound.
    """

    def __init__(
        self,
        output: Output,
        *,
        addresses: AddressSet,
        mac: bytes,
        rng: Rng,
        remotes: int,
        reached: Callable[[str, Path, float], None],
        midnight: float | None = None,
    ) -> None:
        self._output = output
        self._mac = mac
        self._addresses = addresses
        self._midnight = midnight
        self._own = [n.network_address.packed for n in addresses if n.version == 6 and n.prefixlen == 128]
        self._buckets = ErrorBuckets(rng, remotes)
        self._reached = reached

    def receive(self, packet: IpPacket, message: IcmpMessage, now: float) -> bool:
        """Answer a request."""
        six = packet.path.version == 6
        path = packet.path if packet.unicast else self._own_path(packet.path)
        if path is None:
            return False
        if message.type == (icmpv6.ECHO_REQUEST if six else icmp.ECHO_REQUEST):
            self._send(path, message._replace(type=icmpv6.ECHO_REPLY if six else icmp.ECHO_REPLY), packet.facts.tos)
            return True
        if message.type == icmp.TIMESTAMP and not six and len(message.data) >= 4:
            stamp = time_of_day(now, self._midnight)
            self._send(path, IcmpMessage(icmp.TIMESTAMP_REPLY, 0, message.rest, message.data[:4] + stamp * 2), 0)
            return True
        return False

    def port_unreachable(self, packet: IpPacket, now: float) -> bool:
        if packet.path.version == 6:
            return self._error(packet, IcmpMessage(icmpv6.UNREACHABLE, icmpv6.PORT_UNREACHABLE, 0, b""), now)
        return self._error(packet, IcmpMessage(icmp.UNREACHABLE, icmp.PORT_UNREACHABLE, 0, b""), now)

    def protocol_unreachable(self, packet: IpPacket, now: float) -> bool:
        if packet.path.version == 6:
            return self.problem(packet, ipv6.Problem(ipv6.UNKNOWN_NEXT_HEADER, packet.protocol_pointer), now)
        return self._error(packet, IcmpMessage(icmp.UNREACHABLE, icmp.PROTOCOL_UNREACHABLE, 0, b""), now)

    def parameter_problem(self, packet: IpPacket, pointer: int, now: float) -> bool:
        """Tell that an IPv4 option is wrong, and where in the header."""
        return self._error(packet, IcmpMessage(icmp.PARAMETER_PROBLEM, 0, pointer << 24, b""), now)

    def problem(self, packet: IpPacket, problem: ipv6.Problem, now: float) -> bool:
        """Answer with a parameter problem of IPv6."""
        message = IcmpMessage(icmpv6.PARAMETER_PROBLEM, problem.code, problem.pointer, b"")
        if not may_answer(
            packet, even_to_multicast=problem.even_to_multicast, headless=problem.code == ipv6.INCOMPLETE_CHAIN
        ):
            return False
        return self._tell(packet, message, now)

    def time_exceeded(self, packet: IpPacket, now: float) -> bool:
        """Tell that the rest of a datagram never came; `packet` is its first fragment."""
        if packet.path.version == 6:
            return self._error(packet, IcmpMessage(icmpv6.TIME_EXCEEDED, icmpv6.REASSEMBLY_TIME_EXCEEDED, 0, b""), now)
        return self._error(packet, IcmpMessage(icmp.TIME_EXCEEDED, icmp.REASSEMBLY_TIME_EXCEEDED, 0, b""), now)

    def _error(self, packet: IpPacket, message: IcmpMessage, now: float) -> bool:
        return may_answer(packet) and self._tell(packet, message, now)

    def _tell(self, packet: IpPacket, message: IcmpMessage, now: float) -> bool:
        path = packet.path if packet.unicast else self._own_path(packet.path)
        if path is None:
            return False
        forgotten = self._buckets.forgotten
        allowed = self._buckets.take(path.remote, now)
        if self._buckets.forgotten > forgotten:
            self._reached("icmp_remotes", path, now)
        if not allowed:
            return False
        quote = bytes(packet.octets[: QUOTE_LIMITS[path.version]])
        tos = ERROR_PRECEDENCE | packet.facts.tos & SERVICE_BITS if path.version == 4 else 0
        self._send(path, message._replace(data=quote), tos)
        return True

    def _own_path(self, path: Path) -> Path | None:
        """From where to answer what came in a group's frame: where it went, or for a group's address, one of ours."""
        if path.local in self._addresses:
            return path._replace(local_mac=self._mac)
        if path.version == 4:
            return None  # Linux: icmp_echo_ignore_broadcasts
        for own in self._own:
            if _is_link_local(own) == _is_link_local(path.remote):
                return path._replace(local=own, local_mac=self._mac)
        return None

    def _send(self, path: Path, message: IcmpMessage, tos: int) -> None:
        if path.version == 6:
            data = icmpv6.encode_icmpv6(message, path.local, path.remote)
            self._output.packet(path, icmpv6.PROTOCOL, data, tos=tos)
        else:
            self._output.packet(path, icmp.PROTOCOL, icmp.encode_icmp(message), tos=tos)


def may_answer(packet: IpPacket, *, even_to_multicast: bool = False, headless: bool = False) -> bool:
    """May this packet be answered with an error (RFC 1122 §3.2.2, RFC 4443 §2.4 e)?

    Not where it went to a group or broadcast, and not where it is an error itself or may be one. That its source is
    one host's has been seen to before. `even_to_multicast`: an unknown option of IPv6 may ask for it. `headless`: also
    where a first fragment does not say what ICMPv6 it carries, as Linux has it.
    """
    if not packet.unicast and not even_to_multicast:
        return False
    payload = packet.payload
    if packet.protocol == icmp.PROTOCOL and packet.path.version == 4:
        return len(payload) > 0 and payload[0] not in icmp.ERRORS and payload[0] <= 18
    if packet.protocol == icmpv6.PROTOCOL and packet.path.version == 6:
        if not payload:
            return headless
        return payload[0] >= icmpv6.FIRST_INFORMATION and payload[0] != icmpv6.REDIRECT
    return True


def _is_link_local(address: bytes) -> bool:
    return address[0] == 0xFE and address[1] & 0xC0 == 0x80


class ErrorBuckets:
    """Token buckets for errors: one overall, one per destination (an IPv6 destination is its /64).

    The overall bucket empties by a random step, as Linux does since CVE-2020-25705: its level tells nobody which
    of another's packets were answered. Of more than `limit` destinations the one answered longest ago is forgotten.
    """

    def __init__(self, rng: Rng, limit: int) -> None:
        self.forgotten = 0
        self._rng = rng
        self._limit = limit
        self._level, self._at = OVERALL_BURST, 0.0
        self._peers: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, remote: bytes, now: float) -> bool:
        self._level = min(OVERALL_BURST, self._level + (now - self._at) * OVERALL_RATE)
        self._at = now
        key = remote[:8] if len(remote) == 16 else remote
        level, at = self._peers.pop(key, (PEER_BURST, now))
        level = min(PEER_BURST, level + (now - at) * PEER_RATES[len(remote)])
        allowed = self._level >= 1.0 and level >= 1.0
        if allowed:
            level -= 1.0
            self._level = max(0.0, self._level - 1.0 - int(self._rng.random() * 3))
        self._peers[key] = (level, now)
        if len(self._peers) > self._limit:
            self._peers.popitem(last=False)
            self.forgotten += 1
        return allowed


def read_error(packet: IpPacket, message: IcmpMessage) -> QuotedError | None:
    """What an error of others quotes; None for messages that are no errors. Raises Malformed for a broken quote."""
    six = packet.path.version == 6
    known = _kind6(message) if six else _kind4(message)
    if known is None:
        return None
    local, remote, protocol, offset = _quoted6(message.data) if six else _quoted4(message.data)
    kind, mtu = known
    path = packet.path._replace(local=local, remote=remote)
    return QuotedError(path, protocol, message.data[offset:], kind, mtu)


def _kind4(message: IcmpMessage) -> tuple[IcmpErrorKind, int | None] | None:
    if message.type == icmp.UNREACHABLE:
        if message.code == icmp.FRAGMENTATION_NEEDED:
            return IcmpErrorKind.PACKET_TOO_BIG, message.rest & 0xFFFF
        # As Linux's icmp_err_convert: only protocol, port and "prohibited" are fatal, the others may pass.
        return (IcmpErrorKind.HARD if message.code in (2, 3, 9, 10, 13) else IcmpErrorKind.SOFT), None
    if message.type in (icmp.TIME_EXCEEDED, icmp.PARAMETER_PROBLEM):
        return IcmpErrorKind.SOFT, None
    # MUST-55
    return None  # RFC 6633: source quench is dead; redirects are not for a host that answers the way the peer came


def _kind6(message: IcmpMessage) -> tuple[IcmpErrorKind, int | None] | None:
    if message.type == icmpv6.PACKET_TOO_BIG:
        return IcmpErrorKind.PACKET_TOO_BIG, message.rest
    if message.type == icmpv6.UNREACHABLE:
        # As Linux's icmpv6_err_convert: not what is about a route, an address or a scope.
        return (IcmpErrorKind.SOFT if message.code in (0, 2, 3) else IcmpErrorKind.HARD), None
    if message.type == icmpv6.PARAMETER_PROBLEM:
        return IcmpErrorKind.HARD, None
    if message.type == icmpv6.TIME_EXCEEDED:
        return IcmpErrorKind.SOFT, None
    return None


def _quoted4(quote: bytes) -> tuple[bytes, bytes, int, int]:
    offset = (quote[0] & 0x0F) * 4 if quote else 0
    if len(quote) < 28 or quote[0] >> 4 != 4 or offset < 20 or offset + 8 > len(quote):
        raise Malformed("an ICMP error quotes no IPv4 packet with eight bytes of payload")
    return quote[12:16], quote[16:20], quote[9], offset


def _quoted6(quote: bytes) -> tuple[bytes, bytes, int, int]:
    if len(quote) < 48 or quote[0] >> 4 != 6:
        raise Malformed("an ICMPv6 error quotes no IPv6 packet with eight bytes of payload")
    protocol, offset, _ = ipv6.upper_layer(quote, len(quote))
    return quote[8:24], quote[24:40], protocol, offset
