"""Links in memory: two ends of a cable, in Trio's time, for tests without privileges."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence

import trio

from honeystack.net.link import LinkStatistics, ReceivedFrame
from honeystack.testing.wire import Impairment, Wire

CAPACITY = 16_384  # frames on the way to one end; more are lost, as in a ring that nobody empties


class MemoryLink:
    """One end of a cable, a honeystack.net.link.Link; `sent` keeps what was sent if `record` is set."""

    def __init__(self, mac: bytes, *, mtu: int = 1500, record: bool = False) -> None:
        self.mac = mac
        self.mtu = mtu
        self.sent: list[bytes] = []
        self.peer: MemoryLink | None = None
        self.wire = Wire()
        self._record = record
        self._order = itertools.count()
        self._coming: list[tuple[float, int, ReceivedFrame]] = []
        self._waiting: trio.CancelScope | None = None
        self._frames_in = self._frames_out = self._dropped_in = self._dropped_out = 0
        self._closed = False

    async def wait_readable(self) -> None:
        await trio.lowlevel.checkpoint()
        while not (self._coming and self._coming[0][0] <= trio.current_time()):
            if self._closed:
                raise trio.ClosedResourceError("this link has been closed")
            if self._waiting is not None:
                raise trio.BusyResourceError("another task waits for this link")
            try:
                with trio.CancelScope(deadline=self._next_arrival()) as self._waiting:
                    await trio.sleep_forever()
            finally:
                self._waiting = None

    def receive(self, limit: int = 256) -> list[ReceivedFrame]:
        """Up to `limit` frames that have arrived."""
        now = trio.current_time()
        frames: list[ReceivedFrame] = []
        while self._coming and len(frames) < limit and self._coming[0][0] <= now:
            frames.append(heapq.heappop(self._coming)[2])
        self._frames_in += len(frames)
        return frames

    def send(self, frames: Sequence[bytes]) -> None:
        """Put the frames on the wire; frames longer than the MTU allows are lost."""
        for frame in frames:
            if self._record:
                self.sent.append(frame)
            if len(frame) > self.mtu + 18 or self._closed:  # the header, and a VLAN tag
                self._dropped_out += 1
                continue
            self._frames_out += 1
            for arrival, data in self.wire.carry(frame, trio.current_time()):
                if self.peer is not None:
                    self.peer.deliver(ReceivedFrame(data), arrival)

    def deliver(self, frame: ReceivedFrame, arrival: float | None = None) -> None:
        """Let a frame arrive here, now or at a time to come; also for frames that no stack would send."""
        if self._closed or len(self._coming) >= CAPACITY:
            self._dropped_in += 1
            return
        when = trio.current_time() if arrival is None else arrival
        heapq.heappush(self._coming, (when, next(self._order), frame))
        if self._waiting is not None:
            self._waiting.deadline = self._next_arrival()

    def statistics(self) -> LinkStatistics:
        return LinkStatistics(self._frames_in, self._frames_out, self._dropped_in, self._dropped_out)

    def close(self) -> None:
        """Nothing arrives or leaves any more; idempotent."""
        self._closed = True
        self._coming.clear()
        if self._waiting is not None:
            self._waiting.cancel()

    def _next_arrival(self) -> float:
        return self._coming[0][0] if self._coming else float("inf")


def memory_link_pair(
    impairment: Impairment | None = None, *, seed: int = 0, mtu: int = 1500, record: bool = False
) -> tuple[MemoryLink, MemoryLink]:
    """Two joined links; both directions suffer the same impairment, each by its own dice."""
    left = MemoryLink(bytes.fromhex("020000000001"), mtu=mtu, record=record)
    right = MemoryLink(bytes.fromhex("020000000002"), mtu=mtu, record=record)
    left.peer, right.peer = right, left
    if impairment is not None:
        left.wire, right.wire = Wire(impairment, seed=2 * seed), Wire(impairment, seed=2 * seed + 1)
    return left, right
