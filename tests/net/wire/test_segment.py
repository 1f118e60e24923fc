"""What counts in a segment."""

from __future__ import annotations

import pytest

from honeystack.net.wire.segment import Segment, StraySegment
from honeystack.net.wire.tcp import ACK, FIN, SYN


@pytest.mark.parametrize(
    ("flags", "data", "length"),
    [(ACK, b"", 0), (SYN, b"", 1), (FIN | ACK, b"", 1), (SYN | FIN, b"", 2), (ACK, b"abc", 3), (FIN | ACK, b"abc", 4)],
)
def test_syn_and_fin_take_a_number_each(flags: int, data: bytes, length: int) -> None:
    assert Segment(1, 2, 0, 0, flags, 0, 0, None, (), b"", memoryview(data)).length == length


def test_a_stray_segment_is_its_octets_and_a_type_of_service() -> None:
    stray = StraySegment(b"\x01\x02")
    assert (stray, stray.tos) == (b"\x01\x02", 0)
    stray.tos = 16
    assert (StraySegment(b"").tos, stray.tos) == (0, 16)
