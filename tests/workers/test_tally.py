"""Counters add up over workers and over their deaths."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.workers.tally import RELAY, Tally, summed


def report(**counters: int) -> bytes:
    return json.dumps({name.replace("_", "."): value for name, value in counters.items()}).encode()


def test_what_was_counted_outlives_the_process_and_what_was_held_does_not() -> None:
    tally = Tally()
    tally.heard(report(connections=5, frames_in=100))
    assert tally.connections == 5
    tally.ended()
    assert tally.connections == 0
    assert tally.counters() == {"frames.in": 100}
    tally.heard(report(connections=1, frames_in=7))
    assert tally.counters() == {"frames.in": 107, "connections": 1}


def test_a_later_report_takes_the_place_of_an_earlier_one() -> None:
    tally = Tally()
    tally.heard(report(frames_in=100))
    tally.heard(report(frames_in=101))
    assert tally.counters() == {"frames.in": 101}


def test_events_are_told_apart_and_add_up() -> None:
    tally = Tally()
    counted = {"made": 9, "written": 5, "queued": 1, "filtered": 0, "dropped.queue-full": 3}
    told = {f"channels.{RELAY}.{name}": value for name, value in counted.items()}
    tally.heard(json.dumps({"events.made": 9, "connections": 2, **told}).encode())
    events = tally.events()
    assert events.pop("events.made") == sum(value for name, value in events.items())
    assert events == {f"events.{name}": value for name, value in counted.items() if name != "made"}
    assert tally.counters() == {"connections": 2}


@pytest.mark.parametrize("body", [b"", b"3", b"[]", b'{"a": "x"}', b'{"a": null}', b'{"a": 1e999}', b"[" * 99999])
def test_anything_else_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        Tally().heard(body)


@given(st.binary(max_size=60))
def test_any_bytes_are_counters_or_malformed(body: bytes) -> None:
    tally = Tally()
    try:
        tally.heard(body)
    except Malformed:
        assert tally.counters() == {}


def test_sums_keep_the_order_of_the_first() -> None:
    assert list(summed([{"b": 1, "a": 2}, {"a": 3, "c": 4}]).items()) == [("b", 1), ("a", 5), ("c", 4)]
    assert summed([]) == {}
