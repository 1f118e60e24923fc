"""The probes below TCP: IP headers, ICMP, UDP, and whatever else a packet can carry."""

from __future__ import annotations

from struct import pack

from tests.live.asking import (
    ALL_NODES_MAC,
    BROADCAST_MAC,
    OTHER,
    Make,
    datagram,
    echo,
    from_source,
    in_packet,
    protocol_of,
    send,
    several,
    syn,
    to_destination,
)
from tests.live.battery_fragments import fragment_probes
from tests.live.battery_link import link_probes
from tests.live.battery_options import option_probes
from tests.live.packets import ICMP, ICMPV6, TCP, UDP, icmp, icmpv6
from tests.live.street import Probe
from tests.live.twin import ECHO_UDP


def ip_probes(version: int) -> dict[str, Probe]:
    own = ipv4_probes() if version == 4 else ipv6_probes()
    return both_probes() | own | option_probes(version) | fragment_probes(version) | link_probes(version)


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


def ipv4_probes() -> dict[str, Probe]:
    found: dict[str, Probe] = {}
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
    return found


def message6(kind: int, code: int, rest: bytes, **fields: object) -> Make:
    return lambda peer: peer.ip(ICMPV6, icmpv6(peer.address, peer.target, kind, code, rest), **fields)


def ipv6_probes() -> dict[str, Probe]:
    return {
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
