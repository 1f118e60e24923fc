from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire.arp import LENGTH, REQUEST, Arp, decode_arp, encode_arp

PACKET = Arp(REQUEST, b"\x02\0\0\0\0\x02", b"\x0a\0\0\x02", bytes(6), b"\x0a\0\0\x01")


def test_a_packet_survives_the_wire_and_its_padding() -> None:
    assert decode_arp(encode_arp(PACKET)) == PACKET
    assert decode_arp(memoryview(encode_arp(PACKET) + bytes(18))) == PACKET


def test_ieee_802_hardware_is_ethernet_too() -> None:
    assert decode_arp(b"\0\x06" + encode_arp(PACKET)[2:]) == PACKET


@pytest.mark.parametrize("at", range(6))
def test_other_hardware_or_protocol_is_malformed(at: int) -> None:
    octets = bytearray(encode_arp(PACKET))
    octets[at] ^= 1
    with pytest.raises(Malformed, match="other hardware"):
        decode_arp(octets)


@given(st.binary(max_size=LENGTH - 1))
def test_what_is_too_short_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed, match="cut off"):
        decode_arp(octets)


@given(st.builds(Arp, st.integers(0, 65535), *[st.binary(min_size=n, max_size=n) for n in (6, 4, 6, 4)]))
def test_every_packet_is_what_it_was(packet: Arp) -> None:
    assert decode_arp(encode_arp(packet)) == packet
