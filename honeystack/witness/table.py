"""A bounded table that makes one event with a count of what repeats."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import attrs

from honeystack.events.bus import weight_of
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity


@attrs.define(eq=False)
class Row:
    kind: EventKind
    identity: Identity | None
    fields: dict[str, object]
    count: int | None = None  # None: has not happened again since it was told
    due: float = 0.0
    weight: int = 0  # bytes of peers' data when it was added


class Table:
    """Counts what repeats, in the order of becoming due.

    Bounded by rows and by bytes of peers' data (`memory`): the oldest row is told and forgotten, and counted in
    `forgotten`, or in `outweighed` where it was for its bytes.
    """

    def __init__(
        self, limit: int, period: float, tell: Callable[[Row], None], *, memory: int, at_once: bool = True
    ) -> None:
        self._limit = limit
        self._memory = memory
        self._period = period
        self._tell = tell
        self._at_once = at_once
        self._rows: OrderedDict[Hashable, Row] = OrderedDict()
        self._weight = 0
        self.forgotten = self.outweighed = 0

    def count(self, key: Hashable) -> Row | None:
        """Count one more of a row that is there."""
        row = self._rows.get(key)
        if row is not None:
            row.count = (row.count or 0) + 1
        return row

    def add(self, key: Hashable, row: Row, now: float) -> None:
        row.weight = weight_of(row.fields)
        while self._rows and len(self._rows) >= self._limit:
            self.forgotten += 1
            self._end(self._take_oldest())
        while self._rows and self._weight + row.weight > self._memory:
            self.outweighed += 1
            self._end(self._take_oldest())
        row.due = now + self._period
        if self._at_once:
            self._tell(row)
        else:
            row.count = 1
        self._keep(key, row)

    def tick(self, now: float) -> None:
        while self._rows:
            key, row = next(iter(self._rows.items()))
            if row.due > now:
                return
            self._end(self._take_oldest())
            if row.count is not None and self._at_once:  # it repeats: keep counting for another period
                row.count, row.due = None, now + self._period
                self._keep(key, row)

    def next_deadline(self) -> float | None:
        return next(iter(self._rows.values())).due if self._rows else None

    def flush(self) -> None:
        while self._rows:
            self._end(self._take_oldest())

    def _keep(self, key: Hashable, row: Row) -> None:
        self._rows[key] = row
        self._weight += row.weight

    def _take_oldest(self) -> Row:
        row = self._rows.popitem(last=False)[1]
        self._weight -= row.weight
        return row

    def _end(self, row: Row) -> None:
        if row.count is not None:
            self._tell(row)
