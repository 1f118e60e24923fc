"""The probes of the link: ARP, neighbour discovery, as a neighbour asks them."""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack

import trio

from tests.live.asking import (
    ALL_NODES_MAC,
    BROADCAST_MAC,
    OTHER,
    Make,
    in_packet,
    send,
    send_and_hear_groups,
    to_destination,
)
from tests.live.packets import ICMPV6, SYN, TCP, icmpv6
from tests.live.street import PROBER_MAC, TARGET_LOCAL, TARGET_MAC, Peer, Probe
from tests.live.twin import CLOSED

ARP_HEAD = b"\0\1\x08\0\6\4"
ELSEWHERE = bytes.fromhex("020000000055")


def link_probes(version: int) -> dict[str, Probe]:
    return link4_probes() if version == 4 else link6_probes()


def arp(
    operation: int = 1,
    *,
    target: str = "192.0.2.1",
    sender: str | None = None,
    sender_mac: bytes = PROBER_MAC,
    head: bytes = ARP_HEAD,
    target_mac: bytes = bytes(6),
    cut: int = 28,
) -> Make:
    def make(peer: Peer) -> bytes:
        address = peer.address if sender is None else ip_address(sender).packed
        return (head + pack("!H", operation) + sender_mac + address + target_mac + ip_address(target).packed)[:cut]

    return make


def link4_probes() -> dict[str, Probe]:
    """ARP, from a neighbour."""

    def ask(make: Make, to: bytes = BROADCAST_MAC) -> Probe:
        return send(make, to=to, ethertype=0x0806)

    return {
        "link arp: request": ask(arp()),
        "link arp: request by unicast": ask(arp(), TARGET_MAC),
        "link arp: request with padding": ask(lambda peer: arp()(peer) + bytes(18)),
        "link arp: request to another mac": ask(arp(), bytes.fromhex("020000000099")),
        "link arp: request with target mac": ask(arp(target_mac=TARGET_MAC)),
        "link arp: for nobody's address": ask(arp(target=OTHER[4])),
        "link arp: reply": ask(arp(2)),
        "link arp: reply by unicast": ask(arp(2), TARGET_MAC),
        "link arp: gratuitous for ours": ask(arp(sender="192.0.2.1")),
        "link arp: operation 3": ask(arp(3)),
        "link arp: operation 0": ask(arp(0)),
        "link arp: other hardware": ask(arp(head=b"\0\2\x08\0\6\4")),
        "link arp: ieee 802 hardware": ask(arp(head=b"\0\6\x08\0\6\4")),
        "link arp: other protocol": ask(arp(head=b"\0\1\x08\1\6\4")),
        "link arp: other lengths": ask(arp(head=b"\0\1\x08\0\6\6")),
        "link arp: cut off": ask(arp(cut=20)),
        "link arp: from loopback": ask(arp(sender="127.0.0.1")),
        "link arp: for loopback": ask(arp(target="127.0.0.1")),
        "link arp: request of priority": send(tagged(0, 0x0806, arp()), to=BROADCAST_MAC, ethertype=0x8100),
        "link arp: request with a tag": send(tagged(5, 0x0806, arp()), to=BROADCAST_MAC, ethertype=0x8100),
        "link echo of priority": send(tagged(0, 0x0800, in_packet()), ethertype=0x8100),
        "link echo with a tag": send(tagged(5, 0x0800, in_packet()), ethertype=0x8100),
        "link arp: for a group": ask(arp(target="224.0.0.1")),
        "link arp: another sender's mac": ask(arp(sender_mac=bytes.fromhex("020000000042"))),
        "link arp: our mac as sender's": ask(arp(sender_mac=TARGET_MAC)),
        "link arp: sender's mac of a group": ask(arp(sender_mac=bytes.fromhex("030000000042"))),
        "link echo": send(in_packet()),
        "link mute echo": after(in_packet()),
        "link mute request, then echo": after(arp(), BROADCAST_MAC, 0x0806, then=in_packet()),
        "link mute echo in tcp": after(lambda peer: peer.ip(TCP, peer.segment(SYN, CLOSED))),
        "link mute reply, then echo": after(arp(2), TARGET_MAC, 0x0806, then=in_packet()),
        "link mute announcement, then echo": after(announcement, BROADCAST_MAC, 0x0806, then=in_packet()),
        "link mute request, announcement from elsewhere, then echo": moved(announcement),
        "link mute request, reply from elsewhere, then echo": moved(arp(2, sender_mac=ELSEWHERE)),
        "link mute request, later reply from elsewhere, then echo": moved(arp(2, sender_mac=ELSEWHERE), 1.2),
        "link mute request, request from elsewhere, then echo": moved(arp(1, sender_mac=ELSEWHERE)),
        "link mute request, other's request from elsewhere, then echo": moved(
            arp(1, sender_mac=ELSEWHERE, target=OTHER[4]), 1.2
        ),
    }


