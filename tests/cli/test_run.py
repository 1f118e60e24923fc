"""The supervisor: signals, readiness, reload and confirmation, around a honeypot that only waits."""

from __future__ import annotations

import gc
import os
import resource
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trustme
from click.testing import Result

from honeystack.cli import run as running
from honeystack.cli.run import Supervisor
from honeystack.config import Config, load_config
from honeystack.errors import ConfigError, Unavailable

Invoke = Callable[..., Result]


class Pot:
    """Stands for honeypot.run and the Honeypot that it starts."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.reloaded: list[Config] = []
        self.slow = False
        self.ends_by_itself = False
        self.failure: Exception | None = None

    async def run(self, config: Config, *, task_status: trio.TaskStatus[Any]) -> None:
        self.begun += 1
        try:
            if self.slow:
                await trio.sleep_forever()
            if self.failure:
                raise self.failure
            task_status.started(self)
            if not self.ends_by_itself:
                await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
            self.ended += 1

    def reload(self, config: Config) -> None:
        self.reloaded.append(config)


@pytest.fixture
def pot(monkeypatch: pytest.MonkeyPatch) -> Pot:
    pot = Pot()
    monkeypatch.setattr(running, "run", pot.run)
    return pot


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the service manager is told."""
    lines: list[str] = []
    monkeypatch.setattr(running, "notify", lambda message: lines.append(message.partition("\n")[0]))
    monkeypatch.setattr(running, "log_as", lambda config: None)
    monkeypatch.setattr(running, "log", Log())
    return lines


