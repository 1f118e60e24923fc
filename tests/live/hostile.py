"""Frames for hostile tests: one maker for each protocol, random where a protocol leaves room, and a mutator."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from tests.live.arena import CLIENT4, CLIENT6, V4, V6


class Wire(NamedTuple):
    """The cable, seen from the attacker: who is at its ends."""

    pot: bytes
    attacker: bytes

    def to_pot(self, ethertype: bytes, body: bytes) -> bytes:
        return self.pot + self.attacker + ethertype + body.ljust(46, b"\0")

    def ip(self, protocol: int, body: bytes, rng: random.Random) -> bytes:
        """An IPv4 or IPv6 packet to the honeypot with a right header."""
        if rng.random() < 0.5:
            return self.ipv6(protocol, body)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), rng.randrange(65536), 0, 64, protocol, 0)
        head += socket.inet_aton(CLIENT4) + socket.inet_aton(V4)
        return self.to_pot(b"\x08\x00", head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body)

    def ipv6(self, protocol: int, body: bytes) -> bytes:
        head = struct.pack(">IHBB", 0x60000000, len(body), protocol, 255)
        addresses = socket.inet_pton(socket.AF_INET6, CLIENT6) + socket.inet_pton(socket.AF_INET6, V6)
        return self.to_pot(b"\x86\xdd", head + addresses + body)


def checksum(data: bytes) -> int:
    """The Internet checksum of data whose checksum field is zero (RFC 1071)."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data[: len(data) & ~1])) + (data[-1] << 8 if len(data) % 2 else 0)
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def mutated(frame: bytes, rng: random.Random) -> bytes:
    """The frame with bits flipped behind its addresses, cut short, or with a piece of it twice."""
    changed = bytearray(frame)
    for _ in range(rng.randrange(1, 6)):
        changed[rng.randrange(12, len(changed))] ^= 1 << rng.randrange(8)
    if rng.random() < 0.3:
        del changed[rng.randrange(14, len(changed)) :]
    if rng.random() < 0.2:
        start = rng.randrange(12, len(changed))
        changed[start:start] = changed[start : start + rng.randrange(1, 40)]
    return bytes(changed[:1500]).ljust(14, b"\0")


def arp(wire: Wire, rng: random.Random) -> bytes:
    return wire.to_pot(b"\x08\x06", struct.pack(">HHBBH", 1, 0x0800, 6, 4, rng.randrange(4)) + rng.randbytes(20))


def ipv4(wire: Wire, rng: random.Random) -> bytes:
    size = rng.randrange(20, 300)
    return wire.to_pot(b"\x08\x00", bytes([0x40 | rng.randrange(16)]) + rng.randbytes(size))


def ipv6(wire: Wire, rng: random.Random) -> bytes:
    """A random chain of extension headers, fragments among them."""
    body = b"".join(
        bytes([rng.choice((0, 43, 44, 60, 6, 59)), rng.randrange(3)]) + rng.randbytes(6)
        for _ in range(rng.randrange(1, 12))
    )
    return wire.ipv6(rng.choice((0, 43, 44, 60)), body)


def icmp(wire: Wire, rng: random.Random) -> bytes:
    return wire.ip(1, rng.randbytes(rng.randrange(1, 200)), rng)


def icmpv6(wire: Wire, rng: random.Random) -> bytes:
    kind = rng.choice((1, 2, 3, 4, 128, 129, 130, 131, 133, 134, 135, 136, 137, rng.randrange(256)))
    return wire.ipv6(58, bytes([kind, 0]) + rng.randbytes(rng.randrange(2, 120)))


def igmp(wire: Wire, rng: random.Random) -> bytes:
    return wire.ip(2, rng.choice((b"\x11", b"\x16", b"\x17", b"\x22")) + rng.randbytes(rng.randrange(1, 60)), rng)


def udp(wire: Wire, rng: random.Random) -> bytes:
    head = struct.pack(">HHHH", rng.randrange(65536), rng.randrange(65536), rng.randrange(100), rng.randrange(65536))
    return wire.ip(17, head + rng.randbytes(rng.randrange(80)), rng)


def tcp(wire: Wire, rng: random.Random) -> bytes:
    """Any flags, options that do not parse, and every so often the port of the connection beside it."""
    options = rng.randbytes(4 * rng.randrange(0, 11))
    offset = rng.choice((5 + len(options) // 4, rng.randrange(16))) << 4
    head = struct.pack(
        ">HHIIBBHHH",
        *(rng.randrange(65536), rng.choice((7, rng.randrange(65536))), rng.getrandbits(32), rng.getrandbits(32)),
        *(offset, rng.getrandbits(8), rng.getrandbits(16), rng.getrandbits(16), rng.getrandbits(16)),
    )
    return wire.ip(6, head + options + rng.randbytes(rng.randrange(60)), rng)


def vlan(wire: Wire, rng: random.Random) -> bytes:
    return wire.to_pot(b"\x81\x00", rng.randbytes(2) + rng.choice((b"\x08\x00", b"\x86\xdd")) + rng.randbytes(60))


FRAMES: dict[str, Callable[[Wire, random.Random], bytes]] = {
    maker.__name__: maker for maker in (arp, ipv4, ipv6, icmp, icmpv6, igmp, udp, tcp, vlan)
}
