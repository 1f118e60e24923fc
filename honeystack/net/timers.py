"""Timer wheels: very many deadlines, each set, moved and cancelled at constant cost.

Deadlines are rounded up to slots of 1/128 s, a power of two so that a slot's time is exact in floating point: an item
is never early and at most one slot late. A slot exists only while it may hold items; the heap holds each slot once.
"""

from __future__ import annotations

import heapq
import math
from typing import Final, Generic, TypeVar

T = TypeVar("T")

RESOLUTION: Final = 1 / 128  # seconds; fine enough for a 200 ms retransmission timer, coarse enough to share slots


class TimerSlots(Generic[T]):
    """Deadlines of hashable items whose owners keep the slot that `put` gives them, which costs no memory here.

    Inputs: `put`, `expire`. Output: `next_deadline`. Taking the item out of its slot cancels; a slot that has expired
    may be kept, and means nothing. Time is whatever clock the caller uses.
    """

    __slots__ = ("_heap", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, dict[T, None]] = {}
        self._heap: list[int] = []

    def put(self, item: T, deadline: float) -> dict[T, None]:
        """Set a deadline for an item that has none; the slot that holds it until then."""
        number = math.ceil(deadline / RESOLUTION)
        items = self._slots.get(number)
        if items is None:
            items = self._slots[number] = {}
            heapq.heappush(self._heap, number)
        items[item] = None
        return items

    def expire(self, now: float) -> list[T]:
        """Remove and return the items that are due, the earliest slot first."""
        due: list[T] = []
        while self._heap and self._heap[0] * RESOLUTION <= now:
            due += self._slots.pop(heapq.heappop(self._heap))
        return due

    def next_deadline(self) -> float | None:
        """When `expire` next has something to return; None while nothing is scheduled."""
        while self._heap and not self._slots[self._heap[0]]:
            del self._slots[heapq.heappop(self._heap)]
        return self._heap[0] * RESOLUTION if self._heap else None


class TimerWheel(TimerSlots[T]):
    """At most one deadline per hashable item, which remembers where each is.

    Inputs: `schedule`, `cancel`, `expire`. Output: `next_deadline`.
    """

    __slots__ = ("_slot_of",)

    def __init__(self) -> None:
        super().__init__()
        self._slot_of: dict[T, dict[T, None]] = {}

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, item: T) -> bool:
        return item in self._slot_of

    def schedule(self, item: T, deadline: float) -> None:
        """Set the item's deadline, in place of the one it had."""
        number = math.ceil(deadline / RESOLUTION)
        items = self._slots.get(number)
        if items is None:
            items = self._slots[number] = {}
            heapq.heappush(self._heap, number)
        before = self._slot_of.get(item)
        if before is items:
            return
        if before is not None:
            del before[item]
        items[item] = None
        self._slot_of[item] = items

    def cancel(self, item: T) -> None:
        """Forget the item's deadline; nothing happens if it has none."""
        slot = self._slot_of.pop(item, None)
        if slot is not None:
            del slot[item]

    def expire(self, now: float) -> list[T]:
        """Remove and return the items that are due, the earliest slot first."""
        due = super().expire(now)
        for item in due:
            del self._slot_of[item]
        return due
