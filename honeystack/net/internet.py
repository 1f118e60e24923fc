"""The internet layer: IP packets judged, made whole, and handed to TCP, UDP and ICMP (RFC 791, 1122, 8200).

The order is always the same: what is the host's is left alone, what cannot be from a peer or is not for us is
ignored, sniffer mode is told, and then the packet's protocol has it.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable

import attrs

from honeystack.errors import Malformed
from honeystack.net import sniffer
from honeystack.net.address import AddressSet, Exclusions, Path
from honeystack.net.fragments import Datagram as WholeDatagram
from honeystack.net.fragments import Fragment, Reassembler
from honeystack.net.icmp import Icmp, read_error
from honeystack.net.limits import Limits
from honeystack.net.neighbours import UNSPECIFIED, Neighbours
from honeystack.net.notices import BoundReached, Notice, PacketSeen
from honeystack.net.output import Output, Rng
from honeystack.net.persona import Persona
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.udp import Udp
from honeystack.net.wire import icmp, icmpv6, ipv4, ipv6
from honeystack.net.wire.checksum import checksum
from honeystack.net.wire.ethernet import IPV6, EthernetHeader
from honeystack.net.wire.facts import ChecksumState, IpFacts, IpPacket
from honeystack.net.wire.icmp import IcmpMessage

BOUND_SECONDS = 60.0  # between two notices about the same bound


class Fate(enum.IntEnum):
    """What became of a frame."""

    ANSWERED = 0  # by the stack itself: ARP, neighbour discovery, ICMP
    DELIVERED = 1  # to TCP, to UDP, to the fragments, or kept for a later answer
    IGNORED = 2  # not for us, or nothing that is answered
    MALFORMED = 3
    EXCLUDED = 4  # the host's
    FAULT = 5  # an error of ours


@attrs.frozen
class StackSettings:
    """What one stack is told at its birth."""

    mac: bytes
    addresses: AddressSet
    mtu: int = 1500  # of the link, in bytes
    exclusions: Exclusions = attrs.field(factory=Exclusions)
    sniffer: bool = False
    persona: Persona = attrs.field(factory=Persona)
    limits: Limits = attrs.field(factory=Limits)
    secret: bytes = attrs.field(default=b"", repr=False)  # keys cookies and initial sequence numbers


class Internet:
    """Inputs: `receive_ipv4`, `receive_ipv6`, `remember`, `handle_timeout`; each packet's fate is the answer."""

    def __init__(
        self, settings: StackSettings, output: Output, notices: deque[Notice], tcp: Tcp, udp: Udp, *, rng: Rng
    ) -> None:
        self.addresses = settings.addresses
        self._mac = settings.mac
        self._sniffer = settings.sniffer
        self._excluded = settings.exclusions.addresses
        self._limits = settings.limits
        self.host_ports = {number: _port_table(settings.exclusions, number) for number in (ipv4.TCP, ipv4.UDP)}
        self._notices = notices
        self._tcp = tcp
        self._udp = udp
        self._icmp = Icmp(output, addresses=settings.addresses, mac=settings.mac, rng=rng)
        self.neighbours = Neighbours(
            output, addresses=settings.addresses, mac=settings.mac, limit=settings.limits.neighbours, rng=rng
        )
        self._fragments = Reassembler(settings.limits)
        self._told: dict[str, float] = {}

    def handle_timeout(self, now: float) -> None:
        self.neighbours.handle_timeout(now)
        for first in self._fragments.expire(now):
            if not self._is_hosts(first.packet._replace(protocol=first.protocol)):
                self._icmp.time_exceeded(first.packet._replace(protocol=first.protocol), now)

    def next_deadline(self) -> float | None:
        deadlines = (self.neighbours.next_deadline(), self._fragments.next_deadline())
        return min((at for at in deadlines if at is not None), default=None)

    def statistics(self) -> dict[str, int]:
        return {"fragments_held": len(self._fragments), "neighbours_forgotten": self.neighbours.forgotten}

    def remember(self, address: bytes, mac: bytes, vlan: int | None, now: float) -> None:
        """A neighbour has told its MAC address."""
        forgotten = self.neighbours.forgotten
        self.neighbours.remember(address, mac, vlan)
        if self.neighbours.forgotten > forgotten:
            self._bound("neighbours", None, now)

    def receive_ipv4(self, octets: memoryview, ethernet: EthernetHeader, now: float, state: ChecksumState) -> Fate:
        header = ipv4.decode_ipv4(octets, partial=state is ChecksumState.PARTIAL)
        local, remote = header.destination, header.source
        if remote in self._excluded:
            return Fate.EXCLUDED
        ours, to_us = local in self.addresses, ethernet.destination == self._mac
        if header.source_routed or is_martian(remote) or remote in self.addresses:
            return Fate.IGNORED
        if not ours and not _is_group(local, broadcast=not to_us):
            return Fate.IGNORED
        packet = IpPacket(
            Path(4, local, remote, ethernet.destination, ethernet.source, ethernet.vlan),
            header.protocol,
            octets[: header.total_length],
            header.header_length,
            IpFacts(header.ttl, header.ident, header.dont_fragment, header.tos),
            ours and to_us,
            state is ChecksumState.UNKNOWN,
        )
        if header.more_fragments or header.fragment_offset:
            return self._fragment(
                Fragment(packet, header.ident, header.fragment_offset, header.more_fragments, header.protocol), now
            )
        return self._packet(packet, now)

    def receive_ipv6(
        self,
        octets: memoryview,
        ethernet: EthernetHeader,
        now: float,
        state: ChecksumState,
        *,
        reassembled: bool = False,
    ) -> Fate:
        header = ipv6.decode_ipv6(octets, partial=state is ChecksumState.PARTIAL)
        local, remote = header.destination, header.source
        if remote in self._excluded:
            return Fate.EXCLUDED
        ours, to_us = local in self.addresses, ethernet.destination == self._mac
        if remote in self.addresses or (remote != UNSPECIFIED and is_martian(remote)):
            return Fate.IGNORED
        if not ours and local[0] != 0xFF:
            return Fate.IGNORED
        packet = IpPacket(
            Path(6, local, remote, ethernet.destination, ethernet.source, ethernet.vlan),
            header.protocol,
            octets[: header.end],
            header.offset,
            IpFacts(header.hop_limit, 0, dont_fragment=True, tos=header.traffic_class),
            ours and to_us,
            state is ChecksumState.UNKNOWN,
            header.protocol_pointer,
        )
        problem = header.problem
        if header.fragment is not None:
            if reassembled:
                raise Malformed("a fragment header within a datagram that came in fragments")
            fragment = header.fragment
            is_first = fragment.more and not fragment.offset
            if is_first and not ipv6.chain_is_complete(octets, fragment, header.offset, header.end):
                problem = problem or ipv6.Problem(ipv6.INCOMPLETE_CHAIN, 0)
            if not problem:
                packet = packet._replace(protocol_pointer=fragment.next_header_pointer)
                return self._fragment(
                    Fragment(packet, fragment.ident, fragment.offset, fragment.more, fragment.next_header), now
                )
        if problem or header.discard:
            return self._problem(packet, problem, now)
        return self._packet(packet, now)

    def _problem(self, packet: IpPacket, problem: ipv6.Problem | None, now: float) -> Fate:
        """A header chain that cannot be followed: tell so, unless it is the host's packet or nobody may be told."""
        protocol, offset, pointer = ipv6.upper_layer(packet.octets, len(packet.octets))
        packet = packet._replace(protocol=protocol, offset=offset, protocol_pointer=pointer)
        if self._is_hosts(packet):
            return Fate.EXCLUDED
        if problem is None or packet.path.remote == UNSPECIFIED:
            return Fate.IGNORED
        return _answered(self._icmp.problem(packet, problem, now))

    def _fragment(self, fragment: Fragment, now: float) -> Fate:
        whole = self._fragments.receive(fragment, now)
        if self._fragments.reached:
            self._bound(self._fragments.reached, fragment.packet.path, now)
            self._fragments.reached = None
        if whole is None:
            return Fate.DELIVERED
        path = whole.first.path
        octets = _rebuilt(whole)
        if path.version == 6:
            ethernet = EthernetHeader(path.local_mac, path.remote_mac, IPV6, path.vlan, 0)
            return self.receive_ipv6(memoryview(octets), ethernet, now, ChecksumState.UNKNOWN, reassembled=True)
        return self._packet(whole.first._replace(octets=octets, verify=True), now)

    # one whole packet, judged

    def _packet(self, packet: IpPacket, now: float) -> Fate:
        if self._is_hosts(packet):
            return Fate.EXCLUDED
        protocol, version = packet.protocol, packet.path.version
        if protocol == icmpv6.PROTOCOL and version == 6:
            return self._icmpv6(packet, now)
        if packet.path.remote == UNSPECIFIED:
            return Fate.IGNORED
        if protocol == ipv4.TCP:
            if not packet.unicast:
                return Fate.IGNORED
            self._tcp.receive_segment(packet.path, packet.payload, packet.facts, now, verify=packet.verify)
            return Fate.DELIVERED
        if protocol == ipv4.UDP:
            if self._udp.receive(packet, now):
                return Fate.DELIVERED
            return _answered(self._icmp.port_unreachable(packet, now))
        if protocol == icmp.PROTOCOL and version == 4:
            return self._icmpv4(packet, now)
        if protocol == ipv4.IGMP and version == 4:
            self._see(sniffer.igmp_seen, packet)
            return Fate.IGNORED
        self._see(sniffer.ip_seen, packet)
        if protocol == ipv6.NO_NEXT_HEADER and version == 6:
            return Fate.IGNORED
        return _answered(self._icmp.protocol_unreachable(packet, now))

    def _icmpv4(self, packet: IpPacket, now: float) -> Fate:
        message = icmp.decode_icmp(packet.payload, verify=packet.verify)
        if message.type in icmp.ERRORS:
            return self._icmp_error(packet, message, now)
        self._see_icmp(packet, message)
        return _answered(self._icmp.receive(packet, message, now))

    def _icmpv6(self, packet: IpPacket, now: float) -> Fate:
        path = packet.path
        message = icmpv6.decode_icmpv6(packet.payload, path.remote, path.local, verify=packet.verify)
        if message.type < icmpv6.FIRST_INFORMATION:
            return self._icmp_error(packet, message, now)
        self._see_icmp(packet, message)
        if message.type in (icmpv6.NEIGHBOUR_SOLICITATION, icmpv6.NEIGHBOUR_ADVERTISEMENT):
            self._learn(packet, message, now)
            return _answered(self.neighbours.receive_neighbour(packet, message))
        if message.type == icmpv6.MLD_QUERY:
            return Fate.DELIVERED if self.neighbours.receive_query(packet, message, now) else Fate.IGNORED
        if path.remote == UNSPECIFIED or not (packet.unicast or path.local == icmpv6.ALL_NODES):
            return Fate.IGNORED
        return _answered(self._icmp.receive(packet, message, now))

    def _icmp_error(self, packet: IpPacket, message: IcmpMessage, now: float) -> Fate:
        """What somebody on the way says about a packet of ours, or of the host's."""
        error = read_error(packet, message)
        if error is not None and len(error.quoted) >= 4 and error.protocol in self.host_ports:
            port = error.quoted[0] << 8 | error.quoted[1]
            if self.host_ports[error.protocol][port] or error.path.remote in self._excluded:
                return Fate.EXCLUDED
        elif error is not None and error.path.remote in self._excluded:
            return Fate.EXCLUDED
        self._see_icmp(packet, message)
        if error is None or not packet.unicast or error.path.local != packet.path.local:
            return Fate.IGNORED
        if error.protocol != ipv4.TCP or len(error.quoted) < 8:
            return Fate.IGNORED
        self._tcp.icmp_error(error.path, error.quoted, error.kind, error.mtu, now)
        return Fate.DELIVERED

    def _learn(self, packet: IpPacket, message: IcmpMessage, now: float) -> None:
        neighbour = icmpv6.decode_neighbour(message)
        if packet.facts.ttl == icmpv6.NDP_HOP_LIMIT and neighbour.link_address and packet.path.remote != UNSPECIFIED:
            self.remember(packet.path.remote, neighbour.link_address, packet.path.vlan, now)

    def _is_hosts(self, packet: IpPacket) -> bool:
        """Whether a packet goes to a port that is left to the host; its source has been looked at before."""
        table, payload = self.host_ports.get(packet.protocol), packet.payload
        return table is not None and len(payload) >= 4 and table[payload[2] << 8 | payload[3]]

    def _see(self, tell: Callable[[IpPacket], PacketSeen], packet: IpPacket) -> None:
        if self._sniffer:
            self._notices.append(tell(packet))

    def _see_icmp(self, packet: IpPacket, message: IcmpMessage) -> None:
        if self._sniffer:
            self._notices.append(sniffer.icmp_seen(packet, message))

    def _bound(self, name: str, path: Path | None, now: float) -> None:
        """Tell that a bound was reached, once in a while."""
        if now - self._told.get(name, float("-inf")) >= BOUND_SECONDS:
            self._told[name] = now
            self._notices.append(BoundReached(name, getattr(self._limits, name), path))


