"""A worker's events go to its supervisor, but for those that are the whole honeypot's."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from honeystack.events.bus import QUEUE_FULL, Bus
from honeystack.events.catalogue import EventKind
from honeystack.events.encode_marshal import unpack_events
from honeystack.events.event import Event
from honeystack.events.sensor import Sensor
from honeystack.honeypot import START, STOP
from honeystack.workers.line import Line
from honeystack.workers.messages import Kind
from honeystack.workers.relay import Relay

KIND = EventKind("tcp", "connect", "A peer connects.")


def event(number: int, kind: EventKind = KIND) -> Event:
    return Event(str(number), float(number), kind, {"n": number})


async def test_events_arrive_in_order_and_the_honeypots_own_do_not(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    bus = Bus()
    events = bus.subscribe("supervisor")
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: Relay(Line(ours)).run(events, sensor=Sensor(), task_status=task_status))
        for one in (event(1, START), event(2), event(3), event(4, STOP)):
            bus.publish(one)
        assert await bus.drain(5)
    await ours.aclose()
    told = [unpack_events(body) async for kind, body in Line(theirs) if kind is Kind.EVENTS]
    assert [one.id for batch in told for one in batch] == ["2", "3"]
    assert bus.statistics()["supervisor"].adds_up


async def test_only_the_honeypots_own_events_send_nothing(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    bus = Bus()
    events = bus.subscribe("supervisor")
    bus.publish(event(1, START))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: Relay(Line(ours)).run(events, sensor=Sensor()))
        assert await bus.drain(5)
    await ours.aclose()
    assert [message async for message in Line(theirs)] == []


class Stuck(trio.abc.SendStream):
    """A stream whose reader has stopped reading."""

    async def send_all(self, data: Any) -> None:
        await trio.sleep_forever()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.sleep_forever()

    async def aclose(self) -> None:
        raise AssertionError


async def test_a_supervisor_that_does_not_read_costs_events_which_are_counted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bus = Bus()
    events = bus.subscribe("supervisor", capacity=10)
    line = Line(trio.StapledStream(Stuck(), trio.testing.MemoryReceiveStream()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: Relay(line).run(events, sensor=Sensor()))
        bus.publish(event(0))
        await trio.testing.wait_all_tasks_blocked()
        for number in range(1, 100):
            bus.publish(event(number))  # never waits
        nursery.cancel_scope.cancel()
    counts = bus.statistics()["supervisor"]
    assert counts.adds_up
    assert counts.dropped[QUEUE_FULL] == 90
    assert counts.written == 0


async def test_a_supervisor_that_is_gone_is_an_error_for_who_runs_the_channel() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.aclose()
    bus = Bus()
    events = bus.subscribe("supervisor")
    bus.publish(event(1))
    with pytest.raises(trio.BrokenResourceError):
        await Relay(Line(ours)).run(events, sensor=Sensor())
