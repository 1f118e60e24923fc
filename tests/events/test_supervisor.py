from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
import structlog
import trio
import trio.testing

from honeystack.events.bus import Bus, Subscription
from honeystack.events.event import Event
from honeystack.events.recorder import Recorder
from honeystack.events.sensor import Sensor
from honeystack.events.supervisor import CHANNEL_DROP, run_channel, tell_drops
from tests.events.samples import SENSOR, event

Logged = list[MutableMapping[str, Any]]


@pytest.fixture
def logged() -> Any:
    with structlog.testing.capture_logs() as found:
        yield found


async def taken(subscription: Subscription) -> list[Event]:
    iteration = aiter(subscription)
    return [await anext(iteration) for _ in range(subscription.waiting)]


class Acting:
    """A channel that does one thing of a list each time it is run, and keeps what it was given."""

    def __init__(self, *acts: Callable[[Event], Awaitable[None]]) -> None:
        self.acts = list(acts)
        self.written: list[str] = []
        self.started_at: list[float] = []

    async def run(self, events: Subscription, *, sensor: Sensor) -> None:
        assert sensor is SENSOR
        self.started_at.append(trio.current_time())
        act = self.acts.pop(0) if self.acts else None
        async for each in events:
            if act is not None:
                await act(each)
            self.written.append(each.id)


async def fail(_: Event) -> None:
    raise RuntimeError("sink broken")


async def fail_in_a_group(_: Event) -> None:
    raise ExceptionGroup("outer", [ExceptionGroup("inner", [RuntimeError("sink broken")])])


async def hang(_: Event) -> None:
    await trio.sleep_forever()


def made(number: int, **settings: int) -> tuple[Bus, Subscription]:
    bus = Bus()
    subscription = bus.subscribe("a", **settings)
    for each in range(number):
        bus.publish(event(number=each))
    return bus, subscription


@pytest.mark.parametrize("failure", [fail, fail_in_a_group])
async def test_a_failed_channel_is_started_again_and_its_loss_told(
    autojump_clock: trio.testing.MockClock, logged: Logged, failure: Callable[[Event], Awaitable[None]]
) -> None:
    bus, subscription = made(3)
    channel = Acting(failure)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: run_channel(channel, subscription, sensor=SENSOR))
        await trio.sleep(2)
        assert await bus.drain(1)
    assert channel.written == ["id-000001", "id-000002"]
    counts = subscription.counts()
    assert counts.adds_up
    assert (counts.written, counts.dropped) == (2, {"channel-failed": 1})
    (line,) = logged
    assert (line["channel"], line["lost"], line["log_level"]) == ("a", 1, "error")
    assert isinstance(line["exc_info"], RuntimeError)


async def test_the_pause_grows_while_nothing_is_written(autojump_clock: trio.testing.MockClock, logged: Logged) -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    channel = Acting(*[fail] * 5)

    async def publish() -> None:
        for number in range(8):
            bus.publish(event(number=number))
            await trio.sleep(10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(publish)
        nursery.start_soon(lambda: run_channel(channel, subscription, sensor=SENSOR, longest_pause=20.0))
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert channel.started_at == [0, 1, 12, 24, 38, 56]
    assert subscription.counts().adds_up


async def test_work_between_failures_makes_the_pause_short_again(
    autojump_clock: trio.testing.MockClock, logged: Logged
) -> None:
    calls = 0

    async def fail_at_each_second(_: Event) -> None:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise OSError("again")

    bus, subscription = made(8)
    channel = Acting(*[fail_at_each_second] * 4)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: run_channel(channel, subscription, sensor=SENSOR))
        await trio.sleep(3.5)
        assert await bus.drain(10)
    assert channel.started_at == [0, 1, 2, 3]
    assert trio.current_time() == 3.5
    assert subscription.counts().dropped == {"channel-failed": 4}
    assert subscription.counts().written == 4


async def test_a_channel_that_ends_by_itself_is_started_again(
    autojump_clock: trio.testing.MockClock, logged: Logged
) -> None:
    class Lazy:
        runs = 0

        async def run(self, events: Subscription, *, sensor: Sensor) -> None:
            self.runs += 1
            async for _ in events:
                return

    _, subscription = made(2)
    lazy = Lazy()
    with trio.move_on_after(1.5):
        await run_channel(lazy, subscription, sensor=SENSOR)
    assert lazy.runs == 2
    assert subscription.counts().dropped == {"channel-failed": 2}
    assert "ended by itself" in logged[0]["event"]


async def test_a_cancelled_channel_drops_what_it_had_in_hand(autojump_clock: trio.testing.MockClock) -> None:
    _, subscription = made(2)
    with trio.move_on_after(1):
        await run_channel(Acting(hang), subscription, sensor=SENSOR)
    counts = subscription.counts()
    assert counts.adds_up
    assert (counts.queued, counts.dropped) == (1, {"stopped": 1})


async def test_a_failure_while_cancelled_ends_nothing_else(
    autojump_clock: trio.testing.MockClock, logged: Logged
) -> None:
    class Sore:
        async def run(self, events: Subscription, *, sensor: Sensor) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                try:
                    await trio.sleep_forever()
                finally:
                    raise RuntimeError("while closing")

    _, subscription = made(0)
    with trio.move_on_after(1) as scope:
        await run_channel(Sore(), subscription, sensor=SENSOR)
    assert scope.cancelled_caught
    assert len(logged) == 1


async def test_a_slow_sink_does_not_hold_the_start(autojump_clock: trio.testing.MockClock) -> None:
    _, subscription = made(1)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: run_channel(
            Acting(hang), subscription, sensor=SENSOR, task_status=task_status
        ))  # fmt: skip
        assert trio.current_time() == 0
        nursery.cancel_scope.cancel()


async def test_drops_are_told_once_each_period(autojump_clock: trio.testing.MockClock, logged: Logged) -> None:
    bus, _ = made(5, capacity=3)
    told = bus.subscribe("b", lambda each: each.kind is CHANNEL_DROP)
    recorder = Recorder(bus, clock=trio.current_time, new_id=lambda: "id")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: tell_drops(bus, recorder, every=10))
        await trio.sleep(25)
        for _ in range(4):
            bus.publish(event())
        nursery.cancel_scope.cancel()
    found = [(each.date, dict(each.fields)) for each in await taken(told)]
    # The second tells of the first, which found no room either; the last is of the end.
    assert found == [
        (date, {"channel": "a", "reason": "queue-full", "count": count}) for date, count in ((10, 2), (20, 1), (25, 5))
    ]
    assert [line["count"] for line in logged] == [2, 1, 5]


async def test_a_channel_that_drops_nothing_more_is_not_told_again(
    autojump_clock: trio.testing.MockClock, logged: Logged
) -> None:
    bus, subscription = made(2, capacity=1)
    told: list[Event] = []

    class Publisher:
        def publish(self, each: Event) -> None:
            told.append(each)

    with trio.move_on_after(100):
        await tell_drops(bus, Recorder(Publisher(), clock=trio.current_time, new_id=lambda: "id"))
    assert len(told) == 1
    assert subscription.counts().dropped == {"queue-full": 1}
