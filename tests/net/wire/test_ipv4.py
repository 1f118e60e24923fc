"""IPv4 headers: lengths, checksums, options, any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import checksum
from honeystack.net.wire.ipv4 import DONT_FRAGMENT, MORE_FRAGMENTS, UDP, decode_ipv4, encode_ipv4

HERE, THERE = b"\x0a\0\0\x01", b"\x0a\0\0\x02"


def packet(payload: bytes = b"payload", options: bytes = b"", **fields: int) -> bytes:
    """A packet whose fields may be wrong and whose checksum is right."""
    header = bytearray(encode_ipv4(THERE, HERE, UDP, len(payload) + len(options), ttl=64, ident=7)) + options
    header[0] = 0x40 | len(header) // 4
    for name, value in fields.items():
        at, size = {"first": (0, 1), "total": (2, 2), "fragment": (6, 2)}[name]
        header[at : at + size] = value.to_bytes(size, "big")
    header[10:12] = bytes(2)
    header[10:12] = checksum(header).to_bytes(2, "big")
    return bytes(header) + payload


def test_a_plain_packet() -> None:
    header = decode_ipv4(packet())
    assert (header.source, header.destination, header.protocol) == (THERE, HERE, UDP)
    assert (header.ttl, header.ident, header.tos) == (64, 7, 0)
    assert (header.header_length, header.total_length) == (20, 27)
    assert (header.dont_fragment, header.more_fragments, header.fragment_offset) == (False, False, 0)


def test_padding_is_not_part_of_the_packet() -> None:
    assert decode_ipv4(memoryview(packet() + bytes(20))).total_length == 27


def test_flags_and_offset_are_told_apart() -> None:
    header = decode_ipv4(packet(fragment=DONT_FRAGMENT | 3))
    assert (header.dont_fragment, header.more_fragments, header.fragment_offset) == (True, False, 24)
    assert decode_ipv4(packet(fragment=MORE_FRAGMENTS)).more_fragments


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "cut off"),
        (packet()[:19], "cut off"),
        (packet(first=0x65), "no IPv4 header"),
        (packet(first=0x44), "no IPv4 header"),
        (packet(first=0x4F), "no IPv4 header"),
        (packet(total=19), "in a frame"),
        (packet(total=28), "in a frame"),
        (packet(total=0), "in a frame"),
        (packet()[:8] + b"\0" + packet()[9:], "checksum"),
    ],
)
def test_what_cannot_be_is_malformed(octets: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        decode_ipv4(octets)


def test_a_super_frame_may_have_no_length() -> None:
    assert decode_ipv4(packet(total=0), partial=True).total_length == 27
    assert decode_ipv4(packet(), partial=True).total_length == 27


def test_options_belong_to_the_header_whatever_they_are() -> None:
    assert decode_ipv4(packet(options=b"\x83\0\0\0")).header_length == 24


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_decode_or_are_malformed(octets: bytes, partial: bool) -> None:
    try:
        header = decode_ipv4(octets, partial=partial)
    except Malformed:
        return
    assert 20 <= header.header_length <= header.total_length <= len(octets)


@given(st.integers(0, 10).map(lambda words: b"\x94\4\0\0" * words))
def test_a_header_with_options_is_what_it_was(options: bytes) -> None:
    octets = encode_ipv4(HERE, THERE, 6, 5, ttl=64, options=options)
    header = decode_ipv4(octets + b"hello")
    assert (header.header_length, header.total_length) == (20 + len(options), 25 + len(options))
    assert octets[20:] == options


@given(st.integers(0, 255), st.integers(0, 65515), st.integers(0, 255), st.integers(0, 65535), st.integers(0, 255))
def test_every_header_is_what_it_was(protocol: int, length: int, ttl: int, ident: int, tos: int) -> None:
    octets = encode_ipv4(HERE, THERE, protocol, length, ttl=ttl, ident=ident, tos=tos, fragment=DONT_FRAGMENT)
    header = decode_ipv4(octets + bytes(length))
    assert (header.protocol, header.total_length, header.ttl) == (protocol, 20 + length, ttl)
    assert (header.ident, header.tos, header.dont_fragment) == (ident, tos, True)
