"""The honeypot: a configuration, brought to life and to an orderly end.

Start: channels, then the listener. Stop: the listener first, so that every connection's last event exists; then
`sensor/stop`; then the channels write what is queued, within a bound; then they end.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import structlog
import trio

import honeystack
from honeystack.config.loader import load_config
from honeystack.config.model import Config, FilterEntry
from honeystack.config.token import sensor_secret, sensor_token
from honeystack.errors import HoneystackError
from honeystack.events.bus import Bus, Subscription
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Event
from honeystack.events.filters import EventFilter, filter_for
from honeystack.events.heartbeat import beat, bus_counters
from honeystack.events.ids import IdFactory
from honeystack.events.recorder import Recorder
from honeystack.events.sensor import Sensor
from honeystack.events.supervisor import run_channel, tell_drops
from honeystack.net.limits import Limits
from honeystack.registry import plugin_name
from honeystack.router import Router
from honeystack.tls.authority import Authority
from honeystack.tls.certificates import AutoCertificate
from honeystack.transcript import Transcripts
from honeystack.workers.crew import Crew

DRAIN_SECONDS = 3.0  # for channels to write what is queued at the end; the whole stop has to be over in 5
FINISH_SECONDS = 1.0  # for channels to close what they write to

_ABOUT = {
    "version": "of honeystack",
    "listener": "its type",
    "services": "list: names from the config",
    "channels": "list: names from the config",
}
START = EventKind("sensor", "start", "The honeypot answers from now on.", _ABOUT, "notice")
RELOAD = EventKind("sensor", "reload", "A new configuration is in force.", _ABOUT, "notice")
STOP = EventKind("sensor", "stop", "The honeypot has ended all conversations and stops.", _ABOUT, "notice")

Listen = Callable[..., Awaitable[None]]  # the `run` of a listener

log = structlog.get_logger()


async def run(
    config: Config | Path | str, *, task_status: trio.TaskStatus[Honeypot] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run a honeypot until cancelled; started, with the Honeypot, once it answers.

    Raises ConfigErrors for a file that cannot be used, and Unavailable where the machine lacks something. What the
    config says of `[[logging]]` concerns the whole process and is left to the program that calls.
    """
    loaded = config if isinstance(config, Config) else load_config(Path(config))
    try:
        await Honeypot(loaded).run(task_status=task_status)
    except BaseExceptionGroup as group:
        raise _only(group) from None