def tagged(vlan: int, ethertype: int, make: Make) -> Make:
    """What follows the ethertype of a frame with a VLAN tag."""
    return lambda peer: pack("!HH", 7 << 13 | vlan, ethertype) + make(peer)


def announcement(peer: Peer) -> bytes:
    """Who tells where he is, though nobody asked (RFC 5227 §3)."""
    return ARP_HEAD + b"\0\1" + ELSEWHERE + peer.address + bytes(6) + peer.address


def moved(make: Make, pause: float = 0.1) -> Probe:
    """A neighbour that has asked for us is said to be elsewhere."""

    async def probe(peer: Peer) -> None:
        await peer.frame(arp()(peer), to=BROADCAST_MAC, ethertype=0x0806)
        await trio.sleep(pause)
        await peer.frame(make(peer), to=TARGET_MAC, ethertype=0x0806)
        await trio.sleep(0.1)
        await peer.frame(in_packet()(peer))
        await trio.sleep(6.6)

    return probe


def after(make: Make, to: bytes = TARGET_MAC, ethertype: int | None = None, then: Make | None = None) -> Probe:
    """A frame or two, and long enough to hear whether anybody looks for who sent it."""

    async def probe(peer: Peer) -> None:
        await peer.frame(make(peer), to=to, ethertype=ethertype)
        if then is not None:
            await peer.frame(then(peer))
        await trio.sleep(9)

    return probe


def solicitation(
    *,
    target: str = "2001:db8::1",
    to: str | None = None,
    option: bytes = b"\1\1" + PROBER_MAC,
    ttl: int = 255,
    code: int = 0,
    source: str | None = None,
    damage: int = 0,
    kind: int = 135,
) -> Make:
    def make(peer: Peer) -> bytes:
        asked = ip_address(target).packed
        group = b"\xff\2" + bytes(9) + b"\1\xff" + asked[13:]
        where = ip_address(to).packed if to else group
        address = ip_address(source).packed if source else peer.address
        message = icmpv6(address, where, kind, code, bytes(4) + asked + option, damage=damage)
        return peer.ip(ICMPV6, message, source=address, to=where, ttl=ttl)

    return make


