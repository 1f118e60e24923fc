"""Keeps a channel running: one that fails is started again, later each time, and its loss is counted and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import structlog
import trio

from honeystack.events.bus import CRASHED, STOPPED, Bus, Subscription
from honeystack.events.catalogue import EventKind
from honeystack.events.recorder import Recorder
from honeystack.events.sensor import Sensor

FIRST_PAUSE = 1.0  # seconds before a failed channel is started again; doubled each time
LONGEST_PAUSE = 60.0
TELL_EVERY = 10.0  # seconds: a flood of drops is one line and one event per channel and reason

CHANNEL_DROP = EventKind(
    "sensor",
    "drop",
    "A channel did not write events. Repeats are told together.",
    {
        "channel": "its name in the config",
        "reason": "queue-full, channel-failed, disk-full, unwritable, …",
        "count": "int: how many since it was last told",
    },
    "warning",
)

log = structlog.get_logger()


class Channel(Protocol):
    """What a channel plugin is to its supervisor."""

    async def run(self, events: Subscription, *, sensor: Sensor) -> None:
        """Write events until the iteration ends."""
        ...


async def run_channel(
    channel: Channel | Any,
    events: Subscription,
    *,
    sensor: Sensor,
    first_pause: float = FIRST_PAUSE,
    longest_pause: float = LONGEST_PAUSE,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run a channel until its subscription ends or it is cancelled.

    It counts as started at once: events queue while its sink is down, and the honeypot does not wait for it.
    What it had in hand when it failed is dropped as "channel-failed"; the queue is kept for its next start.
    """
    task_status.started()
    pause = first_pause
    while True:
        written = events.counts().written
        await _run_once(channel, events, sensor)
        if events.counts().written > written:
            pause = first_pause
        with trio.move_on_after(pause):
            await events.wait_closed()
            return
        pause = min(pause * 2, longest_pause)


async def _run_once(channel: Channel | Any, events: Subscription, sensor: Sensor) -> None:
    reason = STOPPED
    try:
        await channel.run(events, sensor=sensor)
        if not events.closed:
            reason = CRASHED
            log.error("channel ended by itself; it is started again", channel=events.name)
    except* Exception as failure:
        reason = CRASHED
        lost = events.counts().queued - events.waiting
        log.error("channel failed; it is started again", channel=events.name, lost=lost, exc_info=_innermost(failure))
    finally:
        events.abandon(reason)


def _innermost(failure: BaseException) -> BaseException:
    """The one error in nested groups of one, which says more than the groups; else the group."""
    while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
        failure = failure.exceptions[0]
    return failure


async def tell_drops(bus: Bus, recorder: Recorder, *, every: float = TELL_EVERY) -> None:
    """Until cancelled, and then once more, tell on the log and as `sensor/drop` events what channels have dropped."""
    told: dict[str, Mapping[str, int]] = {}
    try:
        while True:
            await trio.sleep(every)
            _tell_drops(bus, recorder, told)
    finally:
        _tell_drops(bus, recorder, told)


def _tell_drops(bus: Bus, recorder: Recorder, told: dict[str, Mapping[str, int]]) -> None:
    for name, counts in bus.statistics().items():
        before = told.get(name, {})
        told[name] = counts.dropped
        for reason, total in counts.dropped.items():
            if count := total - before.get(reason, 0):
                log.warning("events dropped", channel=name, reason=reason, count=count)
                recorder.record(CHANNEL_DROP, {"channel": name, "reason": reason, "count": count})
