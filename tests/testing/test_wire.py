"""A wire is as bad as it was told to be, and equally bad each time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from honeystack.testing import Impairment, Wire

FRAME = bytes(range(100))
CHANCES = st.floats(0, 1)


def test_a_perfect_wire_carries_at_once() -> None:
    assert Wire().carry(FRAME, 5.0) == [(5.0, FRAME)]


def test_loss_is_counted() -> None:
    wire = Wire(Impairment(loss=0.3), seed=1)
    arrived = sum(len(wire.carry(FRAME, 0.0)) for _ in range(1000))
    assert 600 < arrived < 800
    assert wire.lost == 1000 - arrived


def test_delay_and_jitter_stay_in_their_bounds() -> None:
    wire = Wire(Impairment(delay=0.01, jitter=0.005))
    times = [wire.carry(FRAME, 1.0)[0][0] for _ in range(200)]
    assert 1.005 <= min(times) < 1.006 < 1.014 < max(times) <= 1.015


def test_jitter_beyond_the_delay_arrives_at_once_and_not_in_the_past() -> None:
    wire = Wire(Impairment(delay=0.001, jitter=0.1))
    assert min(wire.carry(FRAME, 1.0)[0][0] for _ in range(100)) == 1.0


def test_a_reordered_frame_overtakes() -> None:
    wire = Wire(Impairment(delay=0.1, reorder=0.5))
    assert {wire.carry(FRAME, 1.0)[0][0] for _ in range(50)} == {1.0, 1.1}


def test_duplicates_are_equal() -> None:
    assert Wire(Impairment(duplicate=1.0)).carry(FRAME, 0.0) == [(0.0, FRAME)] * 2


def test_corruption_flips_one_bit() -> None:
    ((_, damaged),) = Wire(Impairment(corrupt=1.0)).carry(FRAME, 0.0)
    assert (int.from_bytes(damaged, "big") ^ int.from_bytes(FRAME, "big")).bit_count() == 1
    assert Wire(Impairment(corrupt=1.0)).carry(b"", 0.0) == [(0.0, b"")]


@given(st.builds(Impairment, CHANCES, CHANCES, CHANCES, CHANCES, CHANCES, CHANCES), st.integers(0, 100))
def test_the_same_seed_is_the_same_fate(impairment: Impairment, seed: int) -> None:
    one, other = Wire(impairment, seed=seed), Wire(impairment, seed=seed)
    assert [one.carry(FRAME, 0.0) for _ in range(20)] == [other.carry(FRAME, 0.0) for _ in range(20)]
