"""A worker at the end of its line: it answers, obeys, tells its events, and ends when its supervisor does."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog
import trio
import trio.testing

from honeystack.config.loader import parse_config
from honeystack.events.encode_marshal import unpack_events
from honeystack.workers import worker as workers
from honeystack.workers.launch import Worker
from honeystack.workers.line import Line
from honeystack.workers.messages import Kind
from honeystack.workers.setup import Orders, Setup
from honeystack.workers.worker import MachineClock, work

EAR = '''
import attrs, trio
from honeystack.events.catalogue import EventKind
from honeystack.registry import listener
from honeystack.settings import setting

HEARD = EventKind("tcp", "heard", "A test.", {"n": "int: any"})

@listener("ear")
@attrs.frozen
class Ear:
    """Tells an event at its start and another at its end, with the size of the secret."""

    refuses: bool = setting("to start", default=False)

    async def run_worker(self, reception, *, tap, secret, withheld, task_status):
        if self.refuses:
            from honeystack.errors import Unavailable
            raise Unavailable("no ear")
        reception.watch(lambda: {"connections": 3, "frames.in": len(secret)})
        reception.recorder.record(HEARD, {"n": tap.packets.fileno()})
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            reception.recorder.record(HEARD, {"n": len(reception.planned_ports("tcp"))})
'''
TEXT = '[listener]\ntype = "./ear.py"\n[service.e]\ntype = "echo"\n[channel.c]\ntype = "console"\n'
PORT = '[[port]]\nport = "tcp/7"\nservices = ["e"]\n'


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(workers, "log_as", lambda config: None)
    yield
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    (tmp_path / "ear.py").write_text(EAR)
    return orders_of(tmp_path, TEXT)


def orders_of(tmp_path: Path, text: str) -> Orders:
    return Orders.of(parse_config(text, path=tmp_path / "config.toml", data=tmp_path / "data"))


@attrs.define
class Seat:
    """The supervisor's end of the line, and how the worker ended."""

    line: Line
    status: int | None = None

    async def until(self, last: Kind) -> list[Any]:
        """All that is said up to a message of this kind: events one by one, other bodies as they are."""
        said: list[Any] = []
        while True:
            kind, body = await anext(self.line)
            said += unpack_events(body) if kind is Kind.EVENTS else [body]
            if kind is last:
                return said


@asynccontextmanager
async def seat(orders: Orders, **changes: Any) -> AsyncIterator[Seat]:
    descriptors = [one.detach() for one in (*socket.socketpair(), socket.socket())]
    setup = Setup(2, None, *descriptors, bytes(32), orders, orders)
    ours, theirs = trio.testing.memory_stream_pair()
    place = Seat(Line(ours))

    async def be() -> None:
        place.status = await work(Line(theirs))
        await theirs.aclose()  # as the end of a process does

    async with trio.open_nursery() as nursery:
        nursery.start_soon(be)
        await place.line.send(Kind.SETUP, attrs.evolve(setup, **changes).to_bytes())
        with trio.fail_after(600):
            yield place


async def test_it_answers_tells_its_events_and_stops_in_order(orders: Orders, autojump_clock: object) -> None:
    async with seat(orders) as place:
        await place.until(Kind.READY)
        await place.line.send(Kind.STOP)
        told = [event async for kind, body in place.line if kind is Kind.EVENTS for event in unpack_events(body)]
    assert place.status == 0
    assert [(event.category, event.type) for event in told][-1] == ("tcp", "heard")
    assert not [event for event in told if event.category == "sensor"]
    assert structlog.contextvars.get_contextvars() == {}  # bound for its own tasks only


async def test_it_tells_its_counters_when_they_have_changed(orders: Orders, autojump_clock: object) -> None:
    async with seat(orders) as place:
        told: list[dict[str, int]] = []
        with trio.move_on_after(60):
            while True:
                told.append(json.loads((await place.until(Kind.COUNTERS))[-1]))
        assert told[0]["connections"] == 3
        assert told[0]["frames.in"] == 32  # the secret came whole
        assert told[-1]["channels.supervisor.written"] > 0
        assert all(one != following for one, following in itertools.pairwise(told))
        assert len(told) <= 4  # and then nothing changes any more
        await place.line.aclose()


