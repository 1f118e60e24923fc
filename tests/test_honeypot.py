"""A whole honeypot: it starts, tells, reloads, and stops in order with nothing lost."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog
import trio
import trio.testing

import honeystack
from honeystack import honeypot as honeypots
from honeystack.config import parse_config
from honeystack.config.model import Config, FilterEntry, PortEntry
from honeystack.config.ports import parse_port
from honeystack.errors import ConfigError, Unavailable
from honeystack.events.bus import Subscription
from honeystack.honeypot import Honeypot, _only, run
from honeystack.listeners.socket import Socket
from honeystack.registry import listener
from honeystack.services.echo import Echo
from honeystack.testing import RecordingChannel


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def config(tmp_path: Path, port: int | None = None, **changes: Any) -> Config:
    ports = () if port is None else (PortEntry((parse_port(f"tcp/{port}"),), ("echo",)),)
    made = Config(
        path=None,
        listener=Socket(addresses=("127.0.0.1",)),
        services={"echo": Echo()},
        channels={"kept": RecordingChannel()},
        ports=ports,
        data=tmp_path,
    )
    return attrs.evolve(made, **changes)


def told(channel: RecordingChannel) -> list[str]:
    return [f"{event.category}/{event.type}" for event in channel.events]


async def test_it_starts_serves_and_stops_in_order(tmp_path: Path) -> None:
    port = free_port()
    made = config(tmp_path, port)
    async with trio.open_nursery() as nursery:
        await nursery.start(run, made)
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
        nursery.cancel_scope.cancel()
    await stream.aclose()
    channel = made.channels["kept"]
    assert told(channel) == [
        "sensor/start",
        "tcp/connect",
        "tcp/payload",
        "echo/echoed",
        "tcp/close",
        "sensor/stop",
    ]
    assert channel.events[0].fields == {
        "version": honeystack.__version__,
        "listener": "socket",
        "services": ["echo"],
        "channels": ["kept"],
    }
    assert channel.events[4].fields["tcp.reason"] == "shutdown"


class Slow(RecordingChannel):
    """Takes its time for each event."""

    def __init__(self, pause: float) -> None:
        super().__init__()
        self.pause = pause

    async def run(self, events: Subscription, **_: object) -> None:
        async for event in events:
            await trio.sleep(self.pause)
            self.events.append(event)


async def test_a_slow_channel_gets_its_time_and_no_more(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    channels: Mapping[str, Any] = {"quick": RecordingChannel(), "slow": Slow(0.5), "stuck": Slow(1000)}
    async with trio.open_nursery() as nursery:
        pot: Honeypot = await nursery.start(run, config(tmp_path, channels=channels))
        nursery.cancel_scope.cancel()
    assert told(channels["quick"]) == ["sensor/start", "sensor/stop"]
    assert told(channels["slow"]) == ["sensor/start", "sensor/stop"]
    assert trio.current_time() < 5
    assert all(counts.adds_up for counts in pot.bus.statistics().values())
    assert sum(pot.bus.statistics()["stuck"].dropped.values()) == 2


async def test_heartbeats_come_and_tell_counters(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    made = config(tmp_path, heartbeat=30.0)
    async with trio.open_nursery() as nursery:
        await nursery.start(run, made)
        await trio.sleep(65)
        nursery.cancel_scope.cancel()
    beats = made.channels["kept"].of("heartbeat")
    assert [event.fields["sequence"] for event in beats] == [1, 2]
    assert beats[0].fields["connections"] == 0
    assert beats[0].fields["channels.kept.made"] == 1


async def test_heartbeats_can_be_switched_off(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    made = config(tmp_path, heartbeat=0)
    async with trio.open_nursery() as nursery:
        await nursery.start(run, made)
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert not made.channels["kept"].of("heartbeat")


class Reopening(RecordingChannel):
    reopened = 0

    def reopen(self) -> None:
        self.reopened += 1


async def test_a_reload_changes_services_filters_and_channels(tmp_path: Path) -> None:
    stays, goes, comes = Reopening(), RecordingChannel(), RecordingChannel()
    first = config(tmp_path, channels={"stays": stays, "goes": goes})
    second = attrs.evolve(
        first,
        channels={"stays": stays, "comes": comes},
        filters=(FilterEntry(channels=("stays",), categories=("^none$",)),),
        ports=(PortEntry((parse_port("tcp/1234"),), ("echo",)),),
        listener=Socket(addresses=("127.0.0.2",)),
    )
    async with trio.open_nursery() as nursery:
        pot: Honeypot = await nursery.start(run, first)
        await goes.wait_for("sensor")
        with structlog.testing.capture_logs() as logs:
            pot.reload(second)
        await comes.wait_for("sensor", "reload")
        assert pot.router.planned_ports("tcp") == ((None, 1234),)
        assert pot.config.listener == first.listener
        nursery.cancel_scope.cancel()
    assert any("need a restart" in entry["event"] for entry in logs)
    assert stays.reopened == 1
    assert told(stays) == ["sensor/start"]
    assert told(goes) == ["sensor/start"]
    assert told(comes) == ["sensor/reload", "sensor/stop"]


async def test_a_channel_that_has_changed_is_begun_anew(tmp_path: Path) -> None:
    old, new = RecordingChannel(), RecordingChannel()
    async with trio.open_nursery() as nursery:
        pot: Honeypot = await nursery.start(run, config(tmp_path, channels={"one": old}))
        await old.wait_for("sensor")
        pot.reload(config(tmp_path, channels={"one": new}))
        await new.wait_for("sensor", "reload")
        nursery.cancel_scope.cancel()
    assert told(new) == ["sensor/reload", "sensor/stop"]


@listener("unable")
@attrs.frozen
class Unable:
    async def run(self, reception: object, **_: object) -> None:
        raise Unavailable("there is no such interface")


async def test_what_hinders_the_start_is_one_plain_error(tmp_path: Path) -> None:
    made = config(tmp_path, listener=Unable())
    with pytest.raises(Unavailable, match="no such interface"):
        await run(made)
    assert told(made.channels["kept"]) == []  # it never started, so it never stopped


def test_other_errors_stay_in_their_groups() -> None:
    one, two = ConfigError("x"), ValueError("y")
    assert _only(ExceptionGroup("", [ExceptionGroup("", [one])])) is one
    assert isinstance(_only(ExceptionGroup("", [two])), ExceptionGroup)
    assert isinstance(_only(ExceptionGroup("", [one, two])), ExceptionGroup)


async def test_a_file_can_be_named_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    path = tmp_path / "config.toml"
    path.write_text('[listener]\ntype = "socket"\naddresses = ["127.0.0.1"]\n')
    async with trio.open_nursery() as nursery:
        pot: Honeypot = await nursery.start(partial(run, str(path)))
        assert pot.config.path == path
        nursery.cancel_scope.cancel()


SHARED = '[listener]\ntype = "netstack"\ninterface = "eth0"\nexclude_ports = ["tcp/22"]\nworkers = 2\n'


class FakeCrew:
    """A crew that is there."""

    def __init__(self, config: Config, bus: Any) -> None:
        self.config, self.reloaded = config, []  # type: tuple[Config, list[Config]]

    async def run(self, reception: Any, *, task_status: trio.TaskStatus[None]) -> None:
        reception.watch(lambda: {"workers.answering": 2})
        task_status.started()
        await trio.sleep_forever()

    def reload(self, config: Config) -> None:
        if config.source is None:
            raise ConfigError("no text")
        self.reloaded.append(config)


async def test_several_workers_are_a_crew_that_is_told_of_reloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(honeypots, "Crew", FakeCrew)
    shared = parse_config(SHARED, data=tmp_path)
    pot = Honeypot(shared)
    crew: Any = pot._crew
    async with trio.open_nursery() as nursery:
        await nursery.start(pot.run)
        assert pot.counters()["workers.answering"] == 2
        changed = parse_config(SHARED + '[service.e]\ntype = "echo"\n', data=tmp_path)
        pot.reload(changed)
        assert crew.reloaded == [changed]
        with pytest.raises(ConfigError):
            pot.reload(attrs.evolve(shared, source=None))
        assert pot.config == changed  # nothing has changed
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("text", [SHARED.replace("2\n", "1\n"), '[listener]\ntype = "socket"\n'])
def test_one_worker_is_this_process(tmp_path: Path, text: str) -> None:
    config = parse_config(text, data=tmp_path)
    pot = Honeypot(config)
    assert pot._crew is None
    assert pot._listen == config.listener.run


def test_a_worker_of_a_crew_has_none_itself(tmp_path: Path) -> None:
    async def listen(*_: object, **__: object) -> None:
        raise AssertionError

    pot = Honeypot(parse_config(SHARED, data=tmp_path), listen=listen)
    assert pot._crew is None
    assert pot._listen is listen
