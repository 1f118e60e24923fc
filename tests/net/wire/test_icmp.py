from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire.icmp import ECHO_REQUEST, IcmpMessage, decode_icmp, encode_icmp

ECHO = IcmpMessage(ECHO_REQUEST, 0, 0x12340001, b"abcdefgh")


def test_an_echo_request_as_ping_sends_it() -> None:
    octets = encode_icmp(ECHO)
    assert octets[:2] + octets[4:] == bytes.fromhex("0800" + "12340001") + b"abcdefgh"
    assert decode_icmp(octets) == ECHO


def test_a_wrong_checksum_is_malformed_unless_the_kernel_vouches() -> None:
    octets = bytearray(encode_icmp(ECHO))
    octets[2] ^= 1
    with pytest.raises(Malformed, match="checksum"):
        decode_icmp(octets)
    assert decode_icmp(octets, verify=False) == ECHO


@given(st.binary(max_size=7))
def test_what_is_too_short_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed, match="cut off"):
        decode_icmp(octets, verify=False)


@given(
    st.builds(IcmpMessage, st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFFFFFF), st.binary(max_size=99))
)
def test_every_message_is_what_it_was(message: IcmpMessage) -> None:
    assert decode_icmp(memoryview(encode_icmp(message))) == message


@given(st.binary(min_size=8, max_size=60))
def test_any_bytes_decode_or_are_malformed(octets: bytes) -> None:
    try:
        decode_icmp(octets)
    except Malformed:
        assert decode_icmp(octets, verify=False).data == octets[8:]
