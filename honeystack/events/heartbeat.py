"""The heartbeat: one event every so many seconds that says the sensor lives and what it has counted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import trio

from honeystack.events.bus import Bus
from honeystack.events.catalogue import EventKind
from honeystack.events.recorder import Recorder

INTERVAL = 30.0  # seconds

HEARTBEAT = EventKind(
    "heartbeat",
    "info",
    "The sensor lives; counters since its start.",
    {
        "sequence": "int: the number of this heartbeat, from 1",
        "uptime": "int: seconds since the honeypot started",
        "frames.*": "int: frames seen, and what became of them",
        "tcp.*": "int: connections and segments",
        "connections": "int: TCP connections open now",
        "workers.*": "int: with several: how many answer, and of each: restarts, connections, and what became of its "
        "events on their way here, which add up too; a second old",
        "events.made": "int: events made",
        "channels.*": "int: per channel: made, written, queued, filtered, and dropped by reason; they add up",
    },
    "debug",
)


async def beat(recorder: Recorder, counters: Callable[[], Mapping[str, object]], *, every: float = INTERVAL) -> None:
    """Record a heartbeat every so many seconds until cancelled. `counters` gives its keys: flat, as in HEARTBEAT."""
    started = trio.current_time()
    for sequence in itertools.count(1):
        await trio.sleep_until(started + sequence * every)
        uptime = round(trio.current_time() - started)
        recorder.record(HEARTBEAT, {"sequence": sequence, "uptime": uptime, **counters()})


def bus_counters(bus: Bus) -> dict[str, int]:
    """The bus's part of a heartbeat: events made, and each channel's counts."""
    found = {"events.made": bus.made}
    for name, counts in bus.statistics().items():
        front = f"channels.{name}"
        found[f"{front}.made"] = counts.made
        found[f"{front}.written"] = counts.written
        found[f"{front}.queued"] = counts.queued
        found[f"{front}.filtered"] = counts.filtered
        found |= {f"{front}.dropped.{reason}": count for reason, count in counts.dropped.items()}
    return found
