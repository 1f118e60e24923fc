"""Time that stands until it is moved, and Trio's tasks in one order, so that a replay comes out the same twice."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator, MutableSequence
from typing import Any

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

from honeystack.errors import Unavailable

NOT_BY_ITSELF = (
    3600.0  # seconds of real time after which Trio looks again whether time was moved, which wakes it anyway
)


@attrs.define(eq=False)
class VirtualClock(trio.abc.Clock):
    """A clock of Trio's that only `move_to` moves. Seconds since its beginning."""

    now: float = 0.0

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        return self.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return 0.0 if deadline <= self.now else NOT_BY_ITSELF

    async def pass_until(self, moment: float) -> None:
        """Let everything happen that is due until then, each at its time; at the end all tasks are at rest."""
        while (due := await self._next_deadline()) <= moment:
            self.now = max(self.now, due)
        self.now = max(self.now, moment)

    async def _next_deadline(self) -> float:
        await wait_all_tasks_blocked()
        seconds: float = trio.lowlevel.current_statistics().seconds_to_next_deadline
        return self.now + seconds if seconds < math.inf else math.inf


class _NoChance(random.Random):
    """Stands in for the dice by which Trio takes tasks that can run in any order."""

    def random(self) -> float:
        return 1.0

    def shuffle(self, x: MutableSequence[Any]) -> None:
        x.reverse()  # Trio has sorted them, and takes them from the end


@contextlib.contextmanager
def fixed_order() -> Iterator[None]:
    """While the block runs, Trio takes tasks that can run at the same time in the order in which they were made.

    It is the switch that Trio has for Hypothesis, and no public one. Raises Unavailable where it has gone.
    """
    from trio._core import _run as scheduler

    wanted = {"_ALLOW_DETERMINISTIC_SCHEDULING": True, "_r": _NoChance()}
    if missing := [name for name in wanted if not hasattr(scheduler, name)]:
        raise Unavailable(
            f"Trio {trio.__version__} cannot run tasks in a fixed order ({missing[0]}): install trio 0.30"
        )
    before = {name: getattr(scheduler, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(scheduler, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(scheduler, name, value)
