"""Sequence numbers agree with plain integers near each other, wherever the wrap lies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.tcp.seq import MASK, add, after, before, between, diff, latest

SEQ = st.integers(0, MASK)
NEAR = st.integers(-(2**31) + 1, 2**31 - 1)


@given(SEQ, NEAR)
def test_distance_undoes_addition(seq: int, count: int) -> None:
    assert diff(add(seq, count), seq) == count


@given(SEQ, NEAR)
def test_order_is_that_of_the_distance(seq: int, count: int) -> None:
    other = add(seq, count)
    assert after(other, seq) == (count > 0)
    assert before(other, seq) == (count < 0)
    assert latest(other, seq) == (other if count > 0 else seq)


@given(SEQ, st.integers(0, 2**30), st.integers(0, 2**30))
def test_between_includes_both_ends(low: int, size: int, offset: int) -> None:
    assert between(low, add(low, offset), add(low, size)) == (offset <= size)
    assert between(low, low, low)
    assert not between(low, add(low, -1), add(low, size))


def test_the_wrap_is_no_border() -> None:
    assert add(MASK, 1) == 0
    assert after(5, MASK - 5)
    assert diff(5, MASK) == 6
