"""The timer wheels against a plain dictionary of deadlines."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.net.timers import RESOLUTION, TimerSlots, TimerWheel

SLACK = RESOLUTION


def test_an_empty_wheel_has_no_deadline_and_nothing_is_due() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    assert wheel.next_deadline() is None
    assert wheel.expire(1e9) == []
    assert len(wheel) == 0


def test_an_item_is_due_at_its_deadline_and_not_before() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    wheel.schedule("a", 1.0)
    assert wheel.expire(0.999) == []
    assert wheel.next_deadline() == 1.0
    assert wheel.expire(1.0) == ["a"]
    assert "a" not in wheel


def test_the_earliest_comes_first_and_equal_slots_keep_their_order() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    for item, deadline in (("late", 3.0), ("early", 1.0), ("same", 1.0), ("middle", 2.0)):
        wheel.schedule(item, deadline)
    assert wheel.expire(5.0) == ["early", "same", "middle", "late"]


def test_scheduling_again_moves_the_deadline() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    wheel.schedule("a", 1.0)
    wheel.schedule("a", 2.0)
    wheel.schedule("a", 2.0)
    assert wheel.next_deadline() == 2.0
    assert wheel.expire(1.5) == []
    assert wheel.expire(2.0) == ["a"]


def test_a_cancelled_item_is_never_due_and_cancelling_twice_is_nothing() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    wheel.schedule("a", 1.0)
    wheel.cancel("a")
    wheel.cancel("a")
    assert wheel.next_deadline() is None
    assert wheel.expire(2.0) == []


def test_a_slot_that_emptied_is_used_again() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    wheel.schedule("a", 1.0)
    wheel.cancel("a")
    wheel.schedule("b", 1.0)
    assert "b" in wheel
    assert wheel.next_deadline() == 1.0
    assert wheel.expire(1.0) == ["b"]


def test_what_the_wheel_announces_is_then_due() -> None:
    wheel: TimerWheel[int] = TimerWheel()
    for item in range(1000):
        wheel.schedule(item, 1000.0 + item * 0.0137)
    seen = 0
    while (deadline := wheel.next_deadline()) is not None:
        due = wheel.expire(deadline)
        assert due
        seen += len(due)
    assert seen == 1000


def test_a_hundred_thousand_items_leave_nothing_behind() -> None:
    wheel: TimerWheel[int] = TimerWheel()
    for item in range(100_000):
        wheel.schedule(item, item % 977 / 10)
    for item in range(0, 100_000, 2):
        wheel.cancel(item)
    assert len(wheel.expire(100.0)) == 50_000
    assert len(wheel) == 0
    assert wheel.next_deadline() is None


def test_who_keeps_the_slot_can_take_the_item_out_of_it_also_once_it_has_expired() -> None:
    slots: TimerSlots[str] = TimerSlots()
    slot = slots.put("a", 1.0)
    assert slots.put("b", 1.0) is slot
    assert slots.next_deadline() == 1.0
    del slot["a"]
    assert slots.expire(0.5) == []
    assert slots.expire(1.0) == ["b"]
    slot.pop("b", None)
    slots.put("b", 2.0)
    assert slots.expire(3.0) == ["b"]
    assert slots.next_deadline() is None


def test_a_slot_that_is_left_empty_announces_nothing() -> None:
    slots: TimerSlots[str] = TimerSlots()
    slots.put("a", 1.0).clear()
    slots.put("b", 2.0)
    assert slots.next_deadline() == 2.0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("schedule"), st.integers(0, 5), st.floats(0, 20)),
        st.tuples(st.just("cancel"), st.integers(0, 5), st.just(0.0)),
        st.tuples(st.just("expire"), st.just(0), st.floats(0, 20)),
    ),
    max_size=40,
)


@settings(max_examples=100)
@given(STEPS)
def test_it_agrees_with_a_dictionary_never_early_and_at_most_one_slot_late(steps: list[tuple[str, int, float]]) -> None:
    wheel: TimerWheel[int] = TimerWheel()
    model: dict[int, float] = {}
    for verb, item, value in steps:
        if verb == "schedule":
            wheel.schedule(item, value)
            model[item] = value
        elif verb == "cancel":
            wheel.cancel(item)
            model.pop(item, None)
        else:
            due = wheel.expire(value)
            assert all(model[i] <= value for i in due)
            for i in due:
                del model[i]
            assert all(deadline + SLACK >= value for deadline in model.values())
        assert len(wheel) == len(model)
        announced = wheel.next_deadline()
        assert (announced is None) == (not model)
        if announced is not None:
            assert 0 <= announced - min(model.values()) <= SLACK
