"""A peer on the wire for the tests of the stack: makes frames, and a stack to give them to."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

import pytest

from honeystack.net.address import AddressSet, Path
from honeystack.net.notices import Anomaly, Datagram, Notice
from honeystack.net.settings import StackSettings
from honeystack.net.stack import Stack
from honeystack.net.wire import icmp, icmpv6, ipv4, ipv6
from honeystack.net.wire.arp import REQUEST, Arp, encode_arp
from honeystack.net.wire.checksum import pseudo_header_sum
from honeystack.net.wire.ethernet import ARP, IPV4, IPV6, encode_ethernet
from honeystack.net.wire.facts import IpFacts, IpPacket
from honeystack.net.wire.icmp import IcmpMessage, decode_icmp
from honeystack.net.wire.icmpv6 import decode_icmpv6
from honeystack.net.wire.ipv6 import encode_fragment_header
from honeystack.net.wire.tcp import ACK, SYN, decode_segment, encode_segment
from honeystack.net.wire.udp import UdpDatagram, encode_udp

OUR_MAC, PEER_MAC = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
BROADCAST = b"\xff" * 6
FATES = ("answered", "delivered", "ignored", "malformed", "excluded", "faults")


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


US4, PEER4 = packed("10.0.0.1"), packed("10.0.0.2")
US6, PEER6, LINK_LOCAL = packed("2001:db8::1"), packed("2001:db8::2"), packed("fe80::1")
PATH4 = Path(4, US4, PEER4, OUR_MAC, PEER_MAC)
PATH6 = Path(6, US6, PEER6, OUR_MAC, PEER_MAC)
PATHS = {4: PATH4, 6: PATH6}
both = pytest.mark.parametrize("path", PATHS.values(), ids=["4", "6"])
ADDRESSES = AddressSet(["10.0.0.1/32", "10.9.0.0/16", "2001:db8::1/128", "fe80::1/128", "2001:db8:9::/64"])


def make_stack(**settings: object) -> Stack:
    fields = {"mac": OUR_MAC, "addresses": ADDRESSES, "secret": bytes(32), **settings}
    stack = Stack(StackSettings(**fields), rng=random.Random(1))  # type: ignore[arg-type]
    stack.tcp.listen(80)
    stack.udp.listen(None)
    return stack


def notices(stack: Stack) -> list[Notice]:
    """What the stack tells, but for the anomalies, which have a test file of their own."""
    return [notice for notice in every_notice(stack) if not isinstance(notice, Anomaly)]


def datagrams(stack: Stack) -> list[Datagram]:
    return [notice for notice in notices(stack) if isinstance(notice, Datagram)]


def every_notice(stack: Stack) -> list[Notice]:
    return list(iter(stack.poll_notice, None))


def ip_packet(path: Path, protocol: int, payload: bytes, *, ttl: int = 64, fragment: int = 0, ident: int = 7) -> bytes:
    """A packet from the path's remote to its local end."""
    if path.version == 4:
        header = ipv4.encode_ipv4(
            path.remote, path.local, protocol, len(payload), ttl=ttl, ident=ident, fragment=fragment
        )
    else:
        header = ipv6.encode_ipv6(path.remote, path.local, protocol, len(payload), hop_limit=ttl)
    return header + payload


def frame(path: Path, packet: bytes) -> bytes:
    ethertype = IPV4 if path.version == 4 else IPV6
    return encode_ethernet(path.local_mac, path.remote_mac, ethertype, path.vlan) + packet


def ip_frame(path: Path, protocol: int, payload: bytes, **fields: int) -> bytes:
    return frame(path, ip_packet(path, protocol, payload, **fields))


def udp_frame(path: Path, data: bytes, local_port: int = 5000, remote_port: int = 40000) -> bytes:
    return ip_frame(path, 17, encode_udp(UdpDatagram(remote_port, local_port, data), path.remote, path.local))


def syn_segment(path: Path, local_port: int = 80, remote_port: int = 40000) -> bytes:
    pseudo = pseudo_header_sum(path.remote, path.local, 6, 0)
    return encode_segment(remote_port, local_port, 1000, 0, SYN, 64240, pseudo)


