"""The probes that go through all values of a field: protocols, types of messages, sizes, types of service."""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack

import trio

from tests.live import packets
from tests.live.asking import (
    ALL_NODES_MAC,
    BROADCAST_MAC,
    Make,
    datagram,
    echo,
    in_packet,
    protocol_of,
    send,
    send_and_hear_groups,
    several,
    syn,
)
from tests.live.battery_fragments import cut
from tests.live.battery_syn import CLOSED
from tests.live.packets import FRAGMENT, ICMPV6, TCP, UDP, icmp, icmpv6
from tests.live.street import Peer, Probe
from tests.live.twin import ECHO_UDP, SINK

# Protocols whose first octets would be read as something else, and have probes of their own.
SPOKEN = {1, 2, 6, 17, 58, 0, 43, 44, 60}
TEXT = bytes(range(1, 33))
PORTS = (0, 1, 7, 9, 19, 53, 69, 123, 137, 161, 500, 1900, 5353, 11211, 33434, 65535)
SERVICE = (0x04, 0x10, 0x28, 0xB8, 0xC0, 0xFF)
ROOM = {4: 1480, 6: 1448}  # bytes of a fragment's data on Ethernet


def sweep_probes(version: int) -> dict[str, Probe]:
    found = _protocols() | _messages(version) | _sizes(version) | _service(version) | _ports()
    return {f"sweep: {name}": probe for name, probe in found.items()} | _group_probes(version)


def _protocols() -> dict[str, Probe]:
    def carrying(number: int, body: bytes) -> Make:
        return lambda peer: peer.ip(number, body)

    found = {f"protocol {n}": send(carrying(n, TEXT)) for n in range(256) if n not in SPOKEN}
    return found | {f"protocol {n}, empty": send(carrying(n, b"")) for n in (4, 41, 47, 50, 51, 132, 135, 139, 253)}


def _messages(version: int) -> dict[str, Probe]:
    """ICMP messages of each type; types that tell of errors have nothing to quote."""

    def message(kind: int, code: int = 0, rest: bytes = bytes(24)) -> Probe:
        if version == 4:
            return send(lambda peer: peer.ip(packets.ICMP, icmp(kind, code, rest)))
        return send(lambda peer: peer.ip(ICMPV6, icmpv6(peer.address, peer.target, kind, code, rest)))

    asked = {8} if version == 4 else {128}
    found = {f"message {kind}": message(kind) for kind in range(256) if kind not in asked}
    for size in (0, 3, 4):
        found |= {f"message {kind} of {4 + size} bytes": message(kind, 0, bytes(size)) for kind in (*asked, 13, 17, 3)}
    numbers = {"of zeros": pack("!HH", 0, 0), "of ones": pack("!HH", 0xFFFF, 0xFFFF)}
    return found | {f"echo {name}": message(*asked, 0, rest) for name, rest in numbers.items()}


def _sizes(version: int) -> dict[str, Probe]:
    def echoed(size: int, room: int) -> Probe:
        return several(lambda peer: _in_pieces(peer, protocol_of(peer), echo(peer, size), room))

    def in_datagram(size: int, room: int, port: int) -> Probe:
        def make(peer: Peer) -> list[bytes]:
            whole = packets.udp(peer.address, peer.target, 40000, port, bytes(i & 0xFF for i in range(size)))
            return _in_pieces(peer, UDP, whole, room)

        return several(make)

    room, small = ROOM[version], 520
    most = 1472 if version == 4 else 1452
    found = {
        f"echo of {size} bytes": echoed(size, room) for size in (most - 1, most, most + 1, 3000, 9000, 32_000, 65_000)
    }
    found |= {f"echo of {size} bytes in small fragments": echoed(size, small) for size in (1000, most, 5000)}
    for name, port in (("open", ECHO_UDP), ("closed", CLOSED)):
        found |= {
            f"datagram of {size} bytes to {name}": in_datagram(size, room, port)
            for size in (1, most - 1, most, most + 1, 3000, 9000)
        }
    found["datagram of 1000 bytes to closed in small fragments"] = in_datagram(1000, small, CLOSED)
    for size in (500, 540, 548, 549, 1000, 1180, 1184, 1185, 1186, 1224, 1232, 1233, 1300):
        found[f"error about {size} bytes"] = in_datagram(size, room, CLOSED)
    return found


def _in_pieces(peer: Peer, protocol: int, whole: bytes, room: int) -> list[bytes]:
    if len(whole) <= (1480 if peer.version == 4 else 1460) and room >= 1000:
        return [peer.ip(protocol, whole)]
    return cut(peer, protocol, whole, *range(room, len(whole), room))


