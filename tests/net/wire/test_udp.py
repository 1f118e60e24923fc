from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import partial_sum, pseudo_header_sum
from honeystack.net.wire.udp import UdpDatagram, decode_udp, encode_udp

HERE4, THERE4 = b"\x0a\0\0\x01", b"\x0a\0\0\x02"
HERE6, THERE6 = bytes(15) + b"\x01", bytes(15) + b"\x02"
DATAGRAM = UdpDatagram(40000, 53, b"question")


@pytest.mark.parametrize(("here", "there"), [(HERE4, THERE4), (HERE6, THERE6)])
def test_a_datagram_survives_and_its_padding_does_not(here: bytes, there: bytes) -> None:
    octets = encode_udp(DATAGRAM, there, here)
    assert decode_udp(octets, there, here) == DATAGRAM
    assert decode_udp(memoryview(octets + bytes(9)), there, here) == DATAGRAM


@pytest.mark.parametrize(("here", "there"), [(HERE4, THERE4), (HERE6, THERE6)])
def test_a_wrong_checksum_is_malformed_unless_the_kernel_vouches(here: bytes, there: bytes) -> None:
    octets = bytearray(encode_udp(DATAGRAM, there, here))
    octets[-1] ^= 1
    with pytest.raises(Malformed, match="checksum"):
        decode_udp(octets, there, here)
    assert decode_udp(octets, there, here, verify=False).data == b"questioo"[:7] + bytes([octets[-1]])


def test_no_checksum_is_fine_over_ipv4_and_forbidden_over_ipv6() -> None:
    octets = bytearray(encode_udp(DATAGRAM, THERE4, HERE4))
    octets[6:8] = bytes(2)
    assert decode_udp(octets, THERE4, HERE4) == DATAGRAM
    with pytest.raises(Malformed, match="zero"):
        decode_udp(octets, THERE6, HERE6)


@pytest.mark.parametrize("length", [0, 7, 17, 65535])
def test_a_length_that_cannot_be_is_malformed(length: int) -> None:
    octets = bytearray(encode_udp(DATAGRAM, THERE4, HERE4))
    octets[4:6] = length.to_bytes(2, "big")
    with pytest.raises(Malformed, match="length"):
        decode_udp(octets, THERE4, HERE4)


def test_a_super_frame_may_have_no_length() -> None:
    octets = bytearray(encode_udp(DATAGRAM, THERE4, HERE4))
    octets[4:6] = bytes(2)
    assert decode_udp(octets, THERE4, HERE4, verify=False) == DATAGRAM


def test_a_checksum_that_comes_out_as_zero_is_sent_as_all_ones() -> None:
    plain = encode_udp(UdpDatagram(1, 2, b"\0\0"), HERE4, THERE4)
    filler = plain[6:8]  # added to the data, it brings the sum to all ones, of which the complement is zero
    octets = encode_udp(UdpDatagram(1, 2, filler), HERE4, THERE4)
    assert octets[6:8] == b"\xff\xff"
    assert (partial_sum(octets) + pseudo_header_sum(HERE4, THERE4, 17, len(octets))) % 0xFFFF == 0


@given(st.binary(max_size=7))
def test_what_is_too_short_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed, match="cut off"):
        decode_udp(octets, THERE4, HERE4)


@given(st.binary(max_size=60), st.booleans(), st.booleans())
def test_any_bytes_decode_or_are_malformed(octets: bytes, six: bool, verify: bool) -> None:
    try:
        datagram = decode_udp(octets, THERE6 if six else THERE4, HERE6 if six else HERE4, verify=verify)
    except Malformed:
        return
    assert len(datagram.data) <= len(octets) - 8


@given(st.builds(UdpDatagram, st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=200)))
def test_every_datagram_is_what_it_was(datagram: UdpDatagram) -> None:
    assert decode_udp(encode_udp(datagram, HERE6, THERE6), HERE6, THERE6) == datagram
    assert decode_udp(encode_udp(datagram, HERE4, THERE4), HERE4, THERE4) == datagram