class Log:
    """Keeps the warnings; `notice` is ours and not in structlog's bare loggers."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, str]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda *_, **__: None

    def warning(self, message: str, *, place: str) -> None:
        self.warnings.append((message, place))


@pytest.fixture
def supervisor(config: Path, pot: Pot, told: list[str]) -> Supervisor:
    return Supervisor(load_config(config), lambda: load_config(config))


def append(config: Path, text: str) -> None:
    with config.open("a") as file:
        file.write(text)


async def send(number: int) -> None:
    os.kill(os.getpid(), number)
    await trio.testing.wait_all_tasks_blocked(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_in_order(supervisor: Supervisor, pot: Pot, told: list[str], number: int) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert told == ["READY=1"]
        await send(number)
    assert (pot.begun, pot.ended) == (1, 1)
    assert told == ["READY=1", "STOPPING=1"]


async def test_a_stop_is_no_failure(supervisor: Supervisor) -> None:
    kept = []

    async def supervise() -> None:
        kept.append(await supervisor.run())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervise)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await send(signal.SIGTERM)
    assert kept == [True]


async def test_more_signals_while_it_stops_do_not_kill_it(supervisor: Supervisor, pot: Pot) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.testing.wait_all_tasks_blocked(0.01)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(os.getpid(), number)
    assert pot.ended == 1


async def test_a_start_that_takes_long_can_be_stopped(supervisor: Supervisor, pot: Pot, told: list[str]) -> None:
    pot.slow = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await send(signal.SIGHUP)  # nothing to reload yet
        await send(signal.SIGTERM)
    assert (pot.begun, pot.ended) == (1, 1)
    assert told == ["STOPPING=1"]


async def test_an_end_of_its_own_is_the_end(supervisor: Supervisor, pot: Pot) -> None:
    pot.ends_by_itself = True
    assert await supervisor.run()


async def test_hangup_reads_the_configuration_again(
    supervisor: Supervisor, pot: Pot, told: list[str], config: Path
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.testing.wait_all_tasks_blocked(0.01)
        append(config, '[sensor]\nname = "bee"\n')
        await send(signal.SIGHUP)
        assert [each.sensor for each in pot.reloaded] == ["bee"]
        assert told == ["READY=1", "RELOADING=1", "READY=1"]
        await send(signal.SIGTERM)


@pytest.fixture
def expired(config: Path) -> Path:
    """Adds a certificate that nobody takes any more to the configuration."""
    issued = trustme.CA().issue_cert("a.example", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    issued.private_key_and_cert_chain_pem.write_to_path(str(config.with_name("old.pem")))
    append(config, '[[port]]\nport = "tcp/28018"\ntls_certificate = "old.pem"\ntls_key = "old.pem"\n')
    return config


@pytest.mark.usefixtures("told")
def test_warnings_are_logged_at_the_start(
    invoke: Invoke, expired: Path, pot: Pot, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    monkeypatch.setattr(running, "log", log)
    pot.ends_by_itself = True
    assert invoke("run", "-c", expired).exit_code == 0
    assert log.warnings == [(f"{expired.with_name('old.pem')} expired on 2020-01-01", f"{expired}:19:19")]


async def test_warnings_are_logged_at_a_reload(
    supervisor: Supervisor, told: list[str], expired: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    monkeypatch.setattr(running, "log", log)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert log.warnings == []  # which the command has told
        await send(signal.SIGHUP)
        assert len(log.warnings) == 1
        await send(signal.SIGTERM)


async def test_a_bad_configuration_changes_nothing(
    supervisor: Supervisor, pot: Pot, told: list[str], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.testing.wait_all_tasks_blocked(0.01)
        append(config, "[listener")
        await send(signal.SIGHUP)
        assert pot.reloaded == []
        assert f"{config}:17:10: the file ends too early" in capsys.readouterr().err
        assert told == ["READY=1", "RELOADING=1", "READY=1"]
        assert pot.ended == 0
        await send(signal.SIGTERM)


async def test_unconfirmed_it_is_undone(
    supervisor: Supervisor, pot: Pot, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_in_time(seconds: float, signalled: trio.Event) -> bool:
        assert seconds == 30
        await trio.lowlevel.checkpoint()
        return False

    monkeypatch.setattr(running, "wait_confirmed", not_in_time)
    supervisor.confirm = 30
    assert not await supervisor.run()
    assert pot.ended == 1
    assert told == ["READY=1", "STOPPING=1"]


async def test_a_signal_confirms(supervisor: Supervisor, pot: Pot, monkeypatch: pytest.MonkeyPatch) -> None:
    async def by_signal(seconds: float, signalled: trio.Event) -> bool:
        await signalled.wait()
        return True

    monkeypatch.setattr(running, "wait_confirmed", by_signal)
    supervisor.confirm = 30
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await send(signal.SIGUSR1)
        assert pot.ended == 0
        await send(signal.SIGTERM)


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("failure", "code", "text"),
    [
        (Unavailable("CAP_NET_RAW is missing"), 1, "honeystack: CAP_NET_RAW is missing\n"),
        (ConfigError("no exclusion: allow_no_exclude"), 2, "no exclusion: allow_no_exclude\n"),
    ],
)
def test_what_the_machine_lacks_is_one_sentence(
    invoke: Invoke, config: Path, pot: Pot, failure: Exception, code: int, text: str
) -> None:
    pot.failure = failure
    result = invoke("run", "-c", config)
    assert (result.exit_code, result.stderr) == (code, text)


@pytest.mark.usefixtures("told")
def test_a_fault_is_not_made_pretty(invoke: Invoke, config: Path, pot: Pot) -> None:
    pot.failure = ZeroDivisionError("a bug")
    result = invoke("run", "-c", config)
    assert result.exit_code == 1
    assert isinstance(result.exception, BaseExceptionGroup)


@pytest.mark.usefixtures("told")
def test_an_end_in_order_is_exit_zero(invoke: Invoke, config: Path, pot: Pot) -> None:
    pot.ends_by_itself = True
    assert invoke("run", "-c", config).exit_code == 0


@pytest.mark.usefixtures("told")
def test_all_descriptors_that_it_may_have_are_at_hand(
    invoke: Invoke, config: Path, pot: Pot, monkeypatch: pytest.MonkeyPatch
) -> None:
    pot.ends_by_itself = True
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    invoke("run", "-c", config)
    assert limits == [(4096, 4096)]


def test_a_bad_configuration_is_shown_and_nothing_starts(invoke: Invoke, config: Path, pot: Pot) -> None:
    config.write_text("[listener]\ntype = 'sokcet'\n")
    result = invoke("run")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "config.toml:2:8: there is no listener type 'sokcet'\n"
        "    type = 'sokcet'\n"
        "           ^^^^^^^^\n"
        "    did you mean 'socket'?\n"
    )
    assert pot.begun == 0


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_a_confirmation_needs_time(invoke: Invoke, config: Path, seconds: str) -> None:
    assert invoke("run", "--confirm", seconds).exit_code == 2


def test_while_it_runs_garbage_is_looked_for_rarely(invoke: Invoke, config: Path, pot: Pot) -> None:
    pot.ends_by_itself = True
    seen, before = [], gc.get_threshold()

    async def run(*arguments: Any, **options: Any) -> None:
        seen.append((gc.get_threshold()[0] > before[0], gc.get_freeze_count() > 0))
        await Pot.run(pot, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "run", run)
        invoke("run", "-c", str(config))
    assert seen == [(True, True)]
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
