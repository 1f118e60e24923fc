"""The probes of multicast listener discovery: queries of version 2 as routers ask them (RFC 3810), and odd ones."""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack

from tests.live import packets
from tests.live.asking import ALL_NODES, ALL_NODES_MAC, Make, send_and_hear_groups
from tests.live.packets import HOP_BY_HOP, ICMPV6, extension, icmpv6
from tests.live.street import Peer, Probe

ROUTER_ALERT = b"\5\2\0\0\1\0"
OUR_GROUP = ip_address("ff02::1:ff00:1").packed
OTHER_GROUP = ip_address("ff02::1:ff00:77").packed
ANY = bytes(16)


def query(
    group: bytes = ANY,
    *,
    to: bytes | None = None,
    ttl: int = 1,
    alert: bool = True,
    source: str | None = None,
    sources: tuple[bytes, ...] = (),
    cut: int = 999,
    code: int = 0,
    damage: int = 0,
) -> Make:
    """A query that is to be answered within a millisecond."""

    def make(peer: Peer) -> bytes:
        address = ip_address(source).packed if source else peer.address
        where = to or (ALL_NODES if group == ANY else group)
        body = pack("!HH", 1, 0) + group + pack("!BBH", 2, 125, len(sources)) + b"".join(sources)
        message = icmpv6(address, where, 130, code, body[:cut], damage=damage)
        if not alert:
            return packets.ipv6(address, where, ICMPV6, message, ttl=ttl)
        return packets.ipv6(address, where, HOP_BY_HOP, extension(ICMPV6, ROUTER_ALERT) + message, ttl=ttl)

    return make


def listener_probes(version: int) -> dict[str, Probe]:
    if version == 4:
        return {}
    made = {
        "of all": query(),
        "of our group": query(OUR_GROUP),
        "of another's group": query(OTHER_GROUP),
        "of our group, to all nodes": query(OUR_GROUP, to=ALL_NODES),
        "of all nodes": query(ALL_NODES),
        "of our group and a source": query(OUR_GROUP, sources=(ip_address("2001:db8::5").packed,)),
        "with a source too few": query(OUR_GROUP, sources=(ANY,), cut=24),
        "with hop limit 2": query(ttl=2),
        "with hop limit 255": query(ttl=255),
        "without router alert": query(alert=False),
        "from a global address": query(source="2001:db8::50"),
        "from nobody": query(source="::"),
        "of 26 bytes": query(cut=22),
        "of 20 bytes": query(cut=16),
        "with code 1": query(code=1),
        "with bad checksum": query(damage=1),
    }
    return {f"link mld: {name}": send_and_hear_groups(make, to=ALL_NODES_MAC) for name, make in made.items()}