def _service(version: int) -> dict[str, Probe]:
    found: dict[str, Probe] = {}

    def marked(name: str, make: Make) -> None:
        for tos in SERVICE:
            found[f"{name} with type of service {tos:#04x}"] = send(_with_service(make, tos))

    marked("echo", in_packet())
    marked("datagram to closed", datagram(b"hello"))
    marked("datagram to open", datagram(b"hello", port=ECHO_UDP))
    marked("unknown protocol", lambda peer: peer.ip(253, TEXT))
    marked("syn to open", lambda peer: peer.ip(TCP, syn(peer)))
    marked("syn to closed", lambda peer: peer.ip(TCP, syn(peer, CLOSED)))
    for ttl in (0, 1, 2, 255):
        found[f"datagram to closed with hop limit {ttl}"] = send(
            lambda peer, ttl=ttl: peer.ip(UDP, packets.udp(peer.address, peer.target, 40000, CLOSED, b"hello"), ttl=ttl)
        )
        found[f"unknown protocol with hop limit {ttl}"] = send(lambda peer, ttl=ttl: peer.ip(253, TEXT, ttl=ttl))
    if version == 6:
        for name, port in (("open", SINK), ("closed", CLOSED)):
            found[f"syn with flow label to {name}"] = send(
                lambda peer, port=port: peer.ip(TCP, syn(peer, port), label=0x54321)
            )
        found["atomic fragment with reserved bits"] = send(
            lambda peer: peer.ip(FRAGMENT, bytes([ICMPV6, 0xFF, 0, 6]) + bytes(4) + echo(peer))
        )
        found["fragment with reserved octet"] = several(
            lambda peer: [
                peer.ip(FRAGMENT, bytes([ICMPV6, 0xFF, 0, 7]) + bytes(4) + echo(peer, 120)[:64]),
                peer.ip(FRAGMENT, bytes([ICMPV6, 0xFF, 0, 0x46]) + bytes(4) + echo(peer, 120)[64:]),
            ]
        )
    return found


def _with_service(make: Make, tos: int) -> Make:
    """The packet with another type of service, or traffic class."""

    def marked(peer: Peer) -> bytes:
        packet = make(peer)
        if peer.version == 6:
            return pack("!I", 6 << 28 | tos << 20) + packet[4:]
        head = packet[:1] + bytes([tos]) + packet[2:10] + bytes(2) + packet[12:20]
        return head[:10] + pack("!H", packets.checksum(head)) + head[12:] + packet[20:]

    return marked


def _ports() -> dict[str, Probe]:
    async def both_zero(peer: Peer) -> None:
        await peer.frame(datagram(b"hello", port=0, source_port=0)(peer))
        await trio.sleep(0.5)

    found: dict[str, Probe] = {}
    for name, to in (("open", ECHO_UDP), ("closed", CLOSED)):
        for port in PORTS:
            found[f"datagram to {name} from port {port}"] = send(datagram(b"hello", port=to, source_port=port))
    found["datagram between ports 0"] = both_zero
    found |= {
        f"datagram to open of length {length}": send(datagram(b"hello", port=ECHO_UDP, length=length))
        for length in (0, 7, 8, 9, 12, 14, 100)
    }
    return found


def _group_probes(version: int) -> dict[str, Probe]:
    """What goes to groups and broadcasts, where an answer may go to a group too; and queries for listeners."""
    if version == 4:
        return {
            "group: datagram to open, to the link's broadcast": send(_elsewhere("255.255.255.255"), to=BROADCAST_MAC),
            "group: datagram to open, to the net's broadcast": send(_elsewhere("192.0.2.255"), to=BROADCAST_MAC),
            "group: datagram to open, to all hosts": send(_elsewhere("224.0.0.1"), to=bytes.fromhex("01005e000001")),
            "group: datagram to closed, to all hosts": send(
                _elsewhere("224.0.0.1", CLOSED), to=bytes.fromhex("01005e000001")
            ),
            **{f"group: igmp query {name}": send_and_hear_groups(_igmp(body)) for name, body in IGMP.items()},
        }
    return {
        "group: datagram to open, to all nodes": send(_elsewhere("ff02::1"), to=ALL_NODES_MAC),
        "group: datagram to closed, to all nodes": send(_elsewhere("ff02::1", CLOSED), to=ALL_NODES_MAC),
    }


IGMP = {
    "of version 1": b"\x11\0\0\0" + bytes(4),
    "of version 2": b"\x11\1\0\0" + bytes(4),
    "of version 3": b"\x11\1\0\0" + bytes(4) + b"\2\x7d\0\0",
    "for all hosts": b"\x11\1\0\0\xe0\0\0\1",
    "for another group": b"\x11\1\0\0\xe0\0\0\xfb",
}


def _igmp(body: bytes) -> Make:
    whole = body[:2] + pack("!H", packets.checksum(body)) + body[4:]
    to = bytes([224, 0, 0, 1])
    return lambda peer: peer.ip(2, whole, to=to, ttl=1, options=b"\x94\4\0\0", source=bytes([192, 0, 2, 2]))


def _elsewhere(destination: str, port: int = ECHO_UDP) -> Make:
    to = ip_address(destination).packed

    def make(peer: Peer) -> bytes:
        return peer.ip(UDP, packets.udp(peer.address, to, 40000, port, b"hello"), to=to)

    return make
