"""What hosts of one link owe each other: ARP, neighbour discovery, multicast listener reports.

RFC 826 and 5227, RFC 4861 and 4862 as far as a host answers, RFC 3810 and 2710. Of IPv4 groups only all-hosts is
listened to, which IGMP never reports (RFC 3376 §5), so queries of IGMP have no answer. As Linux, an address that
another claims is neither given up nor defended. No answer needs a neighbour to be looked up; those that have spoken are
remembered for whoever opens a connection of his own.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from honeystack.net.address import AddressSet, Path
from honeystack.net.output import Output, Rng
from honeystack.net.wire import arp, icmpv6, ipv6
from honeystack.net.wire.arp import Arp
from honeystack.net.wire.ethernet import ARP, IPV6, EthernetHeader, encode_ethernet, multicast_mac
from honeystack.net.wire.facts import IpPacket
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.icmpv6 import Neighbour

UNSPECIFIED: Final = bytes(16)
MAX_REPORTED: Final = 64  # groups in one report, so that it fits a packet; prefixes are not counted out into groups
MAX_REPORT_DELAY: Final = 10.0  # seconds; what queriers ask for (RFC 3810 §9.3), and no more whatever they ask
ROUTER_ALERT: Final = bytes([icmpv6.PROTOCOL, 0, 5, 2, 0, 0, 1, 0])  # hop-by-hop header: router alert 0, PadN


class Neighbours:
    """Inputs: `receive_arp`, `receive_neighbour`, `receive_query`, `handle_timeout`. Frames go to `output`."""

    def __init__(self, output: Output, *, addresses: AddressSet, mac: bytes, limit: int, rng: Rng) -> None:
        self._output = output
        self._addresses = addresses
        self._mac = mac
        self._limit = limit
        self._rng = rng
        self._known: OrderedDict[bytes, tuple[bytes, int | None]] = OrderedDict()
        self._report_at: float | None = None
        self._report_vlan: int | None = None
        hosts = [n.network_address.packed for n in addresses if n.version == 6 and n.prefixlen == 128]
        self._groups = sorted({icmpv6.solicited_node(address) for address in hosts})
        self._link_local = next((a for a in hosts if a[0] == 0xFE and a[1] & 0xC0 == 0x80), UNSPECIFIED)
        self.forgotten = 0  # neighbours that gave way to others

    def receive_arp(self, packet: Arp, ethernet: EthernetHeader) -> bool:
        """Answer a request for one of our addresses, also one that only asks whether it is taken (RFC 5227 §2.1.1)."""
        if packet.operation != arp.REQUEST or packet.target not in self._addresses:
            return False
        if packet.sender_mac[0] & 1 or packet.sender_mac == self._mac:
            return False
        reply = Arp(arp.REPLY, self._mac, packet.target, packet.sender_mac, packet.sender)
        header = encode_ethernet(packet.sender_mac, self._mac, ARP, ethernet.vlan)
        self._output.frame(header + arp.encode_arp(reply))
        return True

    def receive_neighbour(self, packet: IpPacket, message: IcmpMessage) -> bool:
        """Answer a neighbour solicitation for one of our addresses (RFC 4861 §7.2.3). Raises Malformed."""
        neighbour = icmpv6.decode_neighbour(message)
        path = packet.path
        if packet.facts.ttl != icmpv6.NDP_HOP_LIMIT or message.type != icmpv6.NEIGHBOUR_SOLICITATION:
            return False
        if neighbour.target not in self._addresses:
            return False
        to_group = path.local[0] == 0xFF
        stranger = neighbour.link_address is None and path.remote not in self._known
        if to_group and stranger and path.remote != UNSPECIFIED:
            return False  # RFC 4861 §4.3: it must say who asks
        flags, option = icmpv6.SOLICITED, None
        if to_group:  # as Linux: who asks by unicast knows our MAC address
            flags, option = icmpv6.SOLICITED | icmpv6.OVERRIDE, self._mac
        home = path._replace(local=neighbour.target, local_mac=self._mac)
        if path.remote == UNSPECIFIED:  # somebody looks whether our address is free: all may hear that it is not
            if path.local != icmpv6.solicited_node(neighbour.target) or neighbour.link_address is not None:
                return False
            flags, option = icmpv6.OVERRIDE, self._mac
            home = home._replace(remote=icmpv6.ALL_NODES, remote_mac=multicast_mac(icmpv6.ALL_NODES))
        answer = icmpv6.encode_neighbour(icmpv6.NEIGHBOUR_ADVERTISEMENT, Neighbour(neighbour.target, flags, option))
        data = icmpv6.encode_icmpv6(answer, home.local, home.remote)
        self._output.packet(home, icmpv6.PROTOCOL, data, ttl=icmpv6.NDP_HOP_LIMIT)
        return True

    def listens_to(self, group: bytes) -> bool:
        """Whether a group is one that the owner of our IPv6 addresses is in."""
        return group == icmpv6.ALL_NODES or group in self._groups

    def receive_query(self, packet: IpPacket, message: IcmpMessage, now: float) -> bool:
        """Take a multicast listener query; its report goes out after a random part of the delay it allows."""
        query = icmpv6.decode_mld_query(message)
        from_link = packet.path.remote[0] == 0xFE and packet.facts.ttl == 1  # RFC 3810 §5.1.14
        if not from_link or (any(query.group) and query.group not in self._groups) or not self._groups:
            return False
        due = now + min(query.maximum_delay, MAX_REPORT_DELAY) * self._rng.random()
        if self._report_at is None or due < self._report_at:
            self._report_at, self._report_vlan = due, packet.path.vlan
        return True

    def handle_timeout(self, now: float) -> None:
        if self._report_at is None or self._report_at > now:
            return
        self._report_at = None
        group = icmpv6.ALL_MLDV2_ROUTERS
        message = icmpv6.encode_mld_report(self._groups[:MAX_REPORTED])
        body = ROUTER_ALERT + icmpv6.encode_icmpv6(message, self._link_local, group)
        head = encode_ethernet(multicast_mac(group), self._mac, IPV6, self._report_vlan)
        header = ipv6.encode_ipv6(self._link_local, group, ipv6.HOP_BY_HOP, len(body), hop_limit=1)
        self._output.frame(head + header + body)

    def next_deadline(self) -> float | None:
        return self._report_at

    def remember(self, address: bytes, mac: bytes, vlan: int | None) -> None:
        """A neighbour has said which MAC address is its; the one unheard for longest gives way."""
        if not any(address):
            return
        self._known[address] = (mac, vlan)
        self._known.move_to_end(address)
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
            self.forgotten += 1

    def path_to(self, local: bytes, remote: bytes) -> Path | None:
        """How to reach a neighbour that has spoken; None for one that has not, or whom others have displaced."""
        known = self._known.get(remote)
        return None if known is None else Path(4 if len(remote) == 4 else 6, local, remote, self._mac, *known)
