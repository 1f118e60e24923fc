"""Who is told by himself, and who together with others, so that no flood makes more events than a bound says.

Readers want an event for each source, until the sources are invented. Of each group of events, such as one anomaly, so
many are told by themselves in a period; what is beyond them makes one event at the period's end, with how many there
were, of how many sources, and what the first thousand of them agree on: all that a packet says costs ten times as much
to put into words as to count it. A group is of our making, so there are few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from hashlib import blake2b

import attrs

from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity
from honeystack.witness.table import Row

PERIOD = 30.0  # seconds
DESCRIBED = 1000  # of a crowd are looked at closely
BITS = 1 << 16  # 8 kB for each group: ten thousand sources are counted to 1 %, a hundred thousand to 2 %


Description = tuple[Identity | None, dict[str, object]]  # whose packet it is, and its event's own keys


class Sources:
    """About how many different sources there are: linear counting (Whang et al., 1990), in constant memory."""

    __slots__ = ("_bits", "_ones")

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)
        self._ones = 0

    def add(self, source: bytes) -> None:
        # Not hash(): a capture makes the same events whenever it is replayed.
        number = int.from_bytes(blake2b(source, digest_size=2).digest(), "big")
        place, bit = number >> 3, 1 << (number & 7)
        if not self._bits[place] & bit:
            self._bits[place] |= bit
            self._ones += 1

    def estimate(self) -> int:
        zeros = max(1, BITS - self._ones)  # beyond some 700 000 it cannot tell how many more there are
        return round(BITS * math.log(BITS / zeros))


@attrs.define(eq=False)
class _Group:
    until: float
    alone: int = 0  # told by themselves since the period began
    others: Row | None = None
    sources: Sources | None = None


class Crowd:
    """Inputs: `admits`, and `join` for who is not admitted; `tick`, `flush`. Output: rows, by `tell`."""

    def __init__(self, tell: Callable[[Row], None]) -> None:
        self._tell = tell
        self._groups: dict[Hashable, _Group] = {}  # in the order of their periods' ends

    def admits(self, group: Hashable, limit: int, now: float) -> bool:
        """Whether one more of a group may be told by itself; if so it counts as told."""
        room = self._groups.get(group)
        if room is None or room.until <= now:
            if room is not None:
                self._end(group)
            room = self._groups[group] = _Group(now + PERIOD)
        if room.alone >= limit:
            return False
        room.alone += 1
        return True

    def join(self, group: Hashable, kind: EventKind, source: bytes, describe: Callable[[], Description]) -> None:
        """Count one of a group that was just not admitted; `source` is what tells sources apart."""
        room = self._groups[group]
        if room.others is None or room.sources is None:
            room.others, room.sources = Row(kind, *describe(), count=0), Sources()
        row = room.others
        row.count = (row.count or 0) + 1
        room.sources.add(source)
        if not 1 < row.count <= DESCRIBED:
            return
        identity, fields = describe()
        if row.identity is not None and identity is not None:
            row.identity = common(row.identity, identity)
        if row.fields != fields:
            row.fields = {key: value for key, value in row.fields.items() if fields.get(key) == value}

    def tick(self, now: float) -> None:
        """Tell of the groups whose periods are over."""
        for group in [group for group, room in self._groups.items() if room.until <= now]:
            self._end(group)

    def next_deadline(self) -> float | None:
        """When `tick` has something to tell; None while nothing is pending."""
        return next((room.until for room in self._groups.values() if room.others is not None), None)

    def flush(self) -> None:
        self.tick(math.inf)

    def _end(self, group: Hashable) -> None:
        room = self._groups.pop(group)
        if room.others is not None and room.sources is not None:
            room.others.fields = {**room.others.fields, "sources": room.sources.estimate()}
            self._tell(room.others)


def common(one: Identity, other: Identity) -> Identity:
    """What two identities agree on; the rest becomes None."""
    return one if one == other else Identity._make(a if a == b else None for a, b in zip(one, other, strict=True))
