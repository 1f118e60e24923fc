"""A crew: all its workers answer before it says so, and all have ended when it ends; their counters are one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from honeystack.config.loader import parse_config
from honeystack.config.model import Config
from honeystack.errors import ConfigError, Unavailable
from honeystack.events.bus import Bus
from honeystack.events.catalogue import EventKind, undeclared
from honeystack.events.encode_marshal import pack_events
from honeystack.events.event import Event
from honeystack.events.recorder import Recorder
from honeystack.net.attachment import Taps
from honeystack.net.fence import Fence
from honeystack.net.notices import AddressConflict
from honeystack.net.ring import Tap
from honeystack.workers import crew as crews
from honeystack.workers.crew import STOP_SECONDS, Crew
from honeystack.workers.messages import Kind
from honeystack.workers.setup import Orders, Setup
from tests.workers.processes import FakeProcess

KIND = EventKind("tcp", "close", "A connection ends.")
TEXT = '[listener]\ntype = "netstack"\ninterface = "eth0"\nexclude_ports = ["tcp/22"]\nworkers = 3\nspread = "flows"\n'


class Descriptor:
    """Stands for a socket."""

    def __init__(self, number: int) -> None:
        self.number = number

    def fileno(self) -> int:
        return self.number


class Office:
    """A Reception that keeps what it is given."""

    def __init__(self, bus: Bus) -> None:
        numbers = iter(range(1_000_000))
        self.recorder = Recorder(bus, clock=lambda: 0.0, new_id=lambda: str(next(numbers)))
        self.counters: Any = None

    def watch(self, counters: Any) -> None:
        self.counters = counters


class House:
    """A crew whose processes are tasks, and a taker of all its events."""

    def __init__(self, config: Config) -> None:
        self.bus = Bus()
        self.office = Office(self.bus)
        self.crew = Crew(config, self.bus)
        self.processes: dict[int, FakeProcess] = {}  # by number; the latest
        self.setups: list[Setup] = []
        self.hang = False
        self.events: list[Event] = []
        self.taken = self.bus.subscribe("test", lambda event: self.events.append(event) or False)  # type: ignore[func-returns-value]

    def launch(self, descriptors: Sequence[int]) -> FakeProcess:
        process = self.processes[descriptors[0] - 9] = FakeProcess(hangs=self.hang)
        return process

    async def answer(self) -> None:
        """Every process reads its set-up and answers; then it ends when it is asked to, with a last event."""
        async with trio.open_nursery() as nursery:
            for process in self.processes.values():
                nursery.start_soon(self.be, process)

    async def be(self, process: FakeProcess) -> None:
        with contextlib.suppress(trio.ClosedResourceError):  # the test has ended the process
            await self._be(process)

    async def _be(self, process: FakeProcess) -> None:
        async for kind, body in process.line:
            if kind is Kind.SETUP:
                self.setups.append(Setup.from_bytes(body))
                await process.line.send(Kind.READY)
            elif kind is Kind.STOP and not self.hang:
                await process.line.send(Kind.EVENTS, pack_events([Event("last", 0.0, KIND, {})]))
                await process.end()
                return


CONFLICTS = [AddressConflict(bytes([192, 0, 2, 7]), b"\x02\0\0\0\0\x99", withdrawn=True)]


@pytest.fixture
def attached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was attached, how, and that it is taken down."""
    told: list[str] = []

    @contextlib.asynccontextmanager
    async def attach_many(settings: Any, count: int, *, spread: str, seed: int) -> AsyncIterator[Taps]:
        told.append(f"{settings.interface} {count} {spread}")
        try:
            taps = [Tap(*(Descriptor(ten + n) for ten in (10, 20, 30))) for n in range(count)]  # type: ignore[arg-type]
            yield Taps(taps, Fence(), CONFLICTS)
        finally:
            told.append("down")

    monkeypatch.setattr(crews, "attach_many", attach_many)
    return told


def read(tmp_path: Path, text: str = TEXT) -> Config:
    return parse_config(text, path=tmp_path / "config.toml", data=tmp_path)


@pytest.fixture
def house(tmp_path: Path, attached: list[str], monkeypatch: pytest.MonkeyPatch) -> House:
    place = House(read(tmp_path))
    monkeypatch.setattr(place.crew, "launch", place.launch)
    return place


@contextlib.asynccontextmanager
async def running(place: House) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery, trio.open_nursery() as players:
        nursery.start_soon(_answer_soon, place, players)
        await players.start(place.crew.run, place.office)
        yield
        players.cancel_scope.cancel()


async def _answer_soon(place: House, players: trio.Nursery) -> None:
    await trio.testing.wait_all_tasks_blocked()
    await place.answer()


