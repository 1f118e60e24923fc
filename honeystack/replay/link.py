"""A link on which recorded frames arrive one by one, and whose peers hear what our stack answers."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence

import trio

from honeystack.net.link import ChecksumState, LinkStatistics, ReceivedFrame
from honeystack.replay.captures import Recorded, untagged
from honeystack.replay.counterparts import Counterparts
from honeystack.replay.segments import is_unfinished, place_of
from honeystack.replay.sides import Side

ACKNOWLEDGES_AFTER = 0.04  # seconds: Linux's shortest delay of an acknowledgement, and less than any retransmission's


class ReplayLink:
    """Implements honeystack.net.link.Link. Input beside it: `arrive`, with all frames of the capture."""

    def __init__(self, side: Side, *, mtu: int = 1500) -> None:
        self.mac = side.mac
        self.mtu = mtu
        self.counterparts = Counterparts()
        self.inbound = 0
        self.astray = 0  # of these: to our addresses and another MAC address
        self._side = side
        self._arrived: list[Recorded] = []
        self._order = itertools.count()
        self._to_speak: list[tuple[float, int, bytes, int | None]] = []
        self._waiting: trio.CancelScope | None = None
        self._frames_in = self._frames_out = 0

    def arrive(self, recorded: Recorded) -> None:
        """A recorded frame, of either side, at its time."""
        frame = self._side.addressed(recorded.frame)
        if self._side.is_answer(frame):
            self.counterparts.answered(frame)
            return
        self.inbound += 1
        self.astray += self._side.is_astray(frame)
        self._arrived.append(recorded._replace(frame=frame))
        self._wake()

    async def wait_readable(self) -> None:
        await trio.lowlevel.checkpoint()
        while not (self._arrived or self._next_to_speak() <= trio.current_time()):
            try:
                with trio.CancelScope(deadline=self._next_to_speak()) as self._waiting:
                    await trio.sleep_forever()
            finally:
                self._waiting = None

    def receive(self, limit: int = 256) -> list[ReceivedFrame]:
        """One frame at most: what a peer acknowledges depends on what we have answered to the one before."""
        if self._arrived:
            return self._received(self._arrived.pop(0))
        if self._next_to_speak() > trio.current_time():
            return []
        *_, key, vlan = heapq.heappop(self._to_speak)
        frame = self.counterparts.speaks(key)
        return [] if frame is None else self._counted(ReceivedFrame(frame, ChecksumState.UNKNOWN, vlan))

    def send(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self._frames_out += 1
            _, plain, vlan = untagged(0, frame)
            key = self.counterparts.sent(plain)
            if key is not None:
                when = trio.current_time() + ACKNOWLEDGES_AFTER
                heapq.heappush(self._to_speak, (when, next(self._order), key, vlan))
        if self._waiting is not None:
            self._waiting.deadline = self._next_to_speak()

    def statistics(self) -> LinkStatistics:
        return LinkStatistics(self._frames_in, self._frames_out, 0, 0)

    def close(self) -> None:
        self._arrived.clear()
        self._to_speak.clear()

    def _received(self, recorded: Recorded) -> list[ReceivedFrame]:
        frame = self.counterparts.heard(recorded.frame)
        if frame is None:
            return []
        place = place_of(recorded.frame)
        unfinished = place is not None and is_unfinished(recorded.frame, place)
        state = ChecksumState.PARTIAL if unfinished else ChecksumState.UNKNOWN
        return self._counted(ReceivedFrame(frame, state, recorded.vlan))

    def _counted(self, frame: ReceivedFrame) -> list[ReceivedFrame]:
        self._frames_in += 1
        return [frame]

    def _next_to_speak(self) -> float:
        return self._to_speak[0][0] if self._to_speak else float("inf")

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
