"""Whole packets go where they belong: to TCP, UDP, ICMP and the neighbours, and to the sniffer on their way.

What goes to a port that is left to the host is recognised here, and neither told nor answered.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import Final

from honeystack.net import sniffer
from honeystack.net.address import Exclusions, Path
from honeystack.net.groups import Groups
from honeystack.net.icmp import Icmp, QuotedError, read_error
from honeystack.net.neighbours import UNSPECIFIED, Neighbours
from honeystack.net.notices import AddressConflict, Anomaly, BoundReached, Notice, PacketSeen
from honeystack.net.output import Output, Rng
from honeystack.net.reachability import Condition, Reachability
from honeystack.net.settings import StackSettings
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.path_errors import note_path_mtu
from honeystack.net.udp import Udp
from honeystack.net.wire import arp, icmp, icmpv6, ipv4, ipv6, udp_lite
from honeystack.net.wire.arp import Arp
from honeystack.net.wire.ethernet import EthernetHeader
from honeystack.net.wire.facts import IcmpErrorKind, IpPacket
from honeystack.net.wire.icmp import IcmpMessage

BOUND_SECONDS: Final = 60.0  # between two notices about the same bound


class Fate(enum.IntEnum):
    """What became of a frame."""

    ANSWERED = 0  # by the stack itself: ARP, neighbour discovery, ICMP
    DELIVERED = 1  # to TCP, to UDP, to the fragments, or kept for a later answer
    IGNORED = 2  # not for us, or nothing that is answered
    MALFORMED = 3
    EXCLUDED = 4  # the host's
    FAULT = 5  # an error of ours


class Delivery:
    """Inputs: `packet`, `arp`, `bound`; a packet's fate is the answer, and what follows goes to `notices`."""

    def __init__(
        self, settings: StackSettings, output: Output, notices: deque[Notice], tcp: Tcp, udp: Udp, *, rng: Rng
    ) -> None:
        self._sniffer = settings.sniffer
        self._excluded = settings.exclusions.addresses
        self._limits = settings.limits
        self._notices = notices
        self._tcp = tcp
        self._udp = udp
        self._told: dict[str, float] = {}
        self.host_ports = {number: _port_table(settings.exclusions, number) for number in (ipv4.TCP, ipv4.UDP)}
        self.icmp = Icmp(
            output,
            addresses=settings.addresses,
            mac=settings.mac,
            rng=rng,
            remotes=settings.limits.icmp_remotes,
            reached=self.bound,
            midnight=settings.midnight,
        )
        self.neighbours = Neighbours(
            output, addresses=settings.addresses, mac=settings.mac, limit=settings.limits.neighbours
        )
        self.reachability = Reachability(
            *(output, self.neighbours),
            links=settings.links,
            mac=settings.mac,
            limit=settings.limits.neighbours,
            rng=rng,
        )
        self.groups = Groups(output, addresses=settings.addresses, mac=settings.mac, rng=rng)

    def packet(self, packet: IpPacket, now: float) -> Fate:
        if self.is_hosts(packet):
            return Fate.EXCLUDED
        protocol, version = packet.protocol, packet.path.version
        if protocol == icmpv6.PROTOCOL and version == 6:
            return self._icmpv6(packet, now)
        if packet.path.remote == UNSPECIFIED:
            return Fate.IGNORED
        if protocol == ipv4.TCP:
            if not packet.unicast:  # MUST-57
                return Fate.IGNORED
            self._tcp.receive_segment(packet.path, packet.payload, packet.facts, now, verify=packet.verify)
            return Fate.DELIVERED
        if protocol == ipv4.UDP:
            if self._udp.receive(_without_options(packet), now):
                return Fate.DELIVERED
            return answered(self.icmp.port_unreachable(packet, now))
        if protocol == icmp.PROTOCOL and version == 4:
            return self._icmpv4(packet, now)
        if protocol == ipv4.IGMP and version == 4:
            self._see(sniffer.igmp_seen, packet)
            return Fate.IGNORED
        self._see(sniffer.ip_seen, packet)
        if protocol == udp_lite.PROTOCOL:  # no program has it, but as Linux we know it
            udp_lite.check_udp_lite(packet.payload, packet.path.remote, packet.path.local, verify=packet.verify)
            return answered(self.icmp.port_unreachable(packet, now))
        if protocol == ipv4.PIM or (protocol == ipv6.NO_NEXT_HEADER and version == 6):  # Linux knows PIM as routers do
            return Fate.IGNORED
        return answered(self.icmp.protocol_unreachable(packet, now))

    def is_hosts(self, packet: IpPacket) -> bool:
        """Whether a packet goes to a port that is left to the host; its source has been looked at before."""
        table, payload = self.host_ports.get(packet.protocol), packet.payload
        return table is not None and len(payload) >= 4 and table[payload[2] << 8 | payload[3]]

    def arp(self, packet: Arp, ethernet: EthernetHeader, now: float) -> Fate:
        """Learn from ARP and answer it.

        As Linux does: who asks for us is believed, and becomes known; any other packet tells only where somebody is who
        is known or looked for already, and what was said in the last second stands, unless he announces himself.
        """
        sender, mac = packet.sender, packet.sender_mac
        to_us = ethernet.destination[0] & 1 == 0
        asks = packet.operation == arp.REQUEST and self.neighbours.owns(packet.target)
        if asks or (packet.operation in (arp.REQUEST, arp.REPLY) and self._is_sought(sender)):
            moved = self.neighbours.contradicts(sender, mac)
            if asks or not moved or is_announcement(packet) or not self.neighbours.is_locked(sender, now):
                path = Path(4, packet.target, sender, ethernet.destination, mac, ethernet.vlan)
                self._remember(path, now)
                self.reachability.hear(path, now, solicited=packet.operation == arp.REPLY and to_us, moved=moved)
        return answered(self.neighbours.receive_arp(packet, ethernet))

    def _is_sought(self, address: bytes) -> bool:
        """Whether a neighbour is known or asked for."""
        return self.neighbours.is_known(address) or self.reachability.condition(address) is not None

    def _remember(self, path: Path, now: float) -> None:
        """A neighbour has told its MAC address."""
        forgotten = self.neighbours.forgotten
        self.neighbours.remember(path.remote, path.remote_mac, path.vlan, now)
        if self.neighbours.forgotten > forgotten:
            self.bound("neighbours", None, now)

    def used(self, path: Path, now: float) -> None:
        """Something was sent to a peer."""
        if not self.reachability.use(path, now):
            self.bound("neighbours", None, now)

    def bound(self, name: str, path: Path | None, now: float) -> None:
        """Tell that a bound was reached, once in a while."""
        if now - self._told.get(name, float("-inf")) >= BOUND_SECONDS:
            self._told[name] = now
            self._notices.append(BoundReached(name, getattr(self._limits, name), path))

    def anomaly(self, path: Path, name: str) -> None:
        """Tell of an odd packet that went no further than its IP header."""
        self._notices.append(Anomaly(path, "ip", name))

    def _icmpv4(self, packet: IpPacket, now: float) -> Fate:
        message = icmp.decode_icmp(packet.payload, verify=packet.verify)
        if message.type in icmp.ERRORS:
            return self._icmp_error(packet, message, now)
        self._see_icmp(packet, message)
        return answered(self.icmp.receive(packet, message, now))

    def _icmpv6(self, packet: IpPacket, now: float) -> Fate:
        path = packet.path
        message = icmpv6.decode_icmpv6(packet.payload, path.remote, path.local, verify=packet.verify)
        if message.type < icmpv6.FIRST_INFORMATION:
            return self._icmp_error(packet, message, now)
        self._see_icmp(packet, message)
        if message.type in (icmpv6.NEIGHBOUR_SOLICITATION, icmpv6.NEIGHBOUR_ADVERTISEMENT):
            self._learn(packet, message, now)
            return answered(self.neighbours.receive_neighbour(packet, message))
        if message.type == icmpv6.MLD_QUERY:
            return Fate.DELIVERED if self.groups.receive_query(packet, message, now) else Fate.IGNORED
        if message.type == icmpv6.MLD_REPORT:
            self.groups.receive_report(message, now)
            return Fate.IGNORED
        group = path.local[0] == 0xFF
        if path.remote == UNSPECIFIED or (group and not self.groups.listens_to(path.local)):
            return Fate.IGNORED
        return answered(self.icmp.receive(packet, message, now))

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
        if len(error.quoted) < 8:
            return Fate.IGNORED
        if error.protocol != ipv4.TCP:
            return Fate.DELIVERED if self._path_error(error, now) else Fate.IGNORED
        self._tcp.icmp_error(error.path, error.quoted, error.kind, error.mtu, now)
        return Fate.DELIVERED

    def _path_error(self, error: QuotedError, now: float) -> bool:
        """What is said of the path of a datagram or an echo; whether it is believed, as it is in Linux."""
        if error.kind is not IcmpErrorKind.PACKET_TOO_BIG:
            return False
        if error.protocol == ipv4.UDP:
            sent = self._udp.listens(error.quoted[0] << 8 | error.quoted[1])
        elif error.path.version == 4:
            sent = error.protocol == icmp.PROTOCOL and error.quoted[0] == icmp.ECHO_REPLY
        else:
            sent = error.protocol == icmpv6.PROTOCOL
        return sent and note_path_mtu(self._tcp, error.path, error.mtu or 0, now) is not None

    def _learn(self, packet: IpPacket, message: IcmpMessage, now: float) -> None:
        """Learn from neighbour discovery who asks for us, and where he is whom we know or look for (RFC 4861 §7.2)."""
        neighbour, path = icmpv6.decode_neighbour(message), packet.path
        if packet.facts.ttl != icmpv6.NDP_HOP_LIMIT:
            return
        if message.type == icmpv6.NEIGHBOUR_SOLICITATION:
            if self.neighbours.owns(neighbour.target) and path.remote != UNSPECIFIED:
                self._heard(path, neighbour.link_address, icmpv6.OVERRIDE, now)
        elif self.neighbours.owns(neighbour.target):  # RFC 4862 §5.4.4
            mac = neighbour.link_address or path.remote_mac
            self._notices.append(AddressConflict(neighbour.target, mac, withdrawn=False))
        elif self._is_sought(neighbour.target) and not (neighbour.flags & icmpv6.SOLICITED and path.local[0] == 0xFF):
            self._heard(path._replace(remote=neighbour.target), neighbour.link_address, neighbour.flags, now)

    def _heard(self, path: Path, mac: bytes | None, flags: int, now: float) -> None:
        """RFC 4861 §7.2.5: another MAC address that does not override raises doubts, and no more."""
        address, solicited = path.remote, flags & icmpv6.SOLICITED != 0
        moved = mac is not None and self.neighbours.contradicts(address, mac)
        if moved and not flags & icmpv6.OVERRIDE:
            if self.reachability.condition(address) is Condition.REACHABLE:
                self.reachability.hear(path, now, solicited=False, moved=True)
            return
        if mac is not None:
            self._remember(path._replace(remote_mac=mac), now)
        if self.neighbours.is_known(address):
            self.reachability.hear(path, now, solicited=solicited, moved=moved)

    def _see(self, tell: Callable[[IpPacket], PacketSeen], packet: IpPacket) -> None:
        if self._sniffer:
            self._notices.append(tell(packet))

    def _see_icmp(self, packet: IpPacket, message: IcmpMessage) -> None:
        if self._sniffer:
            self._notices.append(sniffer.icmp_seen(packet, message))


def _without_options(packet: IpPacket) -> IpPacket:
    """A datagram's answers are a program's, and carry no options of the question's."""
    return packet._replace(path=packet.path._replace(options=b"")) if packet.path.options else packet


def is_announcement(packet: Arp) -> bool:
    """Whether somebody tells all of the link where he is (RFC 5227 §3)."""
    replies_to_itself = packet.operation != arp.REPLY or packet.target_mac == packet.sender_mac
    return packet.sender == packet.target and replies_to_itself


def _port_table(exclusions: Exclusions, protocol: int) -> list[bool]:
    """For each port whether it is left to the host: one look per packet, however many ranges there are."""
    table = [False] * 65536
    for ports in exclusions.ports:
        if ports.protocol in (None, protocol):
            table[ports.first : ports.last + 1] = [True] * (ports.last + 1 - ports.first)
    return table


def answered(was_answered: bool) -> Fate:
    return Fate.ANSWERED if was_answered else Fate.IGNORED
