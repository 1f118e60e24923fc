"""The probes of fragments: the same cuts of the same datagrams in both versions, and what each has of its own."""

from __future__ import annotations

from tests.live import packets
from tests.live.asking import echo, protocol_of, several, syn
from tests.live.battery_syn import CLOSED
from tests.live.packets import DESTINATION, FRAGMENT, ICMP, ICMPV6, TCP, UDP, extension, fragment_header
from tests.live.street import Peer, Probe

PADDING = b"\1\4\0\0\0\0"
WAITS = {4: 33, 6: 63}  # seconds: a little more than what a house waits for the rest


def fragment_probes(version: int) -> dict[str, Probe]:
    found = _of_both(version) | (_of_ipv4() if version == 4 else _of_ipv6())
    return {f"fragments: {name}": probe for name, probe in found.items()}


def part(peer: Peer, payload: bytes, offset: int, *, more: bool, protocol: int | None = None, tos: int = 0) -> bytes:
    """One fragment."""
    protocol = protocol_of(peer) if protocol is None else protocol
    if peer.version == 4:
        return peer.ip(protocol, payload, ident=77, field=offset >> 3 | (0x2000 if more else 0), tos=tos)
    return peer.ip(FRAGMENT, fragment_header(protocol, offset, 77, more=more) + payload, tos=tos)


def cut(peer: Peer, protocol: int, payload: bytes, *cuts: int) -> list[bytes]:
    """A datagram in fragments that begin at 0 and at each cut."""
    starts, ends = (0, *cuts), (*cuts, len(payload))
    return [
        part(peer, payload[start:end], start, more=end < len(payload), protocol=protocol)
        for start, end in zip(starts, ends, strict=True)
    ]


def whole(peer: Peer) -> bytes:
    return echo(peer, 120)


def datagram(peer: Peer) -> bytes:
    return packets.udp(peer.address, peer.target, 40000, CLOSED, bytes(range(100)))


def pieces(*order: int, cuts: tuple[int, ...] = (64,)) -> Probe:
    return several(lambda peer: [cut(peer, protocol_of(peer), whole(peer), *cuts)[i] for i in order])


def pieces_marked(*values: int) -> Probe:
    """Two fragments with these values of TOS, or traffic class."""

    def make(peer: Peer) -> list[bytes]:
        (first, second), octets = values, whole(peer)
        return [part(peer, octets[:64], 0, more=True, tos=first), part(peer, octets[64:], 64, more=False, tos=second)]

    return several(make)


def parts(*places: tuple[int, int, bool], zeros: int | None = None) -> Probe:
    """Fragments of the echo request from one byte to another, and whether more follow; one may have zeros in it."""

    def make(peer: Peer) -> list[bytes]:
        made = []
        for number, (start, end, more) in enumerate(places):
            octets = whole(peer)[start:end]
            made.append(part(peer, bytes(len(octets)) if number == zeros else octets, start, more=more))
        return made

    return several(make)


