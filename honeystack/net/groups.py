"""The multicast groups of our IPv6 addresses, and what is reported of them (RFC 2710, RFC 3810).

As a host of Linux: the solicited-node group of each address is reported, all-nodes never. Who asks by version 1 is
answered by version 1, one report for each group, for as long as such a querier may be there; a report of another for
the same group is then enough. Of IPv4 groups only all-hosts is listened to, which IGMP never reports (RFC 3376 §5), so
that queries of IGMP have no answer. A prefix of ours is in more groups than can be counted: none is reported for it.
"""

from __future__ import annotations

from honeystack.net.address import AddressSet
from honeystack.net.output import Output, Rng
from honeystack.net.wire import icmpv6, ipv6
from honeystack.net.wire.checksum import Octets
from honeystack.net.wire.ethernet import IPV6, encode_ethernet, multicast_mac
from honeystack.net.wire.facts import IpPacket
from honeystack.net.wire.icmp import IcmpMessage

UNSPECIFIED = bytes(16)
MAX_REPORTED = 64  # groups in one report, so that it fits a packet
MAX_REPORT_DELAY = 10.0  # seconds; what queriers ask for (RFC 3810 §9.3), and no more whatever they ask
OLD_QUERIER_SECONDS = 260.0  # twice the interval between queries and a delay (RFC 3810 §9.12)
MLD_ALERT = b"\5\2\0\0"  # router alert 0
ROUTER_ALERT = bytes([icmpv6.PROTOCOL, 0, *MLD_ALERT, 1, 0])  # hop-by-hop header: router alert, PadN


class Groups:
    """Inputs: `receive_query`, `receive_report`, `handle_timeout`. Frames go to `output`."""

    def __init__(self, output: Output, *, addresses: AddressSet, mac: bytes, rng: Rng) -> None:
        self._output = output
        self._mac = mac
        self._rng = rng
        hosts = [n.network_address.packed for n in addresses if n.version == 6 and n.prefixlen == 128]
        self._groups = sorted({icmpv6.solicited_node(address) for address in hosts})
        self._link_local = next((a for a in hosts if a[0] == 0xFE and a[1] & 0xC0 == 0x80), UNSPECIFIED)
        self._due: dict[bytes, float] = {}  # by group; UNSPECIFIED stands for all of them
        self._vlan: int | None = None  # of the last query
        self._old_until = 0.0

    def listens_to(self, group: bytes) -> bool:
        """Whether a group is one that the owner of our IPv6 addresses is in."""
        return group == icmpv6.ALL_NODES or group in self._groups

    def receive_query(self, packet: IpPacket, message: IcmpMessage, now: float) -> bool:
        """Take a query; its reports go out after a random part of the delay it allows. Raises Malformed.

        One that is not from this link, or has no router alert for it, is nobody's (RFC 3810 §6.2).
        """
        query = icmpv6.decode_mld_query(message)
        from_link = packet.path.remote[0] == 0xFE and packet.facts.ttl == 1 and _is_alert(packet.octets)
        if not from_link or (any(query.group) and query.group not in self._groups) or not self._groups:
            return False
        self._vlan = packet.path.vlan
        if query.version == 1:
            self._old_until = now + OLD_QUERIER_SECONDS
        asked = [query.group]
        if now < self._old_until and not any(query.group):
            asked = self._groups[:MAX_REPORTED]
        for group in asked:
            due = now + min(query.maximum_delay, MAX_REPORT_DELAY) * self._rng.random()
            self._due[group] = min(due, self._due.get(group, due))
        return True

    def receive_report(self, message: IcmpMessage, now: float) -> None:
        """Another has reported a group by version 1: once is enough (RFC 2710 §4)."""
        if now < self._old_until:
            self._due.pop(message.data[:16], None)

    def handle_timeout(self, now: float) -> None:
        for group in [group for group, due in self._due.items() if due <= now]:
            del self._due[group]
            if now < self._old_until:
                for one in [group] if any(group) else self._groups[:MAX_REPORTED]:
                    self._send(one, IcmpMessage(icmpv6.MLD_REPORT, 0, 0, one))
            else:
                reported = [group] if any(group) else self._groups[:MAX_REPORTED]
                self._send(icmpv6.ALL_MLDV2_ROUTERS, icmpv6.encode_mld_report(reported))

    def next_deadline(self) -> float | None:
        return min(self._due.values(), default=None)

    def _send(self, group: bytes, message: IcmpMessage) -> None:
        body = ROUTER_ALERT + icmpv6.encode_icmpv6(message, self._link_local, group)
        head = encode_ethernet(multicast_mac(group), self._mac, IPV6, self._vlan)
        header = ipv6.encode_ipv6(self._link_local, group, ipv6.HOP_BY_HOP, len(body), hop_limit=1)
        self._output.frame(head + header + body)


def _is_alert(octets: Octets) -> bool:
    """Whether a packet's hop-by-hop header has the router alert of MLD (RFC 2711 §2.1)."""
    if octets[6] != ipv6.HOP_BY_HOP:
        return False
    options, at = bytes(octets[42 : 48 + octets[41] * 8]), 0
    while at + 1 < len(options):
        if options[at : at + 4] == MLD_ALERT:
            return True
        at += 1 if options[at] == 0 else 2 + options[at + 1]  # Pad1 has no length
    return False
