"""Ethernet headers: any bytes, tags, and the MAC addresses of groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire.ethernet import (
    ARP,
    IPV4,
    VLAN_TAG,
    EthernetHeader,
    decode_ethernet,
    encode_ethernet,
    is_reserved,
    multicast_mac,
    vlan_of,
)

US, THEM = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"


def test_a_plain_header() -> None:
    frame = encode_ethernet(US, THEM, IPV4) + b"payload"
    assert decode_ethernet(frame) == EthernetHeader(US, THEM, IPV4, None, 14)


def test_a_tag_in_the_frame_is_read() -> None:
    frame = encode_ethernet(US, THEM, ARP, 0x2005) + b"payload"
    assert decode_ethernet(frame) == EthernetHeader(US, THEM, ARP, 0x2005, 18)


@pytest.mark.parametrize(
    ("control", "ethertype", "tag"), [(5, 0x8100, 5), (0xE005, 0x8100, 0xE005), (5, 0x88A8, 0x88A80005)]
)
def test_a_tag_says_its_ethertype_where_it_is_another(control: int, ethertype: int, tag: int) -> None:
    assert vlan_of(control, ethertype) == tag
    written = encode_ethernet(US, THEM, ARP, tag)[12:]
    assert written == b"".join(number.to_bytes(2, "big") for number in (ethertype, control, ARP))


def test_a_tag_of_vlan_0_is_none() -> None:
    assert vlan_of(0xE000, 0x8100) is None
    assert decode_ethernet(US + THEM + b"\x81\0\xe0\0\x08\x06") == EthernetHeader(US, THEM, ARP, None, 18)


@pytest.mark.parametrize(
    ("tag", "reserved"), [(None, False), (5, False), (0xFFF, True), (0xEFFF, True), (0x88A8_0FFF, True)]
)
def test_one_vlan_is_reserved(tag: int | None, reserved: bool) -> None:
    assert is_reserved(tag) is reserved


def test_where_the_kernel_stripped_a_tag_a_second_one_is_another_protocol() -> None:
    frame = encode_ethernet(US, THEM, ARP, 7)
    assert decode_ethernet(frame, 5) == EthernetHeader(US, THEM, VLAN_TAG, 5, 14)


def test_only_the_outer_of_two_tags_is_read() -> None:
    frame = encode_ethernet(US, THEM, VLAN_TAG, 5) + b"\0\x07\x08\0"
    assert decode_ethernet(frame).ethertype == VLAN_TAG


@pytest.mark.parametrize("frame", [b"", bytes(13), encode_ethernet(US, THEM, VLAN_TAG), bytes(12) + b"\x81\0\0\0\x08"])
def test_a_cut_frame_is_malformed(frame: bytes) -> None:
    with pytest.raises(Malformed):
        decode_ethernet(frame)


@given(st.binary(max_size=40), st.none() | st.integers(0, 0xFFFF))
def test_any_bytes_decode_or_are_malformed(frame: bytes, vlan: int | None) -> None:
    try:
        header = decode_ethernet(frame, vlan)
    except Malformed:
        return
    assert header.offset <= len(frame)


@pytest.mark.parametrize(
    ("group", "mac"),
    [("e0000001", "01005e000001"), ("eff1fffa", "01005e71fffa"), ("ff02" + "00" * 9 + "01ff123456", "3333ff123456")],
)
def test_the_mac_address_of_a_group(group: str, mac: str) -> None:
    assert multicast_mac(bytes.fromhex(group)).hex() == mac
