"""The internet layer: IP packets judged and made whole (RFC 791, 1122, 8200), and handed on.

The order is always the same: what is from an excluded peer is the host's, what cannot be from a peer or is not for us
is ignored, fragments wait for the rest, and a whole packet is delivered.
"""

from __future__ import annotations

from honeystack.errors import Malformed
from honeystack.net.address import Path
from honeystack.net.anomalies import source_anomaly
from honeystack.net.delivery import Delivery, Fate, answered
from honeystack.net.fragments import Datagram as WholeDatagram
from honeystack.net.fragments import Fragment, Reassembler
from honeystack.net.neighbours import UNSPECIFIED
from honeystack.net.settings import StackSettings
from honeystack.net.wire import ipv4, ipv6
from honeystack.net.wire.checksum import checksum
from honeystack.net.wire.ethernet import IPV6, EthernetHeader
from honeystack.net.wire.facts import ChecksumState, IpFacts, IpPacket
from honeystack.net.wire.ipv4_options import Ipv4Options, Writer, read_options, time_of_day


class Internet:
    """Inputs: `receive_ipv4`, `receive_ipv6`, `handle_timeout`; each packet's fate is the answer."""

    def __init__(self, settings: StackSettings, delivery: Delivery) -> None:
        self.addresses = settings.addresses
        self._mac = settings.mac
        self._broadcasts = settings.broadcasts
        self._excluded = settings.exclusions.addresses
        self._shares_ports = bool(settings.exclusions.ports)
        self._midnight = settings.midnight
        self._delivery = delivery
        self._fragments = Reassembler(settings.limits)

    def handle_timeout(self, now: float) -> None:
        """Give up the datagrams whose rest has not come, and tell their senders."""
        for first in self._fragments.expire(now):
            packet = first.packet._replace(protocol=first.protocol)
            if packet.path.version == 6:
                packet = _at_upper_layer(packet)
            if not self._delivery.is_hosts(packet):
                self._delivery.icmp.time_exceeded(packet, now)

    def next_deadline(self) -> float | None:
        return self._fragments.next_deadline()

    @property
    def fragments_held(self) -> int:
        """Datagrams whose rest is awaited."""
        return len(self._fragments)

    def receive_ipv4(self, octets: memoryview, ethernet: EthernetHeader, now: float, state: ChecksumState) -> Fate:
        header = ipv4.decode_ipv4(octets, partial=state is ChecksumState.PARTIAL)
        local, remote = header.destination, header.source
        if remote in self._excluded:
            return Fate.EXCLUDED
        ours, to_us = local in self.addresses, ethernet.destination == self._mac
        if is_martian(remote) or remote in self.addresses or remote in self._broadcasts:  # MUST-63
            if ours and to_us:
                self._delivery.anomaly(_path(local, remote, ethernet), source_anomaly(local, remote, self.addresses))
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
        if header.header_length > ipv4.HEADER_LENGTH:
            found = self._options(packet, now)
            packet = _with_options(packet, found)
            if found.problem is not None or found.source_routed:
                return self._bad_options(packet, found, now, later_fragment=header.fragment_offset > 0)
        if header.more_fragments or header.fragment_offset:
            return self._fragment(
                Fragment(packet, header.ident, header.fragment_offset, header.more_fragments, header.protocol), now
            )
        return self._delivery.packet(packet, now)

    def receive_ipv6(
        self,
        octets: memoryview,
        ethernet: EthernetHeader,
        now: float,
        state: ChecksumState,
        *,
        rejoined: int | None = None,
    ) -> Fate:
        """Take a packet; `rejoined`: where what came in fragments begins, of one that was made whole."""
        header = ipv6.decode_ipv6(octets, partial=state is ChecksumState.PARTIAL, rejoined=rejoined)
        local, remote = header.destination, header.source
        if remote in self._excluded:
            return Fate.EXCLUDED
        ours, to_us = local in self.addresses, ethernet.destination == self._mac
        if remote in self.addresses or (remote != UNSPECIFIED and is_martian(remote)):
            if ours and to_us:
                self._delivery.anomaly(_path(local, remote, ethernet), source_anomaly(local, remote, self.addresses))
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
            fragment = header.fragment
            if not fragment.offset and not ipv6.chain_is_complete(octets, header.end):
                problem = problem or ipv6.Problem(ipv6.INCOMPLETE_CHAIN, 0)
            if not problem:
                packet = packet._replace(protocol_pointer=fragment.next_header_pointer)
                return self._fragment(
                    Fragment(packet, fragment.ident, fragment.offset, fragment.more, fragment.next_header), now
                )
        if problem or header.discard:
            return self._problem(packet, problem, now)
        return self._delivery.packet(packet, now)

    def _options(self, packet: IpPacket, now: float) -> Ipv4Options:
        writer = Writer(packet.path.local, time_of_day(now, self._midnight), self.addresses.__contains__)
        return read_options(bytes(packet.octets[ipv4.HEADER_LENGTH : packet.offset]), writer)

    def _bad_options(self, packet: IpPacket, found: Ipv4Options, now: float, *, later_fragment: bool) -> Fate:
        """IPv4 options that do not fit are told of; source routes are neither followed nor answered."""
        if not later_fragment and self._delivery.is_hosts(packet):
            return Fate.EXCLUDED
        if packet.unicast:
            self._delivery.anomaly(packet.path, "bad-ip-options" if found.problem is not None else "source-route")
        if found.problem is None or later_fragment:
            return Fate.IGNORED
        return answered(self._delivery.icmp.parameter_problem(packet, found.problem, now))

    def _problem(self, packet: IpPacket, problem: ipv6.Problem | None, now: float) -> Fate:
        """A header chain that cannot be followed: tell so, unless it is the host's packet or nobody may be told."""
        name = "routing-header" if packet.protocol == ipv6.ROUTING else "bad-extension-header"
        packet = _at_upper_layer(packet)
        # Where there are ports of the host's it is given every later fragment, as these name none, and answers it.
        later_fragment = packet.protocol == ipv6.FRAGMENT
        if self._delivery.is_hosts(packet) or (later_fragment and self._shares_ports):
            return Fate.EXCLUDED
        if packet.unicast:
            self._delivery.anomaly(packet.path, name)
        if problem is None or packet.path.remote == UNSPECIFIED:
            return Fate.IGNORED
        return answered(self._delivery.icmp.problem(packet, problem, now))

    def _fragment(self, fragment: Fragment, now: float) -> Fate:
        whole = self._fragments.receive(fragment, now)
        if self._fragments.reached:
            self._delivery.bound(self._fragments.reached, fragment.packet.path, now)
            self._fragments.reached = None
        if self._fragments.anomaly:
            self._delivery.anomaly(fragment.packet.path, self._fragments.anomaly)
            self._fragments.anomaly = None
        if whole is None:
            return Fate.DELIVERED
        path = whole.first.path
        octets = _rebuilt(whole)
        if path.version == 6:
            ethernet = EthernetHeader(path.local_mac, path.remote_mac, IPV6, path.vlan, 0)
            cut_at = whole.first.offset - 8
            return self.receive_ipv6(memoryview(octets), ethernet, now, ChecksumState.UNKNOWN, rejoined=cut_at)
        return self._delivery.packet(whole.first._replace(octets=octets, verify=True), now)


def _with_options(packet: IpPacket, options: Ipv4Options) -> IpPacket:
    """The packet as it is once its receiver has written into its options; what it is answered with."""
    octets = bytearray(packet.octets)
    octets[ipv4.HEADER_LENGTH : packet.offset] = options.written  # as Linux, the header's checksum stays as it came
    return packet._replace(path=packet.path._replace(options=options.reply), octets=memoryview(octets))


def _path(local: bytes, remote: bytes, ethernet: EthernetHeader) -> Path:
    version = 4 if len(local) == 4 else 6
    return Path(version, local, remote, ethernet.destination, ethernet.source, ethernet.vlan)


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


def _at_upper_layer(packet: IpPacket) -> IpPacket:
    protocol, offset, pointer = ipv6.upper_layer(packet.octets, len(packet.octets))
    return packet._replace(protocol=protocol, offset=offset, protocol_pointer=pointer)


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