def syn_frame(path: Path, local_port: int = 80, remote_port: int = 40000) -> bytes:
    return ip_frame(path, 6, syn_segment(path, local_port, remote_port))


def icmp_payload(path: Path, message: IcmpMessage) -> bytes:
    if path.version == 4:
        return icmp.encode_icmp(message)
    return icmpv6.encode_icmpv6(message, path.remote, path.local)


def icmp_frame(path: Path, message: IcmpMessage, **fields: int) -> bytes:
    return ip_frame(path, 1 if path.version == 4 else 58, icmp_payload(path, message), **fields)


def ping_frame(path: Path, data: bytes = b"abcdefgh") -> bytes:
    kind = icmp.ECHO_REQUEST if path.version == 4 else icmpv6.ECHO_REQUEST
    return icmp_frame(path, IcmpMessage(kind, 0, 0x12340001, data))


def received(path: Path, protocol: int, payload: bytes, *, unicast: bool = True, ttl: int = 64) -> IpPacket:
    """A packet as the internet layer hands it on."""
    offset = 20 if path.version == 4 else 40
    facts = IpFacts(ttl, 7, dont_fragment=False, tos=0)
    return IpPacket(path, protocol, ip_packet(path, protocol, payload, ttl=ttl), offset, facts, unicast, verify=True)


def fate(stack: Stack, octets: bytes, now: float = 1.0, **options: Any) -> str:
    """Give a frame to the stack; what became of it."""
    before = stack.statistics()
    stack.receive_frame(octets, now, **options)
    after = stack.statistics()
    (name,) = (
        n for n in ("answered", "delivered", "ignored", "malformed", "excluded", "faults") if after[n] > before[n]
    )
    return name


def answers(stack: Stack, now: float = 1.0) -> list[IcmpMessage]:
    return [
        decode_icmp(sent[34:]) if sent[12:14] == b"\x08\0" else decode_icmpv6(sent[54:], sent[22:38], sent[38:54])
        for sent in stack.poll_transmit(now)
    ]


def cut(path: Path, protocol: int, payload: bytes, size: int = 1400, ident: int = 9) -> list[bytes]:
    """The frames of a packet in fragments."""
    frames = []
    for start in range(0, len(payload), size):
        part, more = payload[start : start + size], start + size < len(payload)
        if path.version == 4:
            field = start >> 3 | (ipv4.MORE_FRAGMENTS if more else 0)
            frames.append(ip_frame(path, protocol, part, fragment=field, ident=ident))
        else:
            header = encode_fragment_header(protocol, start, ident, more=more)
            frames.append(ip_frame(path, ipv6.FRAGMENT, header + part))
    return frames


def arp_frame(arp: Arp, destination: bytes = BROADCAST, source: bytes = PEER_MAC, vlan: int | None = None) -> bytes:
    return encode_ethernet(destination, source, ARP, vlan) + encode_arp(arp) + bytes(18)


ASK = Arp(REQUEST, PEER_MAC, PEER4, bytes(6), US4)


def segment(path: Path, flags: int, seq: int, ack: int, data: bytes = b"", local_port: int = 80) -> bytes:
    pseudo = pseudo_header_sum(path.remote, path.local, 6, 0)
    return encode_segment(40000, local_port, seq, ack, flags, 64240, pseudo, b"", data)


def answer(stack: Stack, path: Path) -> tuple[bytes, int, int, int]:
    """The one frame that the stack sends, and the segment's flags, sequence and acknowledgement in it."""
    (sent,) = stack.poll_transmit(1.0)
    seg = decode_segment(memoryview(sent)[34 if path.version == 4 else 54 :])
    return sent, seg.flags, seg.seq, seg.ack


def established(stack: Stack, path: Path) -> tuple[int, int]:
    """Shake hands; the next sequence numbers of the peer and of the stack."""
    stack.receive_frame(syn_frame(path), 1.0)
    _, flags, seq, ack = answer(stack, path)
    assert (flags & (SYN | ACK), ack) == (SYN | ACK, 1001)
    stack.receive_frame(ip_frame(path, 6, segment(path, ACK, 1001, seq + 1)), 1.0)
    return 1001, seq + 1
