"""What hosts of one link owe each other: ARP and neighbour discovery.

RFC 826 and 5227, RFC 4861 and 4862 as far as a host answers. No answer needs a neighbour to be looked up, since it goes
back the way the question came. Those that have asked for us, or whom `net.reachability` asks for, are remembered for
whoever opens a connection of his own.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from honeystack.net.address import AddressSet, Path
from honeystack.net.output import Output
from honeystack.net.wire import arp, icmpv6
from honeystack.net.wire.arp import Arp
from honeystack.net.wire.ethernet import ARP, EthernetHeader, encode_ethernet, multicast_mac
from honeystack.net.wire.facts import IpPacket
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.icmpv6 import Neighbour

UNSPECIFIED: Final = bytes(16)
LOCK_SECONDS: Final = 1.0  # Linux's locktime: of several answers to one question by ARP the first counts


class Neighbours:
    """Inputs: `receive_arp`, `receive_neighbour`, `remember`. Frames go to `output`."""

    def __init__(self, output: Output, *, addresses: AddressSet, mac: bytes, limit: int) -> None:
        self._output = output
        self._addresses = addresses
        self._mac = mac
        self._limit = limit
        # By address: MAC address, VLAN, and when that was first said.
        self._known: OrderedDict[bytes, tuple[bytes, int | None, float]] = OrderedDict()
        self.forgotten = 0  # neighbours that gave way to others

    def owns(self, address: bytes) -> bool:
        return address in self._addresses

    def receive_arp(self, packet: Arp, ethernet: EthernetHeader) -> bool:
        """Answer a request for one of our addresses, also one that only asks whether it is taken (RFC 5227 §2.1.1)."""
        if packet.operation != arp.REQUEST or packet.target not in self._addresses:
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

    def remember(self, address: bytes, mac: bytes, vlan: int | None, now: float) -> None:
        """A neighbour has said which MAC address is its; the one unheard for longest gives way."""
        if not any(address):
            return
        before = self._known.get(address)
        since = now if before is None or before[0] != mac else before[2]
        self._known[address] = (mac, vlan, since)
        self._known.move_to_end(address)
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
            self.forgotten += 1

    def is_known(self, address: bytes) -> bool:
        return address in self._known

    def contradicts(self, address: bytes, mac: bytes) -> bool:
        """Whether a neighbour is known by another MAC address."""
        known = self._known.get(address)
        return known is not None and known[0] != mac

    def is_locked(self, address: bytes, now: float) -> bool:
        """Whether what a neighbour has said is too new to be replaced by what others say in passing."""
        known = self._known.get(address)
        return known is not None and now - known[2] <= LOCK_SECONDS

    def forget(self, address: bytes) -> None:
        """A neighbour does not answer any more."""
        self._known.pop(address, None)

    def path_to(self, local: bytes, remote: bytes) -> Path | None:
        """How to reach a neighbour that has spoken; None for one that has not, or whom others have displaced."""
        known = self._known.get(remote)
        return None if known is None else Path(4 if len(remote) == 4 else 6, local, remote, self._mac, *known[:2])