class Honeypot:
    """One running configuration. Inputs: `run`, `reload`. Outputs: events, through the channels."""

    def __init__(self, config: Config, *, rng: random.Random | None = None, listen: Listen | None = None) -> None:
        """`listen` stands in for the `run` of the configuration's listener."""
        self.config = config
        self.bus = Bus()
        clock = time.time
        self.recorder = Recorder(self.bus, clock=clock, new_id=IdFactory(clock=clock, rng=random.Random()))
        secret = sensor_secret(config.data.expanduser())
        limits = getattr(config.listener, "limits", None) or Limits()
        folder, rate = config.data.expanduser() / "tls", limits.certificates_per_second
        self._authority = Authority(folder, secret=secret, clock=clock, per_second=rate)
        self._prepare(config)
        self.router = Router(
            config.ports,
            config.services,
            recorder=self.recorder,
            capture=config.capture,
            first_wait=config.first_wait,
            appearance=config.appearance,
            secret=secret,
            authority=self._authority,
            transcripts=_transcripts(config),
            limits=limits,
            rng=rng or random.Random(secrets.randbits(128)),
        )
        self._sensor = Sensor(config.sensor, sensor_token(config.data.expanduser()))
        self._crew = Crew(config, self.bus) if listen is None and _is_shared(config) else None
        self._listen = listen or (config.listener.run if self._crew is None else self._crew.run)
        self._channels: dict[str, _Running] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[Honeypot] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled, then stop in order; once."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for name, channel in self.config.channels.items():
                self._start_channel(name, channel)
            try:
                await self._serve(task_status)
            finally:
                with trio.CancelScope(shield=True):
                    await self._stop_channels()

    def reload(self, config: Config) -> None:
        """Put a new configuration in force: ports, services, channels and filters. Conversations under way go on.

        The listener stays as it is: other settings of it need a restart, which is logged.
        """
        if config.listener != self.config.listener:
            log.warning("the listener's settings have changed: they need a restart")
            config = attrs.evolve(config, listener=self.config.listener)
        if self._crew is not None:
            self._crew.reload(config)
        self._prepare(config)
        if config.transcripts != self.config.transcripts:
            self.router.transcripts = _transcripts(config)
        self.router.replace(
            config.ports,
            config.services,
            capture=config.capture,
            first_wait=config.first_wait,
            appearance=config.appearance,
        )
        for name in self._channels.keys() - config.channels.keys():
            self._end_channel(name)
        for name, channel in config.channels.items():
            self._reload_channel(name, channel, config.filters)
        self.config = config
        self.recorder.record(RELOAD, self._about())

    def _prepare(self, config: Config) -> None:
        """Make the authority before a client waits for it, where a port wants one."""
        if any(isinstance(entry.certificate, AutoCertificate) for entry in config.ports):
            self._authority.prepare()

    def counters(self) -> dict[str, object]:
        """What a heartbeat tells: the listener's counters and the bus's."""
        return {**self.router.counters(), **bus_counters(self.bus)}

    async def _serve(self, task_status: trio.TaskStatus[Honeypot]) -> None:
        started = False
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._listen, self.router)
                started = True
                self.recorder.record(START, self._about())
                nursery.start_soon(tell_drops, self.bus, self.recorder)
                if self.config.heartbeat:
                    nursery.start_soon(partial(beat, self.recorder, self.counters, every=self.config.heartbeat))
                task_status.started(self)
        finally:
            if started:
                self.recorder.record(STOP, self._about())

    def _about(self) -> Mapping[str, object]:
        return {
            "version": honeystack.__version__,
            "listener": plugin_name(type(self.config.listener)),
            "services": list(self.config.services),
            "channels": list(self.config.channels),
        }

    # channels

    def _start_channel(self, name: str, channel: Any) -> None:
        assert self._nursery is not None
        gate = _Gate(name, self.config.filters)
        running = self._channels[name] = _Running(channel, gate, self.bus.subscribe(name, gate.takes))
        self._nursery.start_soon(running.run, self._sensor)

    def _reload_channel(self, name: str, channel: Any, filters: Sequence[FilterEntry]) -> None:
        running = self._channels.get(name)
        if running is not None and running.channel != channel:
            self._end_channel(name)
            running = None
        if running is None:
            self._start_channel(name, channel)
            running = self._channels[name]
        elif hasattr(running.channel, "reopen"):
            running.channel.reopen()
        running.gate.set(filters)

    def _end_channel(self, name: str) -> None:
        """What it has queued is dropped, and counted as such."""
        del self._channels[name]
        self.bus.unsubscribe(name)

    async def _stop_channels(self) -> None:
        if not await self.bus.drain(DRAIN_SECONDS):
            log.warning("channels did not write all events in time", seconds=DRAIN_SECONDS, **bus_counters(self.bus))
        for running in self._channels.values():
            running.scope.deadline = trio.current_time() + FINISH_SECONDS


def _is_shared(config: Config) -> bool:
    """Whether the listener is to run in several processes."""
    return len(getattr(config.listener, "cores", ())) > 1


def _transcripts(config: Config) -> Transcripts | None:
    folder = config.data.expanduser() / "captures"
    return None if config.transcripts is None else Transcripts(folder, config.transcripts, clock=time.time)


class _Gate:
    """A channel's filter, which a reload may change."""

    def __init__(self, name: str, filters: Sequence[FilterEntry]) -> None:
        self._name = name
        self.set(filters)

    def set(self, filters: Sequence[FilterEntry]) -> None:
        self._filter = filter_for(self._name, [EventFilter(**attrs.asdict(entry)) for entry in filters])

    def takes(self, event: Event) -> bool:
        return self._filter is None or self._filter(event)


class _Running:
    """A channel under way. Cancelling the honeypot does not reach it: it ends last, so that nothing is lost."""

    def __init__(self, channel: Any, gate: _Gate, events: Subscription) -> None:
        self.channel = channel
        self.gate = gate
        self.events = events
        self.scope = trio.CancelScope(shield=True)

    async def run(self, sensor: Sensor) -> None:
        with self.scope:
            await run_channel(self.channel, self.events, sensor=sensor)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error for the operator that nested groups hold, if that is all they hold; else the group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, HoneystackError) else group