def _of_both(version: int) -> dict[str, Probe]:
    large = (1480, 2960) if version == 4 else (1448, 2896)
    seconds = WAITS[version]
    return {
        "two": pieces(0, 1),
        "two in reverse": pieces(1, 0),
        "one twice": pieces(0, 0, 1),
        "three, the middle last": pieces(0, 2, 1, cuts=(32, 64)),
        "of 8 bytes": pieces(*range(16), cuts=tuple(range(8, 128, 8))),
        **{
            f"ECN {first} and {second}": pieces_marked(first, second)
            for first, second in ((0, 3), (3, 0), (0, 2), (1, 0), (2, 1), (1, 2), (2, 3), (3, 1), (3, 3), (0x48, 0x4B))
        },
        "overlap with the same": parts((0, 72, True), (64, 128, False)),
        "overlap with other bytes": parts((0, 64, True), (32, 96, True), (64, 128, False), zeros=1),
        "same place, other bytes": parts((0, 64, True), (0, 64, True), (64, 128, False), zeros=1),
        "one within another": parts((0, 64, True), (8, 24, True), (64, 128, False)),
        "two ends": parts((64, 96, False), (0, 64, True), (64, 128, False)),
        "no multiple of eight": parts((0, 63, True), (56, 128, False)),
        "no multiple of eight, alone": parts((0, 63, True)),
        "empty": several(lambda peer: [part(peer, b"", 0, more=True), part(peer, b"", 64, more=False)]),
        "beyond the largest": several(lambda peer: [part(peer, bytes(64), 65528, more=False)]),
        "of a datagram to closed": several(lambda peer: cut(peer, UDP, datagram(peer), 48)),
        "of a syn": several(lambda peer: cut(peer, TCP, syn(peer), 16)),
        "of a syn, tiny": several(lambda peer: cut(peer, TCP, syn(peer), 8)),
        "large echo": several(lambda peer: cut(peer, protocol_of(peer), echo(peer, 4000), *large)),
        "the first alone": several(lambda peer: cut(peer, protocol_of(peer), whole(peer), 64)[:1], seconds=seconds),
        "the first of a datagram alone": several(lambda peer: cut(peer, UDP, datagram(peer), 48)[:1], seconds=seconds),
        "the last alone": several(lambda peer: cut(peer, protocol_of(peer), whole(peer), 64)[1:], seconds=seconds),
    }


def _of_ipv4() -> dict[str, Probe]:
    return {
        "with df": several(
            lambda peer: [
                peer.ip(ICMP, whole(peer)[:64], ident=77, field=0x6000),
                peer.ip(ICMP, whole(peer)[64:], ident=77, field=0x4008),
            ]
        ),
    }


def _of_ipv6() -> dict[str, Probe]:
    def atomic(payload: bytes, protocol: int, peer: Peer) -> bytes:
        return part(peer, payload, 0, more=False, protocol=protocol)

    def behind(content: bytes, at: int) -> Probe:
        """Destination options and the echo request, cut."""
        return several(lambda peer: cut(peer, DESTINATION, extension(ICMPV6, content) + whole(peer), at))

    inner = fragment_header(ICMPV6, 0, 5, more=False)
    long = extension(DESTINATION, PADDING) * 300
    return {
        "atomic": several(lambda peer: [atomic(echo(peer), ICMPV6, peer)]),
        "atomic beside others": several(
            lambda peer: [
                part(peer, whole(peer)[:64], 0, more=True),
                atomic(echo(peer), ICMPV6, peer),
                part(peer, whole(peer)[64:], 64, more=False),
            ]
        ),
        "atomic syn": several(lambda peer: [atomic(syn(peer), TCP, peer)]),
        "atomic syn to closed": several(lambda peer: [atomic(syn(peer, CLOSED), TCP, peer)]),
        "atomic datagram to closed": several(lambda peer: [atomic(datagram(peer), UDP, peer)]),
        "atomic of an unknown protocol": several(lambda peer: [atomic(bytes(20), 253, peer)]),
        "atomic with hop-by-hop options": several(
            lambda peer: [atomic(extension(ICMPV6, PADDING) + echo(peer), packets.HOP_BY_HOP, peer)]
        ),
        "atomic within atomic": several(lambda peer: [atomic(inner + echo(peer), FRAGMENT, peer)]),
        "headers cut": behind(PADDING + b"\1\6" + bytes(6), 8),
        "header behind the first cut": behind(PADDING, 8),
        "destination options within": behind(PADDING, 64),
        "unknown option within": behind(b"\x9e\4abcd", 64),
        "fragment within": several(lambda peer: cut(peer, FRAGMENT, inner + whole(peer), 64)),
        "hop-by-hop options within": several(
            lambda peer: cut(peer, packets.HOP_BY_HOP, extension(ICMPV6, PADDING) + whole(peer), 64)
        ),
        "three hundred headers": several(
            lambda peer: cut(peer, DESTINATION, long + extension(ICMPV6, PADDING) + whole(peer), 1200, 2400)
        ),
        "header cut off": several(lambda peer: [peer.ip(FRAGMENT, b"\x3a\0\0\0")]),
    }
