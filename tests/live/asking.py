"""Probes below TCP: how one is sent, and what it sends."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from struct import pack

import trio

from tests.live import packets
from tests.live.battery_syn import CLOSED
from tests.live.packets import ICMP, ICMPV6, SYN, UDP, icmp, icmpv6
from tests.live.street import TARGET_MAC, Peer, Probe
from tests.live.twin import SINK

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
