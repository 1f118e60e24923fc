"""The probes below TCP: IP headers and fragments, ICMP, neighbours, UDP."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from struct import pack

import trio

from tests.live import packets
from tests.live.battery_tcp import CLOSED
from tests.live.packets import (
    DESTINATION,
    FRAGMENT,
    HOP_BY_HOP,
    ICMP,
    ICMPV6,
    NOTHING,
    ROUTING,
    SYN,
    TCP,
    UDP,
    extension,
    fragment_header,
    icmp,
    icmpv6,
)
from tests.live.street import PROBER_MAC, TARGET_LOCAL, TARGET_MAC, Peer, Probe
from tests.live.twin import ECHO_UDP, SINK

ALL_NODES, ALL_NODES_MAC = ip_address("ff02::1").packed, bytes.fromhex("333300000001")
BROADCAST_MAC = b"\xff" * 6
OTHER = {4: "192.0.2.77", 6: "2001:db8::77"}  # addresses of nobody

Make = Callable[[Peer], bytes]


def send(make: Make, *, to: bytes = TARGET_MAC, ethertype: int | None = None) -> Probe:
    """One frame, made for the peer."""

    async def probe(peer: Peer) -> None:
        await peer.frame(make(peer), to=to, ethertype=ethertype)
        await trio.sleep(0.5)

    return probe


def send_and_hear_groups(make: Make, *, to: bytes = TARGET_MAC) -> Probe:
    """One frame, where the answer may go to all nodes: one such probe at a time."""

    async def probe(peer: Peer) -> None:
        async with peer.street.group_turn:
            peer.started = trio.current_time()
            peer.street.hears_groups = peer
            await peer.frame(make(peer), to=to)
            await trio.sleep(0.5)
            peer.street.hears_groups = None

    return probe


def several(make: Callable[[Peer], list[bytes]], *, seconds: float = 0.5) -> Probe:
    async def probe(peer: Peer) -> None:
        for packet in make(peer):
            await peer.frame(packet)
        await trio.sleep(seconds)

    return probe


def echo(peer: Peer, size: int = 8, *, code: int = 0, damage: int = 0, to: bytes | None = None) -> bytes:
    """An echo request, whole."""
    rest = pack("!HH", 7, 9) + bytes(i & 0xFF for i in range(size))
    if peer.version == 4:
        return icmp(8, code, rest, damage=damage)
    return icmpv6(peer.address, to or peer.target, 128, code, rest, damage=damage)


def protocol_of(peer: Peer) -> int:
    return ICMP if peer.version == 4 else ICMPV6


def datagram(data: bytes, *, port: int = CLOSED, source_port: int = 40000, **fields: object) -> Make:
    def make(peer: Peer) -> bytes:
        return peer.ip(UDP, packets.udp(peer.address, peer.target, source_port, port, data, **fields))  # type: ignore[arg-type]

    return make


def in_packet(**fields: object) -> Make:
    """An echo request in a packet with odd fields."""
    return lambda peer: peer.ip(protocol_of(peer), echo(peer), **fields)


def from_source(source: str) -> Make:
    def make(peer: Peer) -> bytes:
        address = ip_address(source).packed
        message = icmpv6(address, peer.target, 128, 0, pack("!HH", 7, 9)) if peer.version == 6 else echo(peer)
        return peer.ip(protocol_of(peer), message, source=address)

    return make


def to_destination(destination: str) -> Make:
    def make(peer: Peer) -> bytes:
        address = ip_address(destination).packed
        return peer.ip(protocol_of(peer), echo(peer, to=address), to=address)

    return make


def syn(peer: Peer, port: int = SINK) -> bytes:
    return peer.segment(SYN, port)


def both_probes() -> dict[str, Probe]:
    """What is asked in the same words in IPv4 and IPv6."""
    found: dict[str, Probe] = {}
    for size in (0, 1, 8, 56, 1400):
        found[f"echo of {size} bytes"] = send(lambda peer, size=size: peer.ip(protocol_of(peer), echo(peer, size)))
    found |= {
        "echo with code 1": send(lambda peer: peer.ip(protocol_of(peer), echo(peer, code=1))),
        "echo with code 255": send(lambda peer: peer.ip(protocol_of(peer), echo(peer, code=255))),
        "echo with bad checksum": send(lambda peer: peer.ip(protocol_of(peer), echo(peer, damage=1))),
        "echo with hop limit 1": send(in_packet(ttl=1)),
        "echo with hop limit 0": send(in_packet(ttl=0)),
        "echo with type of service": send(in_packet(tos=0x48)),
        "echo with ecn": send(in_packet(tos=0x03)),
        "echo in a packet of version 5": send(in_packet(version=5)),
        "echo cut off": send(lambda peer: peer.ip(protocol_of(peer), echo(peer)[:6])),
        "echo with padding": send(lambda peer: peer.ip(protocol_of(peer), echo(peer)) + bytes(20)),
        "unknown protocol": send(lambda peer: peer.ip(253, b"what is this?")),
        "protocol 255": send(lambda peer: peer.ip(255, b"what is this?")),
        "protocol igmp": send(lambda peer: peer.ip(2, b"\x16\0\0\0\xe0\0\0\5")),
        "protocol sctp": send(lambda peer: peer.ip(132, bytes(32))),
        "protocol udp-lite": send(lambda peer: peer.ip(136, bytes(32))),
        "protocol dccp": send(lambda peer: peer.ip(33, bytes(32))),
        "protocol gre": send(lambda peer: peer.ip(47, bytes(32))),
        "protocol esp": send(lambda peer: peer.ip(50, bytes(32))),
        "protocol ah": send(lambda peer: peer.ip(51, bytes([59, 4, 0, 0]) + bytes(20))),
        "protocol ipip": send(lambda peer: peer.ip(4, peer.ip(protocol_of(peer), echo(peer)))),
        "protocol ipv6": send(lambda peer: peer.ip(41, bytes(48))),
        "udp to closed": send(datagram(b"hello")),
        "udp to closed, empty": send(datagram(b"")),
        "udp to closed, large": send(datagram(bytes(1400))),
        "udp to closed, with bad checksum": send(datagram(b"hello", damage=1)),
        "udp to closed, without checksum": send(datagram(b"hello", stored=0)),
        "udp to closed, from port 0": send(datagram(b"hello", source_port=0)),
        "udp to closed, with a short length": send(datagram(b"hello", length=9)),
        "udp to closed, with length 7": send(datagram(b"hello", length=7)),
        "udp to closed, with length 0": send(datagram(b"hello", length=0)),
        "udp to closed, with a long length": send(datagram(b"hello", length=40)),
        "udp to port 0": send(datagram(b"hello", port=0)),
        "udp to open": send(datagram(b"hello", port=ECHO_UDP)),
        "udp to open, with bad checksum": send(datagram(b"hello", port=ECHO_UDP, damage=1)),
        "udp to open, without checksum": send(datagram(b"hello", port=ECHO_UDP, stored=0)),
        "udp to open, empty": send(datagram(b"", port=ECHO_UDP)),
        "udp to open, from port 0": send(datagram(b"hello", port=ECHO_UDP, source_port=0)),
        "udp to closed, header cut off": send(lambda peer: peer.ip(UDP, b"\1\2\3\4\0")),
        "tcp cut off": send(lambda peer: peer.ip(TCP, syn(peer)[:12])),
        "eight datagrams to closed": several(lambda peer: [datagram(b"hello")(peer)] * 8),
    }
    return found


def fields4(name: str, kind: int, code: int, rest: bytes) -> dict[str, Probe]:
    return {name: send(lambda peer: peer.ip(ICMP, icmp(kind, code, rest)))}


IP_OPTIONS = {
    "no operation": b"\1\1\1\0",
    "record route": b"\7\x0b\4" + bytes(9),
    "record route, full": b"\7\x0b\x0c" + bytes(9),
    "timestamps": b"\x44\x0c\5\0" + bytes(8),
    "timestamps with addresses": b"\x44\x0c\5\1" + bytes(8),
    "loose source route": b"\x83\7\4\xc0\0\2\2\0",
    "strict source route": b"\x89\7\4\xc0\0\2\2\0",
    "source route at its end": b"\x83\7\x08\xc0\0\2\2\0",
    "router alert": b"\x94\4\0\0",
    "security": b"\x82\x0b" + bytes(9) + b"\0",
    "cipso": b"\x86\6\0\0\0\1\0\0",
    "unknown": b"\xde\4\0\0",
    "length 0": b"\xde\0\0\0",
    "length 1": b"\xde\1\0\0",
    "beyond the header": b"\xde\x20\0\0",
    "end": b"\0\xde\0\0",
    "40 bytes": b"\1" * 40,
}


def ipv4_probes() -> dict[str, Probe]:
    found = both_probes()
    found |= fields4("timestamp request", 13, 0, pack("!HHIII", 7, 9, 1000, 0, 0))
    found |= fields4("timestamp request with code 1", 13, 1, pack("!HHIII", 7, 9, 1000, 0, 0))
    found |= fields4("timestamp request cut off", 13, 0, pack("!HHI", 7, 9, 1000))
    found |= fields4("timestamp request with more", 13, 0, pack("!HHIII", 7, 9, 1000, 5, 6) + b"more")
    found |= fields4("mask request", 17, 0, pack("!HHI", 7, 9, 0))
    found |= fields4("information request", 15, 0, pack("!HH", 7, 9))
    found |= fields4("router solicitation", 10, 0, bytes(4))
    found |= fields4("extended echo", 42, 0, pack("!HBB", 7, 9, 1) + b"\x20\0\0\0\0\x08\0\1")
    found |= fields4("echo reply", 0, 0, pack("!HH", 7, 9))
    found |= fields4("unknown icmp type", 200, 0, bytes(8))
    found |= fields4("error without a quote", 3, 3, bytes(4))
    found |= fields4("redirect", 5, 1, bytes(32))
    found |= {f"ip options: {name}": send(in_packet(options=options)) for name, options in IP_OPTIONS.items()}
    found |= {
        f"ip options on a syn: {name}": send(lambda peer, options=options: peer.ip(TCP, syn(peer), options=options))
        for name, options in IP_OPTIONS.items()
    }
    found |= {
        f"ip options on a datagram to closed: {name}": send(
            lambda peer, options=options: peer.ip(
                UDP, packets.udp(peer.address, peer.target, 40000, CLOSED, b"hello"), options=options
            )
        )
        for name, options in IP_OPTIONS.items()
    }
    found |= {
        "header with bad checksum": send(in_packet(damage=1)),
        "header of 16 bytes": send(in_packet(words=4)),
        "header longer than the packet": send(in_packet(words=15)),
        "total length beyond the frame": send(in_packet(total=200)),
        "total length within the header": send(in_packet(total=10)),
        "reserved bit": send(in_packet(field=0x8000)),
        "do not fragment": send(in_packet(field=0x4000)),
        "ident 0": send(in_packet(ident=0)),
        "syn without df": send(lambda peer: peer.ip(TCP, syn(peer))),
        "syn with df": send(lambda peer: peer.ip(TCP, syn(peer), field=0x4000)),
        "to the broadcast of the link": send(to_destination("255.255.255.255"), to=BROADCAST_MAC),
        "to the broadcast of the net": send(to_destination("192.0.2.255"), to=BROADCAST_MAC),
        "to the broadcast of the net by unicast": send(to_destination("192.0.2.255")),
        "to the net's own address": send(to_destination("192.0.2.0")),
        "to all hosts": send(to_destination("224.0.0.1"), to=bytes.fromhex("01005e000001")),
        "to all hosts by unicast": send(to_destination("224.0.0.1")),
        "to us in a broadcast frame": send(in_packet(), to=BROADCAST_MAC),
        "syn to us in a broadcast frame": send(lambda peer: peer.ip(TCP, syn(peer)), to=BROADCAST_MAC),
        "datagram to closed in a broadcast frame": send(datagram(b"hello"), to=BROADCAST_MAC),
        "to an address of nobody": send(to_destination(OTHER[4])),
        "to a foreign mac": send(in_packet(), to=bytes.fromhex("020000000099")),
        "syn to loopback": send(to_destination("127.0.0.1")),
        "from the target itself": send(from_source("192.0.2.1")),
        "from loopback": send(from_source("127.0.0.1")),
        "from zero": send(from_source("0.0.0.0")),
        "from broadcast": send(from_source("255.255.255.255")),
        "from a group": send(from_source("224.0.0.5")),
        "from class e": send(from_source("240.0.0.5")),
    }
    return found | _fragments4()


def cut4(peer: Peer, protocol: int, payload: bytes, *cuts: int, ident: int = 77) -> list[bytes]:
    """A datagram in fragments that begin at 0 and at each cut."""
    starts, ends = (0, *cuts), (*cuts, len(payload))
    return [
        peer.ip(protocol, payload[start:end], ident=ident, field=start >> 3 | (0x2000 if end < len(payload) else 0))
        for start, end in zip(starts, ends, strict=True)
    ]


def part4(peer: Peer, payload: bytes, offset: int, *, more: bool, protocol: int = ICMP) -> bytes:
    return peer.ip(protocol, payload, ident=77, field=offset >> 3 | (0x2000 if more else 0))


def _fragments4() -> dict[str, Probe]:
    def whole(peer: Peer) -> bytes:
        return echo(peer, 120)

    def pieces(*order: int, cuts: tuple[int, ...] = (64,)) -> Probe:
        return several(lambda peer: [cut4(peer, ICMP, whole(peer), *cuts)[i] for i in order])

    def udp_whole(peer: Peer) -> bytes:
        return packets.udp(peer.address, peer.target, 40000, CLOSED, bytes(range(100)))

    return {
        "fragments: two": pieces(0, 1),
        "fragments: two in reverse": pieces(1, 0),
        "fragments: one twice": pieces(0, 0, 1),
        "fragments: three, the middle last": pieces(0, 2, 1, cuts=(32, 64)),
        "fragments: of 8 bytes": pieces(*range(16), cuts=tuple(range(8, 128, 8))),
        "fragments: overlap with the same": several(
            lambda peer: [part4(peer, whole(peer)[:72], 0, more=True), part4(peer, whole(peer)[64:], 64, more=False)]
        ),
        "fragments: overlap with other bytes": several(
            lambda peer: [
                part4(peer, whole(peer)[:64], 0, more=True),
                part4(peer, bytes(64), 32, more=True),
                part4(peer, whole(peer)[64:], 64, more=False),
            ]
        ),
        "fragments: same place, other bytes": several(
            lambda peer: [
                part4(peer, whole(peer)[:64], 0, more=True),
                part4(peer, bytes(64), 0, more=True),
                part4(peer, whole(peer)[64:], 64, more=False),
            ]
        ),
        "fragments: one within another": several(
            lambda peer: [
                part4(peer, whole(peer)[:64], 0, more=True),
                part4(peer, whole(peer)[8:24], 8, more=True),
                part4(peer, whole(peer)[64:], 64, more=False),
            ]
        ),
        "fragments: two ends": several(
            lambda peer: [part4(peer, whole(peer)[64:96], 64, more=False), *cut4(peer, ICMP, whole(peer), 64)]
        ),
        "fragments: no multiple of eight": several(
            lambda peer: [part4(peer, whole(peer)[:63], 0, more=True), part4(peer, whole(peer)[56:], 56, more=False)]
        ),
        "fragments: empty": several(lambda peer: [part4(peer, b"", 0, more=True), part4(peer, b"", 64, more=False)]),
        "fragments: beyond the largest": several(
            lambda peer: [part4(peer, whole(peer)[:64], 0, more=True), part4(peer, bytes(64), 65528, more=False)]
        ),
        "fragments: of a datagram to closed": several(lambda peer: cut4(peer, UDP, udp_whole(peer), 48)),
        "fragments: of a syn": several(lambda peer: cut4(peer, TCP, syn(peer), 16)),
        "fragments: of a syn, tiny": several(lambda peer: cut4(peer, TCP, syn(peer), 8)),
        "fragments: with df": several(
            lambda peer: [
                peer.ip(ICMP, whole(peer)[:64], ident=77, field=0x6000),
                peer.ip(ICMP, whole(peer)[64:], ident=77, field=0x4008),
            ]
        ),
        "fragments: large echo": several(lambda peer: cut4(peer, ICMP, echo(peer, 4000), 1480, 2960)),
        "fragments: the first alone": several(lambda peer: cut4(peer, ICMP, whole(peer), 64)[:1], seconds=33),
        "fragments: the first of a datagram alone": several(
            lambda peer: cut4(peer, UDP, udp_whole(peer), 48)[:1], seconds=33
        ),
        "fragments: the last alone": several(lambda peer: cut4(peer, ICMP, whole(peer), 64)[1:], seconds=33),
    }


# Options of hop-by-hop and destination headers; each fills its header.
OPTIONS6 = {
    "padding": b"\1\4\0\0\0\0",
    "six bytes of padding": bytes(6),
    "seven bytes and more of padding": b"\1\4\0\0\0\0" + b"\1\6" + bytes(6),
    "padding that says something": b"\1\4abcd",
    "unknown, skip": b"\x1e\4abcd",
    "unknown, discard": b"\x5e\4abcd",
    "unknown, tell": b"\x9e\4abcd",
    "unknown, tell unless to a group": b"\xde\4abcd",
    "length beyond the header": b"\x1e\x20abcd",
    "router alert": b"\5\2\0\0\1\0",
    "router alert of length 3": b"\5\3\0\0\0\0",
    "jumbo": b"\xc2\4\0\1\0\0",
    "home address": b"\xc9\4abcd",
    "calipso": b"\7\4abcd",
    "ioam": b"\x31\4abcd",
    "nine unknown": b"\x1e\0" * 9 + b"\1\2\0\0",
    "eight unknown": b"\x1e\0" * 8 + b"\1\4\0\0\0\0",
}


def behind(header: int, content: bytes, *, upper: Make | None = None) -> Make:
    """An echo request behind one extension header."""

    def make(peer: Peer) -> bytes:
        payload = extension(ICMPV6, content) + (upper or echo)(peer)
        return peer.ip(header, payload)

    return make


def routing(kind: int, left: int, *, length: int = 22) -> bytes:
    return bytes([kind, left]) + bytes(4) + (ip_address("2001:db8::5").packed + bytes(40))[: length - 6]


def chain(*headers: tuple[int, bytes]) -> Make:
    """An echo request behind several headers."""

    def make(peer: Peer) -> bytes:
        payload, following = echo(peer), ICMPV6
        for header, content in reversed(headers):
            payload, following = extension(following, content) + payload, header
        return peer.ip(following, payload)

    return make


def cut6(peer: Peer, protocol: int, payload: bytes, *cuts: int, ident: int = 77) -> list[bytes]:
    starts, ends = (0, *cuts), (*cuts, len(payload))
    return [
        peer.ip(FRAGMENT, fragment_header(protocol, start, ident, more=end < len(payload)) + payload[start:end])
        for start, end in zip(starts, ends, strict=True)
    ]


def part6(peer: Peer, payload: bytes, offset: int, *, more: bool, protocol: int = ICMPV6) -> bytes:
    return peer.ip(FRAGMENT, fragment_header(protocol, offset, 77, more=more) + payload)


def message6(kind: int, code: int, rest: bytes, **fields: object) -> Make:
    return lambda peer: peer.ip(ICMPV6, icmpv6(peer.address, peer.target, kind, code, rest), **fields)


def ipv6_probes() -> dict[str, Probe]:
    found = both_probes()
    pad = b"\1\4\0\0\0\0"
    for name, content in OPTIONS6.items():
        found[f"hop-by-hop: {name}"] = send(behind(HOP_BY_HOP, content))
        found[f"destination options: {name}"] = send(behind(DESTINATION, content))
    for kind in (0, 2, 3, 4, 43, 253):
        for left in (0, 1):
            found[f"routing type {kind}, {left} left"] = send(behind(ROUTING, routing(kind, left)))
    found |= {
        "routing type 0, 200 left": send(behind(ROUTING, routing(0, 200))),
        "hop-by-hop second": send(chain((DESTINATION, pad), (HOP_BY_HOP, pad))),
        "hop-by-hop twice": send(chain((HOP_BY_HOP, pad), (HOP_BY_HOP, pad))),
        "destination options twice": send(chain((DESTINATION, pad), (DESTINATION, pad))),
        "destination options ten times": send(chain(*[(DESTINATION, pad)] * 10)),
        "destination options twenty times": send(chain(*[(DESTINATION, pad)] * 20)),
        "hop-by-hop and destination options": send(chain((HOP_BY_HOP, pad), (DESTINATION, pad))),
        "no next header": send(lambda peer: peer.ip(NOTHING, b"")),
        "no next header with data": send(lambda peer: peer.ip(NOTHING, b"something")),
        "unknown behind destination options": send(
            lambda peer: peer.ip(DESTINATION, extension(253, pad) + b"something")
        ),
        "extension header cut off": send(lambda peer: peer.ip(DESTINATION, bytes([ICMPV6, 5, 1, 4, 0, 0, 0, 0]))),
        "extension header alone": send(lambda peer: peer.ip(DESTINATION, extension(ICMPV6, pad))),
        "syn behind destination options": send(lambda peer: peer.ip(DESTINATION, extension(TCP, pad) + syn(peer))),
        "syn to closed behind hop-by-hop": send(
            lambda peer: peer.ip(HOP_BY_HOP, extension(TCP, pad) + syn(peer, CLOSED))
        ),
        "datagram to closed behind destination options": send(
            lambda peer: peer.ip(
                DESTINATION, extension(UDP, pad) + packets.udp(peer.address, peer.target, 40000, CLOSED, b"hello")
            )
        ),
        "payload length 0": send(lambda peer: peer.ip(ICMPV6, echo(peer), length=0)),
        "payload length beyond the frame": send(lambda peer: peer.ip(ICMPV6, echo(peer), length=200)),
        "payload length too small": send(lambda peer: peer.ip(ICMPV6, echo(peer), length=10)),
        "flow label": send(in_packet(label=0x12345)),
        "icmp within ipv6": send(lambda peer: peer.ip(ICMP, icmp(8, 0, bytes(8)))),
        "node information": send(message6(139, 0, bytes(12))),
        "extended echo": send(message6(160, 0, pack("!HBB", 7, 9, 1) + b"\x20\0\0\0\0\x08\0\1")),
        "echo reply": send(message6(129, 0, bytes(4))),
        "unknown error": send(message6(100, 0, bytes(60))),
        "unknown information": send(message6(200, 0, bytes(60))),
        "error without a quote": send(message6(1, 4, bytes(4))),
        "router solicitation": send(message6(133, 0, bytes(4), ttl=255)),
        "from the target itself": send(from_source("2001:db8::1")),
        "from loopback": send(from_source("::1")),
        "from a group": send(from_source("ff02::5")),
        "from nobody": send(from_source("::")),
        "from mapped": send(from_source("::ffff:192.0.2.9")),
        "from compatible": send(from_source("::192.0.2.9")),
        "to an address of nobody": send(to_destination(OTHER[6])),
        "to loopback": send(to_destination("::1")),
        "to a foreign mac": send(in_packet(), to=bytes.fromhex("020000000099")),
        "to us in a group's frame": send(in_packet(), to=ALL_NODES_MAC),
        "syn to us in a group's frame": send(lambda peer: peer.ip(TCP, syn(peer)), to=ALL_NODES_MAC),
        "datagram to closed in a group's frame": send(datagram(b"hello"), to=ALL_NODES_MAC),
        "to all nodes": send(to_destination("ff02::1"), to=ALL_NODES_MAC),
        "to all routers": send(to_destination("ff02::2"), to=bytes.fromhex("333300000002")),
        "to all nodes of the host": send(to_destination("ff01::1"), to=ALL_NODES_MAC),
        "to the solicited node": send(to_destination("ff02::1:ff00:1"), to=bytes.fromhex("3333ff000001")),
    }
    return found | _to_group() | _fragments6()


def _to_group() -> dict[str, Probe]:
    def make(content: bytes) -> Make:
        return lambda peer: peer.ip(DESTINATION, extension(ICMPV6, content) + echo(peer, to=ALL_NODES), to=ALL_NODES)

    return {
        f"destination options to all nodes: {name}": send(make(content), to=ALL_NODES_MAC)
        for name, content in OPTIONS6.items()
        if name.startswith("unknown")
    }


def _fragments6() -> dict[str, Probe]:
    def whole(peer: Peer) -> bytes:
        return echo(peer, 120)

    def pieces(*order: int, cuts: tuple[int, ...] = (64,)) -> Probe:
        return several(lambda peer: [cut6(peer, ICMPV6, whole(peer), *cuts)[i] for i in order])

    def udp_whole(peer: Peer) -> bytes:
        return packets.udp(peer.address, peer.target, 40000, CLOSED, bytes(range(100)))

    pad = b"\1\4\0\0\0\0"
    return {
        "fragments: two": pieces(0, 1),
        "fragments: two in reverse": pieces(1, 0),
        "fragments: one twice": pieces(0, 0, 1),
        "fragments: three, the middle last": pieces(0, 2, 1, cuts=(32, 64)),
        "fragments: of 8 bytes": pieces(*range(16), cuts=tuple(range(8, 128, 8))),
        "fragments: overlap with the same": several(
            lambda peer: [part6(peer, whole(peer)[:72], 0, more=True), part6(peer, whole(peer)[64:], 64, more=False)]
        ),
        "fragments: same place, other bytes": several(
            lambda peer: [
                part6(peer, whole(peer)[:64], 0, more=True),
                part6(peer, bytes(64), 0, more=True),
                part6(peer, whole(peer)[64:], 64, more=False),
            ]
        ),
        "fragments: one within another": several(
            lambda peer: [
                part6(peer, whole(peer)[:64], 0, more=True),
                part6(peer, whole(peer)[8:24], 8, more=True),
                part6(peer, whole(peer)[64:], 64, more=False),
            ]
        ),
        "fragments: atomic": several(lambda peer: [part6(peer, echo(peer), 0, more=False)]),
        "fragments: atomic beside others": several(
            lambda peer: [
                part6(peer, whole(peer)[:64], 0, more=True),
                part6(peer, echo(peer), 0, more=False),
                part6(peer, whole(peer)[64:], 64, more=False),
            ]
        ),
        "fragments: atomic syn": several(lambda peer: [part6(peer, syn(peer), 0, more=False, protocol=TCP)]),
        "fragments: atomic syn to closed": several(
            lambda peer: [part6(peer, syn(peer, CLOSED), 0, more=False, protocol=TCP)]
        ),
        "fragments: atomic datagram to closed": several(
            lambda peer: [part6(peer, udp_whole(peer), 0, more=False, protocol=UDP)]
        ),
        "fragments: atomic of an unknown protocol": several(
            lambda peer: [part6(peer, bytes(20), 0, more=False, protocol=253)]
        ),
        "fragments: no multiple of eight": several(lambda peer: [part6(peer, whole(peer)[:63], 0, more=True)]),
        "fragments: empty": several(lambda peer: [part6(peer, b"", 0, more=True), part6(peer, b"", 64, more=False)]),
        "fragments: beyond the largest": several(lambda peer: [part6(peer, bytes(64), 65528, more=False)]),
        "fragments: of a datagram to closed": several(lambda peer: cut6(peer, UDP, udp_whole(peer), 48)),
        "fragments: of a syn": several(lambda peer: cut6(peer, TCP, syn(peer), 16)),
        "fragments: headers cut": several(
            lambda peer: cut6(peer, DESTINATION, extension(ICMPV6, pad + b"\1\6" + bytes(6)) + whole(peer), 8)
        ),
        "fragments: header behind the first cut": several(
            lambda peer: cut6(peer, DESTINATION, extension(ICMPV6, pad) + whole(peer), 8)
        ),
        "fragments: destination options within": several(
            lambda peer: cut6(peer, DESTINATION, extension(ICMPV6, pad) + whole(peer), 64)
        ),
        "fragments: unknown option within": several(
            lambda peer: cut6(peer, DESTINATION, extension(ICMPV6, b"\x9e\4abcd") + whole(peer), 64)
        ),
        "fragments: fragment within": several(
            lambda peer: cut6(peer, FRAGMENT, fragment_header(ICMPV6, 0, 5, more=False) + whole(peer), 64)
        ),
        "fragments: header cut off": several(lambda peer: [peer.ip(FRAGMENT, b"\x3a\0\0\0")]),
        "fragments: large echo": several(lambda peer: cut6(peer, ICMPV6, echo(peer, 4000), 1448, 2896)),
        "fragments: the first alone": several(lambda peer: cut6(peer, ICMPV6, whole(peer), 64)[:1], seconds=63),
        "fragments: the first of a datagram alone": several(
            lambda peer: cut6(peer, UDP, udp_whole(peer), 48)[:1], seconds=63
        ),
        "fragments: the last alone": several(lambda peer: cut6(peer, ICMPV6, whole(peer), 64)[1:], seconds=63),
    }


def arp(
    operation: int = 1,
    *,
    target: str = "192.0.2.1",
    sender: str | None = None,
    sender_mac: bytes = PROBER_MAC,
    head: bytes = b"\0\1\x08\0\6\4",
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
        "link arp: for a group": ask(arp(target="224.0.0.1")),
        "link arp: another sender's mac": ask(arp(sender_mac=bytes.fromhex("020000000042"))),
        "link arp: our mac as sender's": ask(arp(sender_mac=TARGET_MAC)),
        "link arp: sender's mac of a group": ask(arp(sender_mac=bytes.fromhex("030000000042"))),
        "link echo": send(in_packet()),
    }


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
        "link echo to all nodes": send(to_destination("ff02::1"), to=ALL_NODES_MAC),
    }


def ip_probes(version: int) -> dict[str, Probe]:
    if version == 4:
        return ipv4_probes() | link4_probes()
    return ipv6_probes() | link6_probes()
