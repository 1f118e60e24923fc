"""IPv6 headers and the walk along extension headers: every verdict with its pointer, and any bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire.ipv6 import (
    DESTINATION,
    ERRONEOUS_FIELD,
    FRAGMENT,
    HOP_BY_HOP,
    ICMPV6,
    NO_NEXT_HEADER,
    ROUTING,
    TCP,
    UDP,
    UNKNOWN_NEXT_HEADER,
    UNKNOWN_OPTION,
    FragmentFacts,
    Ipv6Packet,
    Problem,
    chain_is_complete,
    decode_ipv6,
    encode_fragment_header,
    encode_ipv6,
    upper_layer,
)

HERE, THERE = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02")
PADDING = b"\x01\x04\0\0\0\0"


def packet(first: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return encode_ipv6(THERE, HERE, first, len(body), hop_limit=64) + body


def options(following: int, octets: bytes = PADDING) -> bytes:
    """A header of options; the octets fill it up to a multiple of eight."""
    return bytes([following, (2 + len(octets)) // 8 - 1]) + octets


def routing(following: int, kind: int, left: int) -> bytes:
    return bytes([following, 2, kind, left]) + bytes(20)


def test_a_plain_packet() -> None:
    octets = (
        encode_ipv6(THERE, HERE, UDP, 5, hop_limit=63, traffic_class=0xB8, flow_label=0x12345) + b"12345" + bytes(9)
    )
    assert decode_ipv6(octets) == Ipv6Packet(THERE, HERE, 63, 0xB8, UDP, 40, 45, 6)


def test_extension_headers_are_walked_in_order() -> None:
    octets = packet(HOP_BY_HOP, options(ROUTING), routing(DESTINATION, 0, 0), options(UDP), b"12345678")
    decoded = decode_ipv6(octets)
    assert (decoded.protocol, decoded.offset, decoded.protocol_pointer, decoded.problem) == (UDP, 80, 72, None)
    assert upper_layer(octets, len(octets)) == (UDP, 80, 72)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "cut off"),
        (packet(UDP)[:39], "cut off"),
        (b"\x40" + packet(UDP)[1:], "version"),
        (packet(UDP, b"12345")[:-1], "in a frame"),
        (packet(DESTINATION, options(UDP)[:7]), "extension header is cut off"),
        (packet(DESTINATION, b"\x11\x01" + PADDING), "extension header is cut off"),
        (packet(FRAGMENT, bytes(7)), "fragment header is cut off"),
    ],
)
def test_what_cannot_be_is_malformed(octets: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        decode_ipv6(octets)


def test_a_super_frame_may_have_no_length() -> None:
    octets = encode_ipv6(THERE, HERE, TCP, 0, hop_limit=64) + bytes(30)
    assert decode_ipv6(octets, partial=True).end == 70
    assert decode_ipv6(octets).end == 40


def test_a_super_frame_may_have_a_jumbo_option() -> None:
    octets = packet(HOP_BY_HOP, options(TCP, b"\xc2\x04\0\0\0\x1e"), bytes(20))
    assert decode_ipv6(octets, partial=True).protocol == TCP
    assert decode_ipv6(octets).problem == Problem(ERRONEOUS_FIELD, 44)


@pytest.mark.parametrize("count", [17, 128, 2000, 8000])
def test_a_chain_may_be_as_long_as_its_packet(count: int) -> None:
    octets = packet(DESTINATION, options(DESTINATION) * count, options(DESTINATION, b"\x1e\x04aaaa"), options(UDP))
    decoded = decode_ipv6(octets)
    assert (decoded.protocol, decoded.offset, decoded.protocol_pointer) == (UDP, 56 + 8 * count, 48 + 8 * count)
    assert upper_layer(octets, len(octets)) == (UDP, 56 + 8 * count, 48 + 8 * count)
    assert chain_is_complete(octets + bytes(8), len(octets) + 8)


def test_a_length_of_zero_is_a_jumbograms() -> None:
    octets = bytearray(packet(HOP_BY_HOP, options(UDP, b"\xc2\x04\0\0\0\x1e"), bytes(8)))
    octets[4:6] = bytes(2)
    assert decode_ipv6(octets).problem == Problem(ERRONEOUS_FIELD, 44)
    octets[44:48] = (0x10000).to_bytes(4, "big")
    assert decode_ipv6(octets).discard
    octets += bytes(0x10000)
    assert decode_ipv6(octets).protocol == UDP


def test_a_fragment_header_that_cuts_nothing_is_walked_over() -> None:
    atomic = encode_fragment_header(UDP, 0, 1, more=False)
    decoded = decode_ipv6(packet(FRAGMENT, atomic, bytes(9)))
    assert (decoded.protocol, decoded.offset, decoded.protocol_pointer, decoded.fragment) == (UDP, 48, 40, None)


@pytest.mark.parametrize(
    ("following", "behind", "problem"),
    [
        (HOP_BY_HOP, options(UDP), Problem(UNKNOWN_NEXT_HEADER, 40)),
        (FRAGMENT, encode_fragment_header(UDP, 0, 1, more=False), Problem(ERRONEOUS_FIELD, 48)),
        (FRAGMENT, encode_fragment_header(UDP, 8, 1, more=True), Problem(ERRONEOUS_FIELD, 48)),
    ],
)
def test_what_may_not_stand_behind_a_fragment_header(following: int, behind: bytes, problem: Problem) -> None:
    octets = packet(FRAGMENT, encode_fragment_header(following, 0, 1, more=False), behind, bytes(8))
    assert decode_ipv6(octets).problem == problem


def test_what_came_in_fragments_has_no_hop_by_hop_options_of_its_own() -> None:
    octets = packet(HOP_BY_HOP, options(UDP), bytes(8))
    assert decode_ipv6(octets, rejoined=40).problem == Problem(UNKNOWN_NEXT_HEADER, 6)
    assert decode_ipv6(octets, rejoined=48).protocol == UDP
    octets = packet(DESTINATION, options(FRAGMENT), encode_fragment_header(UDP, 0, 1, more=False))
    assert decode_ipv6(octets, rejoined=48).problem == Problem(ERRONEOUS_FIELD, 48)


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (packet(DESTINATION, options(HOP_BY_HOP), options(UDP)), Problem(UNKNOWN_NEXT_HEADER, 40)),
        (packet(ROUTING, routing(UDP, 0, 1)), Problem(ERRONEOUS_FIELD, 42)),
        (packet(DESTINATION, options(ROUTING), routing(UDP, 2, 2)), Problem(ERRONEOUS_FIELD, 50)),
        (packet(HOP_BY_HOP, options(UDP, b"\xc2\x04\0\1\0\0")), Problem(ERRONEOUS_FIELD, 42)),
        (packet(HOP_BY_HOP, options(UDP, b"\0\x01\1\0\xc2\x04\0\0\xff\xff\0\0\0\0")), Problem(ERRONEOUS_FIELD, 48)),
        (packet(DESTINATION, options(UDP, b"\xc2\x04\0\0\xff\xff")), Problem(UNKNOWN_OPTION, 42)),
        (packet(DESTINATION, options(UDP, b"\x1e\x04aaaa")), None),
        (packet(HOP_BY_HOP, options(UDP, b"\x05\x02\0\0\x01\0")), None),
        (packet(DESTINATION, options(UDP, b"\0\0\x9e\x02aa")), Problem(UNKNOWN_OPTION, 44, even_to_multicast=True)),
        (packet(DESTINATION, options(UDP, b"\xde\x04aaaa")), Problem(UNKNOWN_OPTION, 42)),
        (packet(FRAGMENT, encode_fragment_header(UDP, 0, 1, more=True), bytes(7)), Problem(ERRONEOUS_FIELD, 4)),
        (packet(FRAGMENT, encode_fragment_header(UDP, 65528, 1, more=False), bytes(8)), Problem(ERRONEOUS_FIELD, 42)),
    ],
)
def test_problems_point_at_what_is_wrong(octets: bytes, problem: Problem | None) -> None:
    decoded = decode_ipv6(octets)
    assert decoded.problem == problem
    assert not decoded.discard


@pytest.mark.parametrize(
    "octets",
    [
        b"\x5e\x04aaaa",  # action 01
        b"\x01\x04\0\0\0\x01",  # padding that says something
        b"\0" * 14,  # more padding than aligns anything
        b"\x01\x06\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x05\0" * 9 + b"\x01\x02\0\0",  # more options than Linux looks at
        b"\x01\x05\0\0\0\0",  # runs over the header
        b"\0\0\0\0\0\x05",  # an option's kind as the last byte
    ],
)
def test_these_options_discard_in_silence(octets: bytes) -> None:
    decoded = decode_ipv6(packet(DESTINATION, options(UDP, octets)))
    assert decoded.discard
    assert decoded.problem is None


@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("left", [0, 1])
def test_routing_that_linux_has_switched_off_is_dropped_in_silence(kind: int, left: int) -> None:
    assert decode_ipv6(packet(ROUTING, routing(UDP, kind, left))).discard


@pytest.mark.parametrize(
    ("content", "dropped"),
    [
        (b"\x05\x02\0\0\x01\0", False),  # router alert
        (b"\x05\x03\0\0\0\0", True),
        (b"\x07\x04\0\0\0\0", True),  # a security label
        (b"\x31\x04\0\0\0\0", True),  # in-situ measurement, not aligned
        (b"\x01\x00\x31\x02\0\0", False),
        (b"\xc2\x03\0\0\0\0", True),  # a jumbo option of another length
        (b"\x01\x00\xc2\x02\0\0", True),
        (b"\x01\x00\0\xc2\x04\0\x01\0\0\0\0\0\0\0", True),
    ],
)
def test_what_linux_looks_at_in_hop_by_hop_options(content: bytes, dropped: bool) -> None:
    assert decode_ipv6(packet(HOP_BY_HOP, options(UDP, content))).discard is dropped


def test_options_that_are_known_in_one_header_are_not_in_the_other() -> None:
    for content in (b"\x05\x03\0\0\0\0", b"\x07\x04\0\0\0\0", b"\x31\x04\0\0\0\0"):
        assert not decode_ipv6(packet(DESTINATION, options(UDP, content))).discard


def test_what_a_later_fragment_begins_with_is_no_header() -> None:
    octets = packet(FRAGMENT, encode_fragment_header(UDP, 8, 1, more=False), bytes(8))
    assert upper_layer(octets, len(octets)) == (FRAGMENT, 40, 6)
    octets = packet(FRAGMENT, encode_fragment_header(UDP, 0, 1, more=True), bytes(8))
    assert upper_layer(octets, len(octets)) == (UDP, 48, 40)


def test_a_fragment_header_ends_the_walk() -> None:
    octets = packet(DESTINATION, options(FRAGMENT), encode_fragment_header(UDP, 1480, 99, more=True), bytes(16))
    decoded = decode_ipv6(octets)
    assert decoded.fragment == FragmentFacts(99, 1480, True, UDP, 48, 40)
    assert (decoded.protocol, decoded.offset, decoded.end) == (UDP, 56, 72)


@pytest.mark.parametrize(
    ("following", "parts", "complete"),
    [
        (UDP, [bytes(8)], True),
        (UDP, [bytes(7)], False),
        (TCP, [bytes(16)], False),
        (TCP, [bytes(24)], True),
        (ICMPV6, [bytes(8)], True),
        (99, [b"1"], True),
        (99, [], False),
        (NO_NEXT_HEADER, [], True),
        (DESTINATION, [options(UDP), bytes(8)], True),
        (DESTINATION, [options(UDP)], False),
        (DESTINATION, [options(UDP)[:6]], False),
        (DESTINATION, [options(DESTINATION)], True),  # whether more comes is seen later
        (DESTINATION, [options(UDP, b"\x5e\x04aaaa"), bytes(8)], True),  # to be discarded once it is whole
        (DESTINATION, [options(UDP, b"\xde\x04aaaa")], False),
        (FRAGMENT, [bytes(8)], True),
    ],
)
def test_a_first_fragment_holds_the_whole_chain(following: int, parts: list[bytes], complete: bool) -> None:
    octets = packet(FRAGMENT, encode_fragment_header(following, 0, 1, more=True), *parts)
    assert chain_is_complete(octets, len(octets)) is complete


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (packet(FRAGMENT, encode_fragment_header(TCP, 0, 1, more=True), bytes(20)), (TCP, 48, 40)),
        (packet(DESTINATION, options(UDP, b"\xde\x04aaaa"), bytes(8)), (UDP, 48, 40)),
        (packet(DESTINATION, b"\x11\0"), (DESTINATION, 40, 6)),
        (packet(DESTINATION, b"\x11\x09" + bytes(14)), (DESTINATION, 40, 6)),
        (packet(DESTINATION, options(DESTINATION) * 30), (DESTINATION, 280, 272)),
    ],
)
def test_the_upper_layer_is_found_whatever_the_options_say(octets: bytes, found: tuple[int, int, int]) -> None:
    assert upper_layer(octets, len(octets)) == found


@given(
    st.sampled_from([HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, UDP, NO_NEXT_HEADER]),
    st.binary(max_size=120),
    st.booleans(),
)
def test_any_chain_decodes_or_is_malformed(first: int, body: bytes, partial: bool) -> None:
    octets = packet(first, body)
    protocol, offset, pointer = upper_layer(octets, len(octets))
    assert pointer < offset <= len(octets)
    try:
        decoded = decode_ipv6(octets, partial=partial)
    except Malformed:
        return
    assert decoded.offset <= decoded.end <= len(octets)
    if decoded.problem is None and not decoded.discard and decoded.fragment is None:
        assert (decoded.protocol, decoded.offset, decoded.protocol_pointer) == (protocol, offset, pointer)


@given(st.binary(max_size=90), st.booleans())
def test_any_bytes_decode_or_are_malformed(octets: bytes, partial: bool) -> None:
    with contextlib.suppress(Malformed):
        assert decode_ipv6(octets, partial=partial).end <= len(octets)
