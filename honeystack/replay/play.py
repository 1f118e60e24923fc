"""The replay itself: what `honeypot` is for a network, for a capture; the same stack and the same pipeline.

Time is the capture's. It stands while tasks run, so that everything happens in the microsecond in which it was
recorded, or for which it was planned; and all that is chance has one seed. So a capture makes the same events twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from honeystack.channels.console import Console
from honeystack.config.model import Config, PortEntry
from honeystack.errors import CaptureError, HoneystackError
from honeystack.events.bus import Bus, Subscription
from honeystack.events.filters import EventFilter, filter_for
from honeystack.events.ids import IdFactory
from honeystack.events.recorder import Recorder
from honeystack.events.sensor import Sensor
from honeystack.listeners.netstack import serve
from honeystack.net.address import AddressSet
from honeystack.net.attachment import Attachment, AttachmentSettings
from honeystack.net.settings import StackSettings
from honeystack.net.stack import Stack
from honeystack.replay.captures import Remarks, read_captures
from honeystack.replay.clock import VirtualClock, fixed_order
from honeystack.replay.hearer import HearingRouter
from honeystack.replay.link import ReplayLink
from honeystack.replay.sides import Side, find_side

SEED = 20_010_911  # any number, and always the same
TOKEN = "replay"  # in each event, where a sensor has its own: whose it would have been, nobody knows
AFTERWARDS = 300.0  # seconds that the honeypot goes on after the last frame, so that what waits for silence is told
DAY = 86_400  # seconds
BACKLOG = 20_000  # events that may wait for a channel before the next frame waits for it
CAPACITY, MEMORY = 4_000_000, 4 * 1024**3  # of a channel's queue: what one frame and the end make does not get lost
PATIENCE = 200  # looks, a millisecond each, at a channel that does not write


@attrs.frozen
class Outcome:
    """What a replay came to."""

    side: Side
    frames: int
    inbound: int
    seconds: float  # from the first frame to the last
    events: int
    remarks: Remarks
    in_tls: int  # conversations that went on in TLS
    after_reset: int  # segments that came after we had reset their connection
    astray: int  # packets to our addresses and another MAC address, which the stack does not take
    forgotten: int  # conversations that were too many to be followed at once
    lost: Mapping[str, Mapping[str, int]]  # events that a channel has dropped, by its name and the reason
    damage: CaptureError | None = None  # where the files could not be read to their end

    @property
    def complete(self) -> bool:
        """Whether everything that is in the files has gone into events, and they out."""
        return self.damage is None and not self.remarks.cut and not any(self.lost.values())


def replay(paths: Sequence[Path], config: Config | None = None, *, addresses: AddressSet | None = None) -> Outcome:
    """Replay files in their order; `addresses` are answered for, else those of the config, else as `find_side` finds.

    Without a config every port is in sensor mode, and events go to standard output as JSON lines. Raises CaptureError
    where nothing can be replayed, and HoneystackError where a channel fails.
    """
    play = _Play(paths, config, addresses)
    try:
        with fixed_order():
            return trio.run(play.run, clock=play.clock)
    except BaseExceptionGroup as group:
        raise _only(group) from None


def unserved(config: Config) -> list[str]:
    """The services that a replay leaves out: they would pass on to other hosts what was said long ago."""
    return [name for name, service in config.services.items() if hasattr(service, "director")]


class _Play:
    """One replay."""

    def __init__(self, paths: Sequence[Path], config: Config | None, addresses: AddressSet | None) -> None:
        self._paths = paths
        self._config = config or Config(None, None, channels={"stdout": Console(style="json")})
        listener: Any = self._config.listener
        self._settings: AttachmentSettings = getattr(listener, "attachment", None) or AttachmentSettings("")
        wanted = addresses or AddressSet(self._settings.addresses)
        self._side = find_side(read_captures(paths, Remarks()), wanted)
        self.clock = VirtualClock()
        self._bus = Bus()
        chance = random.Random(SEED)
        recorder = Recorder(self._bus, clock=self._date, new_id=IdFactory(clock=self._date, rng=chance))
        self._router = self._routed(recorder)
        self._link = ReplayLink(self._side)
        self._subscriptions: list[Subscription] = []

    async def run(self) -> Outcome:
        async with trio.open_nursery() as channels:
            for name, channel in self._config.channels.items():
                self._start(name, channel, channels)
            remarks, frames, damage = Remarks(), 0, None
            async with trio.open_nursery() as honeypot:
                await honeypot.start(self._serve)
                try:
                    for recorded in read_captures(self._paths, remarks):
                        await self.clock.pass_until((recorded.at - self._side.began) / 1e9)
                        self._link.arrive(recorded)
                        frames += 1
                        await self._wait_for_channels(BACKLOG, PATIENCE)
                except CaptureError as error:
                    damage = error
                seconds = self.clock.now
                await self.clock.pass_until(seconds + AFTERWARDS)
                honeypot.cancel_scope.cancel()
            await self._wait_written()
            lost = {name: dict(counts.dropped) for name, counts in self._bus.statistics().items()}
            for subscription in self._subscriptions:
                subscription.close()
        return Outcome(
            self._side,
            frames,
            self._link.inbound,
            seconds,
            self._bus.made,
            remarks,
            self._router.hearer.heard,
            self._link.counterparts.left_out,
            self._link.astray,
            self._link.counterparts.forgotten,
            lost,
            damage,
        )

    def _date(self) -> float:
        """The capture's time; whole nanoseconds are added, so that its microseconds stay what they are."""
        return (self._side.began + round(self.clock.now * 1e9)) / 1e9

    def _routed(self, recorder: Recorder) -> HearingRouter:
        config = self._config
        left_out = set(unserved(config))
        ports = [_without(entry, left_out) for entry in config.ports]
        return HearingRouter(
            ports,
            {name: service for name, service in config.services.items() if name not in left_out},
            recorder=recorder,
            capture=config.capture,
            first_wait=config.first_wait,
            limits=self._settings.limits,
            rng=random.Random(SEED),
        )

    async def _serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        settings, side, rng = self._settings, self._side, random.Random(SEED)
        stack = Stack(
            StackSettings(
                mac=side.mac,
                addresses=side.addresses,
                mtu=self._link.mtu,
                exclusions=settings.exclusions,
                sniffer=settings.sniffer,
                persona=settings.persona,
                limits=settings.limits,
                vlan=settings.vlan,
                midnight=-(side.began / 1e9 % DAY),
                secret=SEED.to_bytes(32, "big"),
            ),
            rng=rng,
        )
        attachment = Attachment(stack, self._link)
        await serve(attachment, self._router, limits=settings.limits, rng=rng, task_status=task_status)

    # channels

    def _start(self, name: str, channel: Any, nursery: trio.Nursery) -> None:
        filters = [EventFilter(**attrs.asdict(entry)) for entry in self._config.filters]
        takes = filter_for(name, filters)
        subscription = self._bus.subscribe(name, takes, capacity=CAPACITY, memory=MEMORY)
        self._subscriptions.append(subscription)
        nursery.start_soon(self._write, name, channel, subscription)

    async def _write(self, name: str, channel: Any, events: Subscription) -> None:
        try:
            await channel.run(events, sensor=Sensor(self._config.sensor, TOKEN))
        except Exception as error:
            raise HoneystackError(f"the channel {name} failed: {error}") from error

    async def _wait_for_channels(self, backlog: int, patience: int) -> bool:
        """Wait, while time stands, until no more than so many events wait; False where a channel does not move."""
        left = patience
        before = self._queued()
        while (queued := self._queued()) > backlog and left:
            left = patience if queued < before else left - 1
            before = queued
            await trio.to_thread.run_sync(time.sleep, 0.001)
        return bool(left)

    async def _wait_written(self) -> None:
        """Until all is written. Who gathers events for a while needs time to pass; nothing else depends on it now."""
        while self._queued():
            await self._wait_for_channels(0, 5)
            await self.clock.pass_until(self.clock.now + 1.0)

    def _queued(self) -> int:
        return max((counts.queued for counts in self._bus.statistics().values()), default=0)


def _without(entry: PortEntry, services: set[str]) -> PortEntry:
    return attrs.evolve(entry, services=tuple(name for name in entry.services if name not in services))


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error for the operator that nested groups hold, if that is all they hold; else the group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, HoneystackError) else group
