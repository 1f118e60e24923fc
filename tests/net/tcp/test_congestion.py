"""Slow start, avoidance, and what loss does (RFC 5681)."""

from __future__ import annotations

import pytest

from honeystack.net.tcp.congestion import Congestion, initial_window

MSS = 1448


@pytest.mark.parametrize(("mss", "window"), [(1448, 14_480), (1460, 14_600), (536, 5360), (9000, 18_000)])
def test_the_initial_window_is_that_of_rfc_6928(mss: int, window: int) -> None:
    assert initial_window(mss) == window


def test_slow_start_grows_by_what_is_acknowledged_two_segments_at_most() -> None:
    congestion = Congestion(MSS)
    before = congestion.cwnd
    congestion.acknowledged(1000)
    assert congestion.cwnd == before + 1000
    congestion.acknowledged(10 * MSS)
    assert congestion.cwnd == before + 1000 + 2 * MSS


def test_avoidance_grows_one_segment_per_window() -> None:
    congestion = Congestion(MSS)
    congestion.ssthresh = congestion.cwnd
    before = congestion.cwnd
    for _ in range(9):
        congestion.acknowledged(MSS)
    assert congestion.cwnd == before
    congestion.acknowledged(MSS)
    assert congestion.cwnd == before + MSS


def test_loss_halves_once_per_recovery_and_stops_growth() -> None:
    congestion = Congestion(MSS)
    congestion.loss_found(20 * MSS, 5000)
    assert congestion.cwnd == congestion.ssthresh == 10 * MSS
    congestion.loss_found(20 * MSS, 9000)
    congestion.acknowledged(MSS)
    assert congestion.cwnd == 10 * MSS
    assert congestion.recovery_point == 5000
    congestion.recovered()
    assert congestion.recovery_point is None


def test_a_timeout_begins_again_with_one_segment_and_grows_during_recovery() -> None:
    congestion = Congestion(MSS)
    congestion.timed_out(20 * MSS, 5000, again=False)
    assert (congestion.cwnd, congestion.ssthresh) == (MSS, 10 * MSS)
    congestion.acknowledged(MSS)
    assert congestion.cwnd == 2 * MSS


def test_a_second_timeout_of_the_same_data_does_not_halve_again() -> None:
    congestion = Congestion(MSS)
    congestion.timed_out(20 * MSS, 5000, again=False)
    congestion.timed_out(MSS, 5000, again=True)
    assert congestion.ssthresh == 10 * MSS


def test_the_threshold_is_never_below_two_segments() -> None:
    congestion = Congestion(MSS)
    congestion.loss_found(1, 5000)
    assert congestion.ssthresh == 2 * MSS


def test_after_idleness_the_window_is_the_initial_one_at_most() -> None:
    congestion = Congestion(MSS)
    congestion.cwnd = 100 * MSS
    congestion.idle()
    assert congestion.cwnd == initial_window(MSS)


def test_the_first_lost_segment_of_a_recovery_is_due_at_once() -> None:
    congestion = Congestion(1000)
    congestion.loss_found(10_000, 5)
    assert congestion.first_due
    congestion.first_due = False
    congestion.loss_found(10_000, 6)
    assert not congestion.first_due


def test_each_segment_of_growth_in_avoidance_takes_a_window_of_its_own() -> None:
    congestion = Congestion(1000)
    congestion.ssthresh = congestion.cwnd = 10_000
    grown = []
    for _ in range(33):
        congestion.acknowledged(1000)
        grown.append(congestion.cwnd)
    assert [grown.index(window) + 1 for window in (11_000, 12_000, 13_000)] == [10, 21, 33]


def test_an_octet_less_than_a_window_is_not_a_window() -> None:
    congestion = Congestion(1000)
    congestion.ssthresh = congestion.cwnd = 10_000
    congestion.acknowledged(9999)
    assert congestion.cwnd == 10_000
    congestion.acknowledged(1)
    assert congestion.cwnd == 11_000


def test_what_was_counted_before_a_loss_does_not_count_after_it() -> None:
    congestion = Congestion(1000)
    congestion.ssthresh = congestion.cwnd = 10_000
    congestion.acknowledged(9000)
    congestion.loss_found(8000, 5)
    congestion.recovered()
    congestion.acknowledged(3999)
    assert congestion.cwnd == 4000
    congestion.acknowledged(1)
    assert congestion.cwnd == 5000


def test_after_a_recovery_another_loss_stops_growth_again() -> None:
    congestion = Congestion(1000)
    congestion.timed_out(20_000, 5, again=False)
    assert congestion.recovery_point == 5
    congestion.recovered()
    congestion.loss_found(20_000, 9)
    congestion.acknowledged(1000)
    assert congestion.cwnd == 10_000


def test_a_mark_counts_once_until_what_was_out_is_acknowledged() -> None:
    congestion = Congestion(1000)
    congestion.marked(8000, 0, 8000, echo=False)
    assert (congestion.cwnd, congestion.cwr_due) == (10_000, False)
    congestion.marked(8000, 0, 8000, echo=True)
    assert (congestion.cwnd, congestion.ssthresh, congestion.cwr_due) == (4000, 4000, True)
    congestion.acknowledged(4000)
    congestion.marked(8000, 7999, 9000, echo=True)
    assert congestion.cwnd == 4000
    congestion.marked(6000, 8000, 9000, echo=True)
    assert congestion.cwnd == 3000


def test_a_mark_while_losses_are_mended_changes_nothing() -> None:
    congestion = Congestion(1000)
    congestion.loss_found(8000, 8000)
    assert congestion.cwr_due
    congestion.marked(8000, 0, 8000, echo=True)
    assert congestion.cwnd == 4000


def test_a_small_window_is_not_made_larger_by_a_mark() -> None:
    congestion = Congestion(1000)
    congestion.cwnd = 1000
    congestion.marked(1000, 0, 1000, echo=True)
    assert congestion.cwnd == 1000
