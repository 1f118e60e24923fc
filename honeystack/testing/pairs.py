"""Two pure stacks joined by wires in virtual time: no Trio, no clock, as fast as the machine can."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Protocol

from honeystack.net.notices import Notice
from honeystack.testing.wire import Impairment, Wire


class PureStack(Protocol):
    """What the pump wants of a stack; honeystack.net.stack.Stack has it."""

    def receive_frame(self, frame: bytes, now: float) -> None: ...
    def handle_timeout(self, now: float) -> None: ...
    def poll_transmit(self, now: float) -> list[bytes]: ...
    def poll_notice(self) -> Notice | None: ...
    def poll_timeout(self) -> float | None: ...


class StackPair:
    """Pumps frames and time between two stacks. Notices queue in `notices[0]` and `notices[1]`.

    Inputs: `settle` after user calls, `advance`, `run_until`. `now` is the virtual time.
    """

    def __init__(
        self, left: PureStack, right: PureStack, impairment: Impairment | None = None, *, seed: int = 0
    ) -> None:
        self.stacks = (left, right)
        how = impairment or Impairment()
        self.wires = (Wire(how, seed=2 * seed), Wire(how, seed=2 * seed + 1))
        self.notices: tuple[deque[Notice], deque[Notice]] = (deque(), deque())
        self.frames: tuple[list[bytes], list[bytes]] = ([], [])  # what each side has sent
        self.now = 1.0
        self._order = itertools.count()
        self._travelling: list[tuple[float, int, int, bytes]] = []

    def settle(self) -> None:
        """Take the outputs of both stacks; what is due on the wire arrives, until nothing more happens now."""
        while True:
            self._collect()
            if not (self._travelling and self._travelling[0][0] <= self.now):
                return
            _, _, side, frame = heapq.heappop(self._travelling)
            self.stacks[side].receive_frame(frame, self.now)

    def advance(self) -> bool:
        """Let time jump to the next arrival or deadline; False if nothing is to come."""
        self.settle()
        deadlines = [when for stack in self.stacks if (when := stack.poll_timeout()) is not None]
        arrivals = [self._travelling[0][0]] if self._travelling else []
        if not deadlines and not arrivals:
            return False
        self.now = max(self.now, min(deadlines + arrivals))
        for stack in self.stacks:
            due = stack.poll_timeout()
            if due is not None and due <= self.now:
                stack.handle_timeout(self.now)
        self.settle()
        return True

    def run_until(self, done: Callable[[], bool], *, bound: float = 600.0) -> None:
        """Advance until `done`; raises AssertionError when `bound` seconds or all that is to come has passed."""
        end = self.now + bound
        self.settle()
        while not done():
            if not self.advance() or self.now > end:
                raise AssertionError(f"not done at {self.now:.3f} s of virtual time")

    def _collect(self) -> None:
        for side, stack in enumerate(self.stacks):
            for frame in stack.poll_transmit(self.now):
                self.frames[side].append(frame)
                for arrival, data in self.wires[side].carry(frame, self.now):
                    heapq.heappush(self._travelling, (arrival, next(self._order), 1 - side, data))
            while (notice := stack.poll_notice()) is not None:
                self.notices[side].append(notice)
