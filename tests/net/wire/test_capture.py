"""A source counts what it gives, and says where a file ends too soon."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire.capture import Source


def source(data: bytes) -> Source:
    return Source(io.BytesIO(data).read)


def test_bytes_come_in_order_and_are_counted() -> None:
    file = source(b"abcdef")
    assert (file.take(2, "a"), file.offset) == (b"ab", 2)
    assert (file.take_or_end(4, "b"), file.offset) == (b"cdef", 6)
    assert (file.take_or_end(4, "b"), file.offset) == (b"", 6)


def test_it_is_known_where_the_record_under_way_begins() -> None:
    file = source(b"abcdef")
    assert file.record == 0
    file.take(3, "a")
    assert (file.begin_record(), file.record) == (3, 3)
    file.take(2, "b")
    assert (file.record, file.offset) == (3, 5)


def test_nothing_can_be_taken_anywhere() -> None:
    assert source(b"").take(0, "nothing") == b""


def test_an_end_in_the_middle_is_told_with_what_it_is_in_the_middle_of() -> None:
    with pytest.raises(Malformed, match=r"^the file ends within a packet: 3 of 5 bytes are there$"):
        source(b"abc").take(5, "a packet")
    with pytest.raises(Malformed, match=r"within the header: 1 of 2"):
        source(b"a").take_or_end(2, "the header")


def test_an_end_before_something_is_told_where_there_must_be_something() -> None:
    with pytest.raises(Malformed, match=r"^the file ends before a packet$"):
        source(b"").take(5, "a packet")


@given(st.binary(max_size=64), st.lists(st.integers(1, 16), max_size=16))
def test_it_gives_what_the_file_has_and_nothing_else(data: bytes, counts: list[int]) -> None:
    file, got = source(data), b""
    try:
        for count in counts:
            got += file.take_or_end(count, "a piece")
    except Malformed:
        assert file.offset == len(data)
    assert data.startswith(got)