async def test_a_supervisor_that_is_gone_is_a_reason_to_end(orders: Orders, autojump_clock: object) -> None:
    async with seat(orders) as place:
        await place.until(Kind.READY)
        await place.line.aclose()
    assert place.status is not None


async def test_a_reload_changes_what_is_planned(tmp_path: Path, orders: Orders, autojump_clock: object) -> None:
    async with seat(orders) as place:
        await place.until(Kind.READY)
        await place.line.send(Kind.RELOAD, orders_of(tmp_path, TEXT + PORT).to_bytes())
        await place.line.send(Kind.STOP)
        told = [event async for kind, body in place.line if kind is Kind.EVENTS for event in unpack_events(body)]
    assert told[-1].fields == {"n": 1}  # one planned port
    assert place.status == 0


async def test_a_reload_that_cannot_be_read_changes_nothing(orders: Orders, autojump_clock: object) -> None:
    async with seat(orders) as place:
        await place.until(Kind.READY)
        await place.line.send(Kind.RELOAD, attrs.evolve(orders, text="[listener]\n").to_bytes())
        await place.line.send(Kind.STOP)
        told = [event async for kind, body in place.line if kind is Kind.EVENTS for event in unpack_events(body)]
    assert told[-1].fields == {"n": 0}
    assert place.status == 0


async def test_what_keeps_it_from_starting_is_told(orders: Orders, autojump_clock: object) -> None:
    refusing = attrs.evolve(orders, text=TEXT.replace('"./ear.py"', '"./ear.py"\nrefuses = true'))
    async with seat(refusing, listener=refusing) as place:
        assert (await place.until(Kind.FAILED))[-1] == b"no ear"
    assert place.status == 1


async def test_a_configuration_that_cannot_be_read_any_more_is_told(orders: Orders, autojump_clock: object) -> None:
    async with seat(attrs.evolve(orders, text="[listener]\n")) as place:
        assert b"needs a type" in (await place.until(Kind.FAILED))[-1]
    assert place.status == 1


@pytest.mark.parametrize("kind", [Kind.READY, Kind.SETUP])
async def test_nonsense_of_the_supervisor_is_told_and_ends_it(
    orders: Orders, kind: Kind, autojump_clock: object
) -> None:
    async with seat(orders) as place:
        await place.until(Kind.READY)
        await place.line.send(kind)
        assert b"for a worker to say" in (await place.until(Kind.FAILED))[-1]
    assert place.status == 1


async def test_the_first_message_is_the_setup(autojump_clock: object) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    line = Line(ours)
    await line.send(Kind.STOP)
    assert await work(Line(theirs)) == 1
    assert await anext(line) == (Kind.FAILED, b"the first message is STOP")


async def test_without_a_supervisor_there_is_nothing_to_do() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.aclose()
    assert await work(Line(theirs)) == 0


async def test_it_keeps_to_its_core(orders: Orders, autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: kept.append((pid, cores)))
    async with seat(orders, core=5) as place:
        await place.until(Kind.READY)
        await place.line.send(Kind.STOP)
        async for _ in place.line:
            pass
    assert kept == [(0, {5})]


async def test_it_is_a_process_of_its_own_that_ignores_what_is_the_supervisors(orders: Orders) -> None:
    (packets, runs), syns = socket.socketpair(), socket.socket()
    with packets, syns, runs, trio.fail_after(60):
        descriptors = [one.fileno() for one in (packets, syns, runs)]
        process = Worker(descriptors)
        place = Seat(Line(process.stream))
        setup = Setup(1, None, *descriptors, bytes(32), orders, orders)
        await place.line.send(Kind.SETUP, setup.to_bytes())
        await place.until(Kind.READY)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            os.kill(process.pid, number)
        await place.line.send(Kind.STOP)
        told = [event async for kind, body in place.line if kind is Kind.EVENTS for event in unpack_events(body)]
        assert told[-1].type == "heard"
        assert await process.wait() == 0
        await place.line.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="a clock of Linux")
def test_its_clock_is_the_machines() -> None:
    clock = MachineClock()
    clock.start_clock()
    now = clock.current_time()
    assert clock.current_time() >= now
    assert clock.deadline_to_sleep_time(now + 100) == pytest.approx(100, abs=10)
