"""Pieces: any order, any overlap, never beyond the bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.tls.pieces import MAX_MESSAGE, MAX_PIECES, Pieces


def test_pieces_join_when_the_gap_is_closed() -> None:
    pieces = Pieces()
    assert pieces.empty
    pieces.add(3, b"def")
    assert not pieces.empty
    pieces.add(9, b"jk")
    assert pieces.message == b""
    pieces.add(0, b"abcd")
    assert pieces.message == b"abcdef"
    pieces.add(1, b"bc")  # known
    pieces.add(9, b"j")  # less than what is held
    assert pieces.message == b"abcdef"
    pieces.add(6, b"ghijklm")
    assert pieces.message == b"abcdefghijklm"


@settings(max_examples=100)
@given(st.binary(min_size=1, max_size=300), st.integers(0, 2**32), st.integers(1, 40))
def test_any_cut_in_any_order_gives_the_whole(data: bytes, seed: int, size: int) -> None:
    rng = random.Random(seed)
    cuts = [(at, data[at : at + size + rng.randrange(9)]) for at in range(0, len(data), size)]
    again = [*cuts, *cuts[::2]]
    rng.shuffle(again)
    pieces = Pieces()
    for at, piece in again:
        pieces.add(at, piece)
        assert data.startswith(pieces.message)
    assert pieces.message == data


@pytest.mark.parametrize(("offset", "data"), [(MAX_MESSAGE, b"a"), (0, bytes(MAX_MESSAGE + 1)), (2**61, b"")])
def test_what_lies_beyond_is_malformed(offset: int, data: bytes) -> None:
    with pytest.raises(Malformed):
        Pieces().add(offset, data)


def test_neither_many_nor_large_pieces_fill_the_memory() -> None:
    pieces = Pieces()
    for number in range(MAX_PIECES):
        pieces.add(2 + 2 * number, b"a")
    with pytest.raises(Malformed, match="beyond"):
        pieces.add(2 + 2 * MAX_PIECES, b"a")
    pieces = Pieces()
    for number in range(2):
        pieces.add(number + 1, bytes(MAX_MESSAGE - number - 1))
    with pytest.raises(Malformed, match="without end"):
        pieces.add(3, bytes(MAX_MESSAGE - 3))