def is_martian(source: bytes) -> bool:
    """Whether a packed address can be no peer's: unspecified, loopback, a group, a broadcast, or mapped IPv4."""
    if len(source) == 4:
        return source[0] in (0, 127) or source[0] >= 224
    return source[0] == 0xFF or (source[:10] == bytes(10) and source[10:12] in (b"\0\0", b"\xff\xff"))


def _is_group(local: bytes, *, broadcast: bool) -> bool:
    """Whether an IPv4 destination is a group, or in a broadcast frame a broadcast of some network.

    Prefix lengths are not known here; the directed broadcasts of nearly all networks end in 255.
    """
    return 224 <= local[0] < 240 or local == ipv4.LIMITED_BROADCAST or (broadcast and local[3] == 0xFF)


def _port_table(exclusions: Exclusions, protocol: int) -> list[bool]:
    """For each port whether it is left to the host: one look per packet, however many ranges there are."""
    table = [False] * 65536
    for ports in exclusions.ports:
        if ports.protocol in (None, protocol):
            table[ports.first : ports.last + 1] = [True] * (ports.last + 1 - ports.first)
    return table


def _answered(answered: bool) -> Fate:
    return Fate.ANSWERED if answered else Fate.IGNORED


def _rebuilt(whole: WholeDatagram) -> bytes:
    """The packet that the datagram would have come in without fragments."""
    first = whole.first
    if first.path.version == 4:
        header = bytearray(first.octets[: first.offset])
        header[2:4] = (len(header) + len(whole.data)).to_bytes(2, "big")
        header[6:8] = header[10:12] = bytes(2)
        header[10:12] = checksum(header).to_bytes(2, "big")
        return bytes(header) + whole.data
    start = first.offset - 8  # the fragment header goes, and who named it names what it named
    header = bytearray(first.octets[:start])
    header[first.protocol_pointer] = whole.protocol
    length = start - ipv6.HEADER_LENGTH + len(whole.data)
    if length > 0xFFFF:
        raise Malformed("fragments of a datagram longer than IPv6 can tell")
    header[4:6] = length.to_bytes(2, "big")
    return bytes(header) + whole.data
