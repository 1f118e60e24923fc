"""Ids of events and connections: UUID version 7 (RFC 9562 §5.7), so that their order is the order of time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

_VARIANT = 2 << 14  # above the upper 14 of the random bits
_LOW = (1 << 48) - 1
_FRACTION = 4096  # RFC 9562 §6.2, method 3: the 12 bits of rand_a are a fraction of a millisecond


class RandomBits(Protocol):
    """A source of randomness: random.Random and random.SystemRandom are some."""

    def getrandbits(self, k: int, /) -> int: ...


class IdFactory:
    """Makes ids: each call gives one that sorts after all before it, also when the clock stands or goes back.

    `clock` gives seconds since the epoch; two factories differ by the 62 random bits of each id.
    """

    __slots__ = ("_clock", "_front", "_last", "_millisecond", "_rng")

    def __init__(self, *, clock: Callable[[], float], rng: RandomBits) -> None:
        self._clock = clock
        self._rng = rng
        self._last = self._millisecond = -1
        self._front = ""  # the part that all ids of one millisecond share: its time

    def __call__(self) -> str:
        """A fresh id, 36 characters long."""
        ticks = int(self._clock() * 1000 * _FRACTION)
        self._last = ticks = ticks if ticks > self._last else self._last + 1
        millisecond = ticks >> 12
        if millisecond != self._millisecond:
            self._millisecond, text = millisecond, f"{millisecond:012x}"
            self._front = f"{text[:8]}-{text[8:]}"
        chance = self._rng.getrandbits(62)
        # An f-string would take twice the time for numbers in hexadecimal.
        return "%s-7%03x-%x-%012x" % (self._front, ticks & 0xFFF, _VARIANT | chance >> 48, chance & _LOW)  # noqa: UP031
