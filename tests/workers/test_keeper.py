"""A keeper: its process is started anew, later each time, and everything it says is taken or told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio.testing

from honeystack.errors import Unavailable
from honeystack.events.catalogue import EventKind
from honeystack.events.encode_marshal import pack_events
from honeystack.events.event import Event
from honeystack.workers.keeper import FIRST_PAUSE, GRACE, LONGEST_PAUSE, SOUND, Keeper
from honeystack.workers.messages import Kind
from honeystack.workers.setup import Orders, Setup
from tests.workers.processes import ORDERS, FakeProcess, setup_of

KIND = EventKind("tcp", "connect", "A peer connects.")


class House:
    """A keeper and all that it has told."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.started = trio.Event()
        self.hang = False
        self.events: list[Event] = []
        self.deaths: list[tuple[int, str, int, float]] = []
        self.returns: list[int] = []
        self.keeper = Keeper(
            setup_of(3),
            self.launch,
            publish=self.events.append,
            died=lambda *death: self.deaths.append(death),
            back=self.returns.append,
        )

    def launch(self) -> FakeProcess:
        self.processes.append(FakeProcess(hangs=self.hang))
        self.started.set()
        return self.processes[-1]

    async def next_process(self, count: int) -> FakeProcess:
        """The process with this number, once it has been started."""
        with trio.fail_after(2 * LONGEST_PAUSE):
            while len(self.processes) < count:
                self.started = trio.Event()
                await self.started.wait()
        return self.processes[count - 1]


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    place = House()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.keeper.run)
        await trio.testing.wait_all_tasks_blocked()
        yield place
        place.keeper.kill()


async def test_a_process_is_told_its_setup_and_its_events_are_published(autojump_clock: object) -> None:
    async with house() as place:
        line = place.processes[0].line
        messages = line
        kind, body = await anext(messages)
        assert (kind, Setup.from_bytes(body)) == (Kind.SETUP, setup_of(3))
        assert not place.keeper.ready.is_set()
        await line.send(Kind.READY)
        await line.send(Kind.EVENTS, pack_events([Event("1", 0.0, KIND, {}), Event("2", 0.0, KIND, {})]))
        await line.send(Kind.COUNTERS, json.dumps({"connections": 4}).encode())
        await trio.testing.wait_all_tasks_blocked()
        assert place.keeper.ready.is_set()
        assert place.keeper.answers
        assert [event.id for event in place.events] == ["1", "2"]
        assert place.keeper.tally.connections == 4
        assert place.returns == []


async def test_a_stop_waits_until_all_events_have_come(autojump_clock: object) -> None:
    async with house() as place:
        process = place.processes[0]
        await process.line.send(Kind.READY)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(place.keeper.stop)
            said = [kind for kind, _ in await said_until(process, Kind.STOP)]
            assert said == [Kind.SETUP, Kind.STOP]
            assert not place.keeper.ended.is_set()
            await process.line.send(Kind.EVENTS, pack_events([Event("last", 0.0, KIND, {})]))
            await process.end()
        assert place.keeper.ended.is_set()
        assert [event.id for event in place.events] == ["last"]
        assert place.deaths == []
        assert len(place.processes) == 1


async def said_until(process: FakeProcess, last: Kind) -> list[tuple[Kind, bytes]]:
    """What a process is told, up to a message of this kind."""
    said = [await anext(process.line)]
    while said[-1][0] is not last:
        said.append(await anext(process.line))
    return said


async def test_one_that_dies_is_started_anew_and_both_are_told(autojump_clock: object) -> None:
    async with house() as place:
        first = place.processes[0]
        await first.line.send(Kind.READY)
        await first.line.send(Kind.COUNTERS, json.dumps({"connections": 4, "frames.in": 9}).encode())
        await trio.sleep(SOUND + 1)
        await first.end(-9)
        second = await place.next_process(2)
        assert place.deaths == [(3, "SIGKILL", 4, 0.0)]
        assert not place.keeper.answers
        assert place.keeper.tally.counters() == {"frames.in": 9}
        await second.line.send(Kind.READY)
        await trio.testing.wait_all_tasks_blocked()
        assert place.returns == [3]
        assert place.keeper.restarts == 1


