"""What a worker counts, kept over its deaths. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from honeystack.errors import Malformed

RELAY = "supervisor"  # the name of the only channel that a worker has
OF_NOW = frozenset(  # what is held at the moment, and goes with the process that held it
    {
        "connections",
        "events.queued",
        "frames.fragments-held",
        "tcp.buffer-memory",
        "tcp.connections",
        "tcp.half-open",
        "tcp.time-wait",
    }
)


class Tally:
    """Inputs: `heard` for each report, `ended`. Outputs: `counters`, `events`."""

    def __init__(self) -> None:
        self._past: Counter[str] = Counter()
        self._now: dict[str, int] = {}

    def heard(self, body: bytes) -> None:
        """A worker has told its counters, as a JSON object. Raises Malformed."""
        try:
            told = json.loads(body)
            self._now = {_name(key): int(value) for key, value in told.items()}
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise Malformed("these are no counters") from error

    def ended(self) -> None:
        """The process has ended: what it has counted stays, what it has held is gone."""
        self._past.update({name: value for name, value in self._now.items() if name not in OF_NOW})
        self._now = {}

    @property
    def connections(self) -> int:
        """Open when the worker was last heard of."""
        return self._now.get("connections", 0)

    def counters(self) -> dict[str, int]:
        """Of frames and connections, as one process would tell them."""
        return {name: value for name, value in self._all().items() if not name.startswith("events.")}

    def events(self) -> dict[str, int]:
        """What became of the events on their way to the supervisor: made = written + queued + dropped."""
        return {name: value for name, value in self._all().items() if name.startswith("events.")}

    def _all(self) -> dict[str, int]:
        return {name: self._past[name] + self._now.get(name, 0) for name in {**self._past, **self._now}}


def summed(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    """The sums of what several workers count, in the order of the first that has each."""
    total: dict[str, int] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0) + value
    return total


def _name(key: str) -> str:
    """The worker's channel is the way to the supervisor: what it counts is about events."""
    front = f"channels.{RELAY}."
    return f"events.{key.removeprefix(front)}" if key.startswith(front) else key
