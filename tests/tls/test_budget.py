"""Costly work: bounded in all and for each source, so that nobody takes it from the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.tls.budget import BURST, LEAST, MOST_SOURCES, SHARE, WorkBudget


def spent(budget: WorkBudget, now: float, source: str = "", tries: int = 1000) -> int:
    return sum(budget.spend(now, source) for _ in range(tries))


def test_a_rest_allows_some_seconds_worth() -> None:
    budget = WorkBudget(10, now=0)
    assert spent(budget, 0) == BURST * 10
    assert spent(budget, 0.5) == 5
    assert spent(budget, 1_000) == BURST * 10


def test_one_source_leaves_most_to_the_others() -> None:
    budget = WorkBudget(20, now=0)
    assert spent(budget, 0, "a") == BURST * 20 // SHARE
    assert spent(budget, 0, "b") == BURST * 20 // SHARE
    assert spent(budget, 0) == BURST * 20 * (SHARE - 2) // SHARE
    assert spent(budget, 0, "c") == 0


def test_what_is_refused_costs_nothing() -> None:
    budget = WorkBudget(4, now=0)
    spent(budget, 0)
    assert spent(budget, 0, "a") == 0
    assert budget.spend(0.25, "a")


@pytest.mark.parametrize("per_second", [1, 2, 3])
def test_however_little_there_is_a_source_gets_some(per_second: int) -> None:
    budget = WorkBudget(per_second, now=0)
    assert spent(budget, 0, "a") == LEAST
    assert spent(budget, SHARE / per_second, "a") == 1


def test_a_clock_that_goes_back_gives_nothing() -> None:
    budget = WorkBudget(1, now=100)
    spent(budget, 100)
    assert spent(budget, 50) == 0


def test_sources_remembered_are_bounded() -> None:
    budget = WorkBudget(10, now=0)
    for number in range(MOST_SOURCES + 50):
        budget.spend(float(number), f"source {number}")
    assert len(budget._of_source) == MOST_SOURCES


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from(["", "a", "b"])), max_size=80), st.integers(1, 9))
def test_no_order_of_requests_gets_more_than_the_rate(asked: list[tuple[float, str]], per_second: int) -> None:
    budget, now, done = WorkBudget(per_second, now=0), 0.0, {"": 0, "a": 0, "b": 0}
    for pause, source in asked:
        now += pause
        done[source] += budget.spend(now, source)
    assert sum(done.values()) <= (BURST + now) * per_second + 1
    assert max(done["a"], done["b"]) <= max(LEAST, BURST * per_second / SHARE) + now * per_second / SHARE + 1
