"""The probes of headers beside the plain one: options of IPv4, and extension headers of IPv6."""

from __future__ import annotations

from ipaddress import ip_address

from tests.live import packets
from tests.live.asking import ALL_NODES, ALL_NODES_MAC, Make, echo, in_packet, send, syn
from tests.live.battery_syn import CLOSED
from tests.live.packets import DESTINATION, HOP_BY_HOP, ICMPV6, NOTHING, ROUTING, TCP, UDP, extension
from tests.live.street import Peer, Probe

PADDING = b"\1\4\0\0\0\0"
JUMBO = b"\xc2\4\0\0\0\x20"

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
    "record route twice": b"\7\7\4" + bytes(4) + b"\7\7\4" + bytes(4) + b"\0\0",
    "record route and timestamps": b"\7\7\4" + bytes(4) + b"\x44\x0c\5\0" + bytes(8) + b"\0",
    "record route with a bad pointer": b"\7\7\3" + bytes(4) + b"\0",
    "record route of a rest": b"\7\x09\4" + bytes(7),
    "timestamps, full": b"\x44\4\5\0",
    "timestamps, more than can be counted": b"\x44\4\5\xf0",
    "timestamps of those named": b"\x44\x14\5\3\xc0\0\2\1\0\0\0\0\xc0\0\2\x63\0\0\0\0",
    "timestamps of an unknown kind": b"\x44\x08\5\2" + bytes(4),
    "an error behind a record": b"\7\7\4" + bytes(4) + b"\xde\0\0\0\0",
    "router alert of length 3": b"\x94\3\0\0",
    "cipso of ten bytes": b"\x86\x0a\0\0\0\1\1\4\0\0\0\0",
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
    "calipso of ten bytes": b"\7\x0a" + bytes(10) + b"\1\0",
    "ioam": b"\x31\4abcd",
    "ioam, aligned": b"\1\0\x31\2\0\0",
    "jumbo of less": b"\xc2\4\0\0\0\x20",
    "jumbo, not aligned": b"\0\xc2\4\0\1\0\0\0\0\0\0\0\0\0",
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


def option_probes(version: int) -> dict[str, Probe]:
    return _of_ipv4() if version == 4 else _of_ipv6()


def _of_ipv4() -> dict[str, Probe]:
    def on_syn(options: bytes) -> Make:
        return lambda peer: peer.ip(TCP, syn(peer), options=options)

    def on_datagram(options: bytes) -> Make:
        return lambda peer: peer.ip(
            UDP, packets.udp(peer.address, peer.target, 40000, CLOSED, b"hello"), options=options
        )

    ways = {
        "": lambda options: in_packet(options=options),
        " on a syn": on_syn,
        " on a datagram to closed": on_datagram,
    }
    return {
        f"ip options{where}: {name}": send(make(options))
        for where, make in ways.items()
        for name, options in IP_OPTIONS.items()
    }


def _of_ipv6() -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    for name, content in OPTIONS6.items():
        found[f"hop-by-hop: {name}"] = send(behind(HOP_BY_HOP, content))
        found[f"destination options: {name}"] = send(behind(DESTINATION, content))
    for kind in (0, 2, 3, 4, 43, 253):
        for left in (0, 1):
            found[f"routing type {kind}, {left} left"] = send(behind(ROUTING, routing(kind, left)))
    return (
        found
        | _to_group()
        | {
            "routing type 0, 200 left": send(behind(ROUTING, routing(0, 200))),
            "hop-by-hop second": send(chain((DESTINATION, PADDING), (HOP_BY_HOP, PADDING))),
            "hop-by-hop twice": send(chain((HOP_BY_HOP, PADDING), (HOP_BY_HOP, PADDING))),
            "destination options twice": send(chain((DESTINATION, PADDING), (DESTINATION, PADDING))),
            "destination options ten times": send(chain(*[(DESTINATION, PADDING)] * 10)),
            "destination options twenty times": send(chain(*[(DESTINATION, PADDING)] * 20)),
            "destination options 150 times": send(chain(*[(DESTINATION, PADDING)] * 150)),
            "jumbo and length 0": send(
                lambda peer: peer.ip(HOP_BY_HOP, extension(ICMPV6, JUMBO) + echo(peer), length=0)
            ),
            "hop-by-hop and length 0": send(
                lambda peer: peer.ip(HOP_BY_HOP, extension(ICMPV6, PADDING) + echo(peer), length=0)
            ),
            "hop-by-hop and destination options": send(chain((HOP_BY_HOP, PADDING), (DESTINATION, PADDING))),
            "no next header": send(lambda peer: peer.ip(NOTHING, b"")),
            "no next header with data": send(lambda peer: peer.ip(NOTHING, b"something")),
            "unknown behind destination options": send(
                lambda peer: peer.ip(DESTINATION, extension(253, PADDING) + b"something")
            ),
            "extension header cut off": send(lambda peer: peer.ip(DESTINATION, bytes([ICMPV6, 5, 1, 4, 0, 0, 0, 0]))),
            "extension header alone": send(lambda peer: peer.ip(DESTINATION, extension(ICMPV6, PADDING))),
            "syn behind destination options": send(
                lambda peer: peer.ip(DESTINATION, extension(TCP, PADDING) + syn(peer))
            ),
            "syn to closed behind hop-by-hop": send(
                lambda peer: peer.ip(HOP_BY_HOP, extension(TCP, PADDING) + syn(peer, CLOSED))
            ),
            "datagram to closed behind destination options": send(
                lambda peer: peer.ip(
                    DESTINATION,
                    extension(UDP, PADDING) + packets.udp(peer.address, peer.target, 40000, CLOSED, b"hello"),
                )
            ),
        }
    )


def _to_group() -> dict[str, Probe]:
    def make(content: bytes) -> Make:
        return lambda peer: peer.ip(DESTINATION, extension(ICMPV6, content) + echo(peer, to=ALL_NODES), to=ALL_NODES)

    return {
        f"destination options to all nodes: {name}": send(make(content), to=ALL_NODES_MAC)
        for name, content in OPTIONS6.items()
        if name.startswith("unknown")
    }
