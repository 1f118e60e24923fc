"""A timer wheel: very many deadlines, each set, moved and cancelled at constant cost.

Deadlines are rounded up to slots of 1/128 s, a power of two so that a slot's time is exact in floating point: an item
is never early and at most one slot late. A slot exists only while it may hold items; the heap holds each slot once.
"""

from __future__ import annotations

import heapq
import math
from typing import Final, Generic, TypeVar

T = TypeVar("T")

RESOLUTION: Final = 1 / 128  # seconds; fine enough for a 200 ms retransmission timer, coarse enough to share slots


class TimerWheel(Generic[T]):
    """At most one deadline per hashable item.

    Inputs: `schedule`, `cancel`, `expire`. Output: `next_deadline`. Time is whatever clock the caller uses.
    """

    __slots__ = ("_heap", "_slot_of", "_slots")

    def __init__(self) -> None:
        self._slot_of: dict[T, int] = {}
        self._slots: dict[int, dict[T, None]] = {}
        self._heap: list[int] = []

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, item: T) -> bool:
        return item in self._slot_of

    def schedule(self, item: T, deadline: float) -> None:
        """Set the item's deadline, in place of the one it had."""
        slot = math.ceil(deadline / RESOLUTION)
        before = self._slot_of.get(item)
        if before == slot:
            return
        if before is not None:
            del self._slots[before][item]
        self._slot_of[item] = slot
        items = self._slots.get(slot)
        if items is None:
            self._slots[slot] = {item: None}
            heapq.heappush(self._heap, slot)
        else:
            items[item] = None

    def cancel(self, item: T) -> None:
        """Forget the item's deadline; nothing happens if it has none."""
        slot = self._slot_of.pop(item, None)
        if slot is not None:
            del self._slots[slot][item]

    def expire(self, now: float) -> list[T]:
        """Remove and return the items that are due, the earliest slot first."""
        due: list[T] = []
        while self._heap and self._heap[0] * RESOLUTION <= now:
            due += self._slots.pop(heapq.heappop(self._heap))
        for item in due:
            del self._slot_of[item]
        return due

    def next_deadline(self) -> float | None:
        """When `expire` next has something to return; None while nothing is scheduled."""
        while self._heap and not self._slots[self._heap[0]]:
            del self._slots[heapq.heappop(self._heap)]
        return self._heap[0] * RESOLUTION if self._heap else None
