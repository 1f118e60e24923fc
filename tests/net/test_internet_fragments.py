"""Fragments on their way through the stack, and what came in them."""

from __future__ import annotations

import random

import pytest

from honeystack.net.address import AddressSet, Path
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached, PacketSeen
from honeystack.net.wire import ipv6
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.ipv6 import encode_fragment_header
from honeystack.net.wire.udp import UdpDatagram, encode_udp
from tests.net.frames import (
    PATH4,
    PATH6,
    PEER6,
    PEER_MAC,
    US6,
    answers,
    both,
    cut,
    datagrams,
    fate,
    frame,
    icmp_payload,
    ip_frame,
    ip_packet,
    make_stack,
    notices,
)

# Fragments.


@both
def test_a_large_datagram_in_fragments_in_any_order_is_delivered_once(path: Path) -> None:
    stack, data = make_stack(), random.Random(1).randbytes(60_000)
    frames = cut(path, 17, encode_udp(UdpDatagram(40000, 5000, data), path.remote, path.local))
    random.Random(2).shuffle(frames)
    assert {fate(stack, part) for part in frames} == {"delivered"}
    assert [datagram.data for datagram in datagrams(stack)] == [data]


@both
def test_a_large_ping_is_answered_in_fragments_that_make_it_whole(path: Path) -> None:
    stack, data = make_stack(), random.Random(1).randbytes(8000)
    kind = 8 if path.version == 4 else 128
    for part in cut(path, 1 if path.version == 4 else 58, icmp_payload(path, IcmpMessage(kind, 0, 1, data))):
        stack.receive_frame(part, 1.0)
    peer = make_stack(mac=PEER_MAC, addresses=AddressSet(["10.0.0.2", "2001:db8::2"]), sniffer=True)
    for sent in stack.poll_transmit(1.0):
        peer.receive_frame(sent, 1.0)
    (seen,) = notices(peer)
    assert isinstance(seen, PacketSeen)
    assert seen.payload == data


@both
def test_a_broken_checksum_is_found_in_the_whole(path: Path) -> None:
    stack = make_stack()
    segment = bytearray(encode_udp(UdpDatagram(40000, 5000, bytes(3000)), path.remote, path.local))
    segment[-1] ^= 1
    assert [fate(stack, part) for part in cut(path, 17, bytes(segment))][-1] == "malformed"


@both
def test_an_unfinished_datagram_is_told_to_its_sender(path: Path) -> None:
    stack = make_stack()
    first, second, _ = cut(path, 17, encode_udp(UdpDatagram(40000, 5000, bytes(3000)), path.remote, path.local))
    fate(stack, first)
    deadline = stack.poll_timeout()
    assert deadline == (31.0 if path.version == 4 else 61.0)
    stack.handle_timeout(deadline)
    (error,) = answers(stack)
    assert (error.type, error.code) == ((11, 1) if path.version == 4 else (3, 1))
    fate(stack, second, 200.0)
    stack.handle_timeout(300.0)
    assert stack.poll_transmit(300.0) == []


def test_the_bound_on_fragments_is_told_once_in_a_while() -> None:
    stack = make_stack(limits=Limits(fragment_datagrams=2))
    for ident in range(10):
        fate(stack, cut(PATH4, 17, bytes(2000), ident=ident)[0])
    (notice,) = notices(stack)
    assert notice == BoundReached("fragment_datagrams", 2, PATH4)
    assert stack.statistics()["fragments_held"] == 2


def test_a_first_fragment_without_the_whole_chain_is_a_problem() -> None:
    stack = make_stack()
    header = encode_fragment_header(17, 0, 9, more=True)
    assert fate(stack, ip_frame(PATH6, ipv6.FRAGMENT, header)) == "answered"
    (error,) = answers(stack)
    assert (error.type, error.code, error.rest) == (4, 3, 0)


def whole(following: int, content: bytes, ident: int = 2) -> list[bytes]:
    """The frames of an IPv6 packet in two fragments."""
    return [
        ip_frame(PATH6, ipv6.FRAGMENT, encode_fragment_header(following, start, ident, more=start == 0) + part)
        for start, part in ((0, content[:16]), (16, content[16:]))
    ]


@pytest.mark.parametrize(
    ("following", "content", "code", "pointer"),
    [
        (ipv6.FRAGMENT, encode_fragment_header(17, 0, 1, more=False) + bytes(24), ipv6.ERRONEOUS_FIELD, 40),
        (ipv6.HOP_BY_HOP, b"\x11\0\1\4\0\0\0\0" + bytes(24), ipv6.UNKNOWN_NEXT_HEADER, 6),
        (ipv6.DESTINATION, b"\x11\0\xde\4\0\0\0\0" + bytes(24), ipv6.UNKNOWN_OPTION, 42),
    ],
)
def test_problems_of_what_came_in_fragments(following: int, content: bytes, code: int, pointer: int) -> None:
    stack = make_stack()
    assert [fate(stack, part) for part in whole(following, content)] == ["delivered", "answered"]
    (problem,) = answers(stack)
    assert (problem.type, problem.code, problem.rest) == (4, code, pointer)


def test_an_error_about_an_atomic_fragment_quotes_it_as_it_came() -> None:
    stack = make_stack()
    packet = ip_packet(PATH6, ipv6.FRAGMENT, encode_fragment_header(253, 0, 1, more=False) + b"what?")
    assert fate(stack, frame(PATH6, packet)) == "answered"
    (problem,) = answers(stack)
    assert (problem.code, problem.rest, problem.data) == (ipv6.UNKNOWN_NEXT_HEADER, 40, packet)


def test_a_chain_over_many_fragments_is_walked_to_its_end() -> None:
    stack = make_stack()
    chain = b"\x3c\0\1\4\0\0\0\0" * 2000 + b"\x3a\0\1\4\0\0\0\0"
    for part in cut(PATH6, ipv6.DESTINATION, chain + icmp_payload(PATH6, IcmpMessage(128, 0, 7, b"far away"))):
        stack.receive_frame(part, 1.0)
    (reply,) = answers(stack)
    assert (reply.type, reply.rest, reply.data) == (129, 7, b"far away")


def test_headers_before_the_fragment_header_stay_in_the_whole() -> None:
    stack = make_stack()
    segment = encode_udp(UdpDatagram(40000, 5000, bytes(2000)), PEER6, US6)
    options = bytes([ipv6.FRAGMENT, 0]) + b"\x01\x04\0\0\0\0"
    for start, part in ((0, segment[:1000]), (1000, segment[1000:])):
        header = encode_fragment_header(17, start, 9, more=start == 0)
        fate(stack, ip_frame(PATH6, ipv6.DESTINATION, options + header + part))
    assert [len(datagram.data) for datagram in datagrams(stack)] == [2000]


def test_a_whole_that_ipv6_cannot_tell_is_malformed() -> None:
    stack = make_stack()
    options = bytes([ipv6.FRAGMENT, 0]) + b"\x01\x04\0\0\0\0"
    fates = [
        fate(
            stack,
            ip_frame(
                PATH6,
                ipv6.DESTINATION,
                options + encode_fragment_header(17, start, 9, more=start < 60000) + bytes(size),
            ),
        )
        for start, size in ((0, 32000), (32000, 28000), (60000, 5535))
    ]
    assert fates == ["delivered", "delivered", "malformed"]