async def test_one_that_keeps_dying_is_started_later_each_time(autojump_clock: object) -> None:
    async with house() as place:
        await place.processes[0].line.send(Kind.READY)
        for count in range(1, 9):
            process = await place.next_process(count)
            await process.end(1)
        await place.next_process(9)
        pauses = [pause for *_, pause in place.deaths]
        assert pauses == [FIRST_PAUSE * 2**n for n in range(5)] + [LONGEST_PAUSE] * 3


async def test_one_that_lived_is_started_at_once_again(autojump_clock: object) -> None:
    async with house() as place:
        await place.processes[0].line.send(Kind.READY)
        await place.processes[0].end(1)
        second = await place.next_process(2)
        await trio.sleep(SOUND)
        await second.end(1)
        await place.next_process(3)
        assert [pause for *_, pause in place.deaths] == [FIRST_PAUSE, 0.0]


async def test_one_that_never_answers_is_an_error_that_says_why(autojump_clock: object) -> None:
    place = House()

    async def refuse() -> None:
        process = await place.next_process(1)
        await process.line.send(Kind.FAILED, b"there is no interface")
        await process.end(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(refuse)
        with pytest.raises(Unavailable, match="worker 3 did not start: there is no interface"):
            await place.keeper.run()
    assert place.keeper.ended.is_set()


async def test_a_reload_goes_to_the_process_and_to_those_after_it(autojump_clock: object) -> None:
    changed = attrs.evolve(ORDERS, text="[listener] # new")
    async with house() as place:
        first = place.processes[0]
        await first.line.send(Kind.READY)
        await place.keeper.reload(changed)
        _, told = (await said_until(first, Kind.RELOAD))[-1]
        assert Orders.from_bytes(told) == changed
        await first.end(1)
        second = await place.next_process(2)
        kind, body = await anext(second.line)
        assert (kind, Setup.from_bytes(body)) == (Kind.SETUP, attrs.evolve(setup_of(3), orders=changed))


async def test_what_is_told_to_one_that_is_gone_is_no_error(autojump_clock: object) -> None:
    async with house() as place:
        await place.processes[0].line.send(Kind.READY)
        await place.processes[0].end(1)
        await place.keeper.reload(ORDERS)
        await trio.testing.wait_all_tasks_blocked()
        await place.keeper.reload(ORDERS)  # in the pause
        assert len(place.processes) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [(Kind.EVENTS, b"no events"), (Kind.COUNTERS, b"[]"), (Kind.STOP, b""), (Kind.SETUP, b"")],
    ids=lambda part: str(part),
)
async def test_one_that_speaks_nonsense_is_ended_and_started_anew(
    autojump_clock: object, kind: Kind, body: bytes
) -> None:
    async with house() as place:
        await place.processes[0].line.send(Kind.READY)
        await place.processes[0].line.send(kind, body)
        await place.next_process(2)
        assert len(place.deaths) == 1


async def test_one_that_hangs_at_the_end_is_killed(autojump_clock: trio.testing.MockClock) -> None:
    place = House()
    place.hang = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.keeper.run)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        place.keeper.kill()
        await place.keeper.ended.wait()
        assert trio.current_time() - began == pytest.approx(GRACE)
    assert place.processes[0].killed


async def test_a_stop_during_the_start_is_obeyed(autojump_clock: object) -> None:
    place = House()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.keeper.stop)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(place.keeper.run)
    assert place.processes == []


async def test_a_stop_in_the_pause_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as place:
        await place.processes[0].line.send(Kind.READY)
        await place.processes[0].end(1)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await place.keeper.stop()
        assert trio.current_time() == began
        assert len(place.processes) == 1