async def test_all_answer_before_it_says_so_and_are_told_the_same(
    house: House, attached: list[str], autojump_clock: object
) -> None:
    async with running(house):
        house.setups.sort(key=lambda setup: setup.number)
        assert [setup.number for setup in house.setups] == [1, 2, 3]
        assert [(setup.packets, setup.syns, setup.runs) for setup in house.setups] == [
            (10, 20, 30),
            (11, 21, 31),
            (12, 22, 32),
        ]
        assert len({setup.secret for setup in house.setups}) == 1
        assert len(house.setups[0].secret) == 32
        assert {setup.core for setup in house.setups} == {None}
        assert house.office.counters()["workers.answering"] == 3
        assert {setup.withheld for setup in house.setups} == {("192.0.2.7",)}
        assert attached == ["eth0 3 flows"]
    assert attached == ["eth0 3 flows", "down"]


async def test_the_last_events_of_all_come_before_its_end(house: House, autojump_clock: object) -> None:
    async with running(house):
        (conflict,) = house.events
        assert conflict.fields["conflict.address"] == "192.0.2.7"
    assert [event.id for event in house.events[1:]] == ["last"] * 3


async def test_counters_are_sums_with_a_part_for_each(house: House, autojump_clock: object) -> None:
    async with running(house):
        for number, process in house.processes.items():
            told = {"connections": number + 4, "frames.in": 10, "events.made": 2, "channels.supervisor.written": 2}
            await process.line.send(Kind.COUNTERS, json.dumps(told).encode())
        await trio.testing.wait_all_tasks_blocked()
        counters = house.office.counters()
    assert counters["connections"] == 18
    assert counters["frames.in"] == 30
    assert counters["workers.2.connections"] == 6
    assert counters["workers.3.events.made"] == counters["workers.3.events.written"] == 2
    assert counters["workers.1.restarts"] == 0
    assert not [name for name in counters if name.startswith("events.")]


async def test_a_death_is_told_as_an_event_and_so_is_the_return(house: House, autojump_clock: object) -> None:
    async with running(house):
        await house.processes[2].line.send(Kind.COUNTERS, b'{"connections": 7}')
        await trio.testing.wait_all_tasks_blocked()
        await house.processes[2].end(-9)
        await trio.sleep(5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.be, house.processes[2])
            await trio.testing.wait_all_tasks_blocked()
            _, died, back = house.events
            assert house.office.counters()["workers.2.restarts"] == 1
            nursery.cancel_scope.cancel()
    assert died.fields == {
        "worker.number": 2,
        "worker.state": "ended",
        "worker.status": "SIGKILL",
        "worker.connections": 7,
        "worker.pause-ms": 1000,
    }
    assert back.fields == {"worker.number": 2, "worker.state": "started"}
    assert not undeclared(died)
    assert [setup.number for setup in house.setups].count(2) == 2
    assert len({setup.secret for setup in house.setups}) == 1


async def test_workers_that_do_not_end_are_killed(house: House, autojump_clock: trio.testing.MockClock) -> None:
    house.hang = True
    async with running(house):
        began = trio.current_time()
    assert STOP_SECONDS <= trio.current_time() - began < STOP_SECONDS + 2
    assert all(process.killed for process in house.processes.values())


async def test_one_that_does_not_start_is_an_error_and_ends_the_others(
    house: House, attached: list[str], autojump_clock: object
) -> None:
    async def refuse() -> None:
        await trio.testing.wait_all_tasks_blocked()
        await house.processes[2].line.send(Kind.FAILED, b"no memory")
        await house.processes[2].end(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(refuse)
        with pytest.raises(BaseExceptionGroup) as raised:
            await house.crew.run(house.office)  # type: ignore[arg-type]
    assert raised.group_contains(Unavailable, match="worker 2 did not start: no memory", depth=None)
    assert all(process.ended.is_set() for process in house.processes.values())
    assert attached == ["eth0 3 flows", "down"]


async def test_a_reload_reaches_every_worker(house: House, tmp_path: Path, autojump_clock: object) -> None:
    changed = read(tmp_path, TEXT + "[service.e]\ntype = 'echo'\n")
    heard: list[Orders] = []

    async def listen(process: FakeProcess) -> None:
        async for kind, body in process.line:
            if kind is Kind.SETUP:
                await process.line.send(Kind.READY)
            elif kind is Kind.RELOAD:
                heard.append(Orders.from_bytes(body))
            else:
                await process.end()
                return

    async with trio.open_nursery() as nursery, trio.open_nursery() as players:
        house.answer = lambda: _each(list(house.processes.values()), listen)  # type: ignore[method-assign]
        nursery.start_soon(_answer_soon, house, players)
        await players.start(house.crew.run, house.office)
        house.crew.reload(changed)
        await trio.testing.wait_all_tasks_blocked()
        assert [orders.load() for orders in heard] == [changed] * 3
        players.cancel_scope.cancel()


async def _each(processes: list[FakeProcess], do: Any) -> None:
    async with trio.open_nursery() as nursery:
        for process in processes:
            nursery.start_soon(do, process)


async def test_a_configuration_of_a_program_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    config = read(tmp_path)
    crew = Crew(config, Bus())
    made = attrs.evolve(config, source=None)
    with pytest.raises(ConfigError):
        crew.reload(made)
    with pytest.raises(ConfigError):
        Crew(made, Bus())
    crew.reload(config)  # before it runs, too
