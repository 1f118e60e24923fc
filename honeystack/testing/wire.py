"""What a bad wire does to frames, from a seed: the same frames and the same seed meet the same fate."""

from __future__ import annotations

import random

import attrs


@attrs.frozen
class Impairment:
    """Chances from 0 to 1, times in seconds. Jitter alone already changes the order, as netem's does."""

    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0  # one bit is flipped
    delay: float = 0.0
    jitter: float = 0.0  # uniform, ± around the delay
    reorder: float = 0.0  # overtakes all that is on its way


class Wire:
    """One direction of a cable; pure."""

    def __init__(self, impairment: Impairment = Impairment(), *, seed: int = 0) -> None:
        self.impairment = impairment
        self.lost = 0
        self._random = random.Random(seed)

    def carry(self, frame: bytes, now: float) -> list[tuple[float, bytes]]:
        """When the frame arrives, and as what; empty if it is lost."""
        how, chance = self.impairment, self._random.random
        if how.loss and chance() < how.loss:
            self.lost += 1
            return []
        copies = 2 if how.duplicate and chance() < how.duplicate else 1
        return [(now + self._travel_time(), self._damage(frame)) for _ in range(copies)]

    def _travel_time(self) -> float:
        how = self.impairment
        if how.reorder and self._random.random() < how.reorder:
            return 0.0
        if not how.jitter:
            return how.delay
        return max(0.0, how.delay + self._random.uniform(-how.jitter, how.jitter))

    def _damage(self, frame: bytes) -> bytes:
        if not (self.impairment.corrupt and frame and self._random.random() < self.impairment.corrupt):
            return frame
        damaged = bytearray(frame)
        bit = self._random.randrange(len(frame) * 8)
        damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged)
