"""`honeystack run`: the honeypot in the foreground, under the signals of its operator and its service manager."""

from __future__ import annotations

import functools
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import attrs
import click
import structlog
import trio

from honeystack.cli.confirm import wait_confirmed
from honeystack.cli.main import FAILED
from honeystack.cli.notify import READY, STOPPING, notify, reloading
from honeystack.cli.options import config_option, data_option, set_option
from honeystack.config import Config, find_config, load_config
from honeystack.errors import HoneystackError
from honeystack.honeypot import Honeypot, run
from honeystack.process import log_as, raise_descriptor_limit, rare_collections
from honeystack.registry import plugin_name

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)

log = structlog.get_logger("honeystack")


@click.command("run")
@config_option
@data_option
@set_option
@click.option(
    "--confirm",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop and undo everything unless Enter is pressed, or SIGUSR1 comes, within this time.",
)
@click.pass_context
def command(
    ctx: click.Context, path: Path | None, data: Path | None, overrides: tuple[str, ...], confirm: float | None
) -> None:
    """Run the honeypot.

    SIGTERM and SIGINT stop it in order: every connection is closed and told, and the kernel's rules are removed.
    SIGHUP reads the configuration again and reopens files.
    """
    load = functools.partial(load_config, find_config(path), overrides=overrides, data=data, machine=True)
    config = load()
    log_as(config)
    log_warnings(config)
    raise_descriptor_limit()
    try:
        with rare_collections():
            kept = trio.run(Supervisor(config, load, confirm).run)
    except BaseExceptionGroup as group:
        raise _sentence_of(group) from None
    ctx.exit(0 if kept else FAILED)


@attrs.define(eq=False)
class Supervisor:
    """Runs one honeypot and obeys signals. Inputs: signals, the operator's confirmation. Output: kept or undone."""

    config: Config
    load: Callable[[], Config]
    confirm: float | None = None
    _honeypot: Honeypot | None = None
    _confirmed: trio.Event = attrs.field(factory=trio.Event)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _kept: bool = True

    async def run(self) -> bool:
        """Until a signal ends it; False if the operator did not confirm in time."""
        with trio.open_signal_receiver(*SIGNALS) as signals:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._obey, signals)  # from the start on, so that a slow start can be stopped
                    self._honeypot = await nursery.start(self._hold)
                    self._tell_ready()
                    if self.confirm is not None:
                        nursery.start_soon(self._await_confirmation, self.confirm)
            await _forget(signals)
        return self._kept

    def _tell_ready(self) -> None:
        log.notice("ready", listener=plugin_name(type(self.config.listener)), config=str(self.config.path))
        notify(READY)

    async def _hold(self, *, task_status: trio.TaskStatus[Honeypot]) -> None:
        await run(self.config, task_status=task_status)
        self._scope.cancel()

    async def _obey(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number == signal.SIGUSR1:
                self._confirmed.set()
            elif number == signal.SIGHUP:
                self._reload()
            else:
                log.notice("stopping", signal=signal.Signals(number).name)
                self._stop()

    def _stop(self) -> None:
        notify(STOPPING)
        self._scope.cancel()

    def _reload(self) -> None:
        """A configuration that cannot be used changes nothing."""
        if self._honeypot is None:
            return
        notify(reloading())
        try:
            config = self.load()
            log_as(config)
            log_warnings(config)
            self._honeypot.reload(config)
            log.notice("reloaded", config=str(config.path))
        except HoneystackError as error:
            log.error("not reloaded: the configuration cannot be used, so the old one stays")
            click.echo(str(error), err=True)
        finally:
            notify(READY)

    async def _await_confirmation(self, seconds: float) -> None:
        if await wait_confirmed(seconds, self._confirmed):
            log.notice("confirmed: the honeypot keeps running")
            return
        log.error("not confirmed in time: everything is undone")
        self._kept = False
        self._stop()


def log_warnings(config: Config) -> None:
    """Say what will not do what is expected of it, as `check` does."""
    for note in config.notes:
        if note.severity == "warning":
            log.warning(note.message, place=f"{note.file}:{note.line}:{note.column}")


async def _forget(signals: AsyncIterator[int]) -> None:
    """Take the signals that came while it stopped: Trio would raise them again, and we would die of one."""
    with trio.move_on_after(0.01):
        async for _ in signals:
            pass


def _sentence_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error for the operator that nested groups hold, if that is all they hold; else the group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, HoneystackError) else group