def link6_probes() -> dict[str, Probe]:
    """Neighbour discovery and multicast listeners, from a neighbour."""
    group_mac = bytes.fromhex("3333ff000001")

    def ask(make: Make, to: bytes = group_mac) -> Probe:
        return send(make, to=to)

    nonce = b"\x0e\1" + b"nonce!"
    return {
        "link ns: to the group": ask(solicitation()),
        "link ns: for the link-local address": ask(solicitation(target=TARGET_LOCAL)),
        "link ns: to us": ask(solicitation(to="2001:db8::1"), TARGET_MAC),
        "link ns: to us, without option": ask(solicitation(to="2001:db8::1", option=b""), TARGET_MAC),
        "link ns: to the group, without option": ask(solicitation(option=b"")),
        "link ns: to all nodes": ask(solicitation(to="ff02::1"), ALL_NODES_MAC),
        "link ns: with nonce": ask(solicitation(option=b"\1\1" + PROBER_MAC + nonce)),
        "link ns: with an unknown option": ask(solicitation(option=b"\x63\1" + bytes(6) + b"\1\1" + PROBER_MAC)),
        "link ns: option of length 0": ask(solicitation(option=b"\1\0" + PROBER_MAC)),
        "link ns: option cut off": ask(solicitation(option=b"\1\2" + PROBER_MAC)),
        "link ns: option of length 2": ask(solicitation(option=b"\1\2" + PROBER_MAC + bytes(8))),
        "link ns: hop limit 254": ask(solicitation(ttl=254)),
        "link ns: code 1": ask(solicitation(code=1)),
        "link ns: bad checksum": ask(solicitation(damage=1)),
        "link ns: for nobody's address": ask(solicitation(target=OTHER[6])),
        "link ns: for a group": ask(solicitation(target="ff02::1", to="2001:db8::1"), TARGET_MAC),
        "link ns: is it taken": send_and_hear_groups(solicitation(source="::", option=b""), to=group_mac),
        "link ns: is it taken, with nonce": send_and_hear_groups(solicitation(source="::", option=nonce), to=group_mac),
        "link ns: is it taken, with link address": send_and_hear_groups(solicitation(source="::"), to=group_mac),
        "link ns: is it taken, by unicast": send_and_hear_groups(
            solicitation(source="::", option=b"", to="2001:db8::1"), to=TARGET_MAC
        ),
        "link ns: is it taken, to all nodes": send_and_hear_groups(
            solicitation(source="::", option=b"", to="ff02::1"), to=ALL_NODES_MAC
        ),
        "link na: for itself": ask(solicitation(kind=136, to="2001:db8::1"), TARGET_MAC),
        "link na: for ours": ask(solicitation(kind=136, to="ff02::1"), ALL_NODES_MAC),
        "link echo": send(in_packet()),
        "link mute echo": after(in_packet()),
        "link mute solicitation": after(solicitation(), group_mac),
        "link mute solicitation, then echo": after(solicitation(), group_mac, then=in_packet()),
        "link echo of priority": send(tagged(0, 0x86DD, in_packet()), ethertype=0x8100),
        "link echo with a tag": send(tagged(5, 0x86DD, in_packet()), ethertype=0x8100),
        "link mute advertisement, then echo": after(advertised(0), TARGET_MAC, then=in_packet()),
        "link mute advertisement that overrides, then echo": after(advertised(0x20), TARGET_MAC, then=in_packet()),
        "link mute advertisement to all, then echo": after(
            advertised(0x20, to="ff02::1"), ALL_NODES_MAC, then=in_packet()
        ),
        "link mute solicitation of another, then echo": after(
            solicitation(target=OTHER[6], to="2001:db8::1"), TARGET_MAC, then=in_packet()
        ),
        "link mute solicitation, advertisement from elsewhere, then echo": moved6(advertised(0)),
        "link mute solicitation, advertisement that overrides, then echo": moved6(advertised(0x20)),
        "link mute solicitation, solicitation from elsewhere, then echo": moved6(
            solicitation(option=b"\1\1" + ELSEWHERE)
        ),
        "link echo to all nodes": send(to_destination("ff02::1"), to=ALL_NODES_MAC),
    }


def advertised(flags: int, *, to: str = "2001:db8::1") -> Make:
    """A neighbour's own address is said to be elsewhere."""

    def make(peer: Peer) -> bytes:
        where = ip_address(to).packed
        body = bytes([flags, 0, 0, 0]) + peer.address + b"\2\1" + ELSEWHERE
        message = icmpv6(peer.address, where, 136, 0, body)
        return peer.ip(ICMPV6, message, to=where, ttl=255)

    return make


def moved6(make: Make) -> Probe:
    async def probe(peer: Peer) -> None:
        await peer.frame(solicitation()(peer), to=bytes.fromhex("3333ff000001"))
        await trio.sleep(0.1)
        await peer.frame(make(peer))
        await trio.sleep(0.1)
        await peer.frame(in_packet()(peer))
        await trio.sleep(6.6)

    return probe
