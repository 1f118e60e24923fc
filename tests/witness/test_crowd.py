"""The crowd: so many of a group are told by themselves, and of the others all that they agree on."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity
from honeystack.witness.crowd import DESCRIBED, PERIOD, Crowd, Sources, common
from honeystack.witness.table import Row

KIND = EventKind("a", "b", "text")


class Bench:
    """A crowd that admits `limit` of each group, and what it has told: (fields, count, identity)."""

    def __init__(self, limit: int = 2) -> None:
        self.told: list[tuple[dict[str, object], int | None, Identity | None]] = []
        self.crowd = Crowd(self.tell)
        self.limit = limit

    def tell(self, row: Row) -> None:
        self.told.append((row.fields, row.count, row.identity))

    def come(self, number: int, now: float, group: str = "g", **fields: object) -> bool:
        admitted = self.crowd.admits(group, self.limit, now)
        if not admitted:
            identity = Identity("tcp", source_ip=str(number), destination_port=80)
            self.crowd.join(group, KIND, number.to_bytes(4, "big"), lambda: (identity, fields))
        return admitted


def test_the_first_are_told_by_themselves_and_the_others_together() -> None:
    bench = Bench()
    assert [bench.come(number, 0.0, name="x") for number in (1, 2, 3, 4, 4)] == [True, True, False, False, False]
    assert bench.crowd.next_deadline() == PERIOD
    bench.crowd.tick(PERIOD - 0.1)
    assert bench.told == []
    bench.crowd.tick(PERIOD)
    assert bench.told == [({"name": "x", "sources": 2}, 3, Identity("tcp", destination_port=80))]
    assert bench.crowd.next_deadline() is None


def test_a_crowd_of_one_source_keeps_its_name() -> None:
    bench = Bench(limit=0)
    for _ in range(3):
        bench.come(7, 0.0)
    bench.crowd.flush()
    assert bench.told == [({"sources": 1}, 3, Identity("tcp", source_ip="7", destination_port=80))]


def test_only_what_all_agree_on_is_told() -> None:
    bench = Bench(limit=0)
    bench.come(1, 0.0, window=1024, mss=1460)
    bench.come(2, 0.0, window=1024, mss=512)
    bench.come(3, 0.0, window=1024)
    bench.crowd.flush()
    assert bench.told[0][0] == {"window": 1024, "sources": 3}


def test_who_comes_very_late_is_counted_and_not_looked_at() -> None:
    bench = Bench(limit=0)
    for number in range(DESCRIBED + 5):
        bench.come(number, 0.0, name="x" if number < DESCRIBED else "y")
    bench.crowd.flush()
    ((fields, count, _),) = bench.told
    assert (fields["name"], count) == ("x", DESCRIBED + 5)


def test_each_period_admits_anew_also_without_a_tick() -> None:
    bench = Bench(limit=1)
    assert [bench.come(number, 0.0) for number in (1, 2)] == [True, False]
    assert [bench.come(number, PERIOD) for number in (3, 4)] == [True, False]
    assert [count for _, count, _ in bench.told] == [1]
    bench.crowd.tick(3 * PERIOD)
    assert [count for _, count, _ in bench.told] == [1, 1]
    assert bench.come(5, 3 * PERIOD)


def test_groups_do_not_crowd_each_other() -> None:
    bench = Bench(limit=1)
    assert bench.come(1, 0.0, "g")
    assert bench.come(2, 1.0, "h")
    assert not bench.come(3, 2.0, "h")
    assert bench.crowd.next_deadline() == 1.0 + PERIOD  # of a group that has something to tell
    bench.crowd.tick(PERIOD)
    assert bench.told == []
    bench.crowd.tick(1.0 + PERIOD)
    assert len(bench.told) == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 20)), max_size=80), st.integers(0, 4))
def test_nothing_is_lost_and_no_period_tells_more_than_its_bound(seen: list[tuple[int, float]], limit: int) -> None:
    bench, now, times = Bench(limit), 0.0, []
    for number, pause in seen:
        now += pause
        if bench.come(number, now):
            times.append(now)
    bench.crowd.flush()
    assert len(times) + sum(count or 0 for _, count, _ in bench.told) == len(seen)
    for begin in times:  # any stretch of a period's length touches two periods
        assert sum(begin <= at < begin + PERIOD for at in times) <= 2 * limit


@pytest.mark.parametrize("number", [0, 1, 100, 10_000])
def test_sources_are_counted_well_enough(number: int) -> None:
    sources = Sources()
    for source in range(number):
        for _ in range(2):
            sources.add(source.to_bytes(4, "big"))
    assert math.isclose(sources.estimate(), number, rel_tol=0.03)


def test_more_sources_than_can_be_counted_are_very_many() -> None:
    sources = Sources()
    sources._ones = 1 << 16
    assert sources.estimate() > 700_000


def test_what_two_identities_agree_on() -> None:
    one = Identity("tcp", source_ip="1", destination_port=80)
    assert common(one, one) is one
    assert common(one, one._replace(source_ip="2")) == Identity("tcp", destination_port=80)
