"""UDP-Lite: checksums over a part, and any bytes."""

from __future__ import annotations

import contextlib
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import checksum, pseudo_header_sum
from honeystack.net.wire.udp_lite import check_udp_lite

HERE, THERE = b"\x0a\0\0\1", b"\x0a\0\0\2"


def datagram(data: bytes, coverage: int) -> bytes:
    head = pack("!HHHH", 40000, 5000, coverage, 0)
    covered = (head + data)[: coverage or None]
    total = checksum(covered, pseudo_header_sum(THERE, HERE, 136, 8 + len(data)))
    return head[:6] + total.to_bytes(2, "big") + data


@pytest.mark.parametrize("coverage", [0, 8, 10, 13])
def test_a_checksum_holds_over_what_it_covers(coverage: int) -> None:
    octets = datagram(b"hello", coverage)
    check_udp_lite(octets, THERE, HERE)
    changed = octets[:-1] + b"!"
    if coverage in (8, 10):
        check_udp_lite(changed, THERE, HERE)
        return
    with pytest.raises(Malformed, match="wrong"):
        check_udp_lite(changed, THERE, HERE)
    check_udp_lite(changed, THERE, HERE, verify=False)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (bytes(7), "cut off"),
        (datagram(b"hello", 0)[:4] + b"\0\7" + bytes(7), "covers 7"),
        (datagram(b"hello", 0)[:4] + b"\0\x0e" + bytes(7), "covers 14"),
        (datagram(b"hello", 0)[:6] + b"\0\0hello", "without"),
    ],
)
def test_what_cannot_be_is_malformed(octets: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        check_udp_lite(octets, THERE, HERE)


@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_sound_or_malformed(octets: bytes, verify: bool) -> None:
    with contextlib.suppress(Malformed):
        check_udp_lite(octets, THERE, HERE, verify=verify)
