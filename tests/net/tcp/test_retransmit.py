"""The time-out of RFC 6298."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.tcp.retransmit import INITIAL_RTO, MAX_RTO, MIN_RTO, RtoEstimator


def test_without_a_measurement_it_is_three_seconds() -> None:
    assert RtoEstimator(None).rto == INITIAL_RTO


def test_the_first_measurement_sets_both_values() -> None:
    estimator = RtoEstimator(0.4)
    assert (estimator.srtt, estimator.rttvar) == (0.4, 0.2)
    assert estimator.rto == pytest.approx(0.4 + 4 * 0.2)


def test_later_ones_are_smoothed() -> None:
    estimator = RtoEstimator(0.4)
    estimator.sample(0.8)
    assert estimator.rttvar == pytest.approx(0.75 * 0.2 + 0.25 * 0.4)
    assert estimator.srtt == pytest.approx(0.45)
    assert estimator.min_rtt == 0.4


def test_a_steady_path_keeps_200_ms_beyond_its_round_trip() -> None:
    estimator = RtoEstimator(0.05)
    for _ in range(200):
        estimator.sample(0.05)
    assert estimator.rto == pytest.approx(0.05 + MIN_RTO)


def test_it_doubles_with_each_expiry_up_to_its_bound_and_a_measurement_ends_that() -> None:
    estimator = RtoEstimator(0.1)
    base = estimator.rto
    estimator.backoff = 3
    assert estimator.rto == pytest.approx(8 * base)
    estimator.backoff = 1000
    assert estimator.rto == MAX_RTO
    estimator.sample(0.1)
    assert estimator.backoff == 0


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=20))
def test_it_stays_between_its_bounds(rtts: list[float]) -> None:
    estimator = RtoEstimator(None)
    for rtt in rtts:
        estimator.sample(rtt)
        assert MIN_RTO <= estimator.rto <= MAX_RTO
