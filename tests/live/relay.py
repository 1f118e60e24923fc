"""A cable that reorders: a machine in the middle which holds some frames back for longer than others.

Run as a program on that machine it passes frames between `left` and `right`. It reads orders from its input, one JSON
object a line, and answers each with what it has counted since the one before.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import random
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import attrs

from honeystack.net.namespaces import Host

ENDS = ("left", "right")
SOL_PACKET, IGNORE_OUTGOING = 263, 23  # linux/if_packet.h: PACKET_IGNORE_OUTGOING
ETH_P_ALL = 3
TCP = 6


@attrs.frozen
class Order:
    """How frames are passed from now on: all `delay` seconds late, a share of them up to `extra` more."""

    delay: float = 0.004
    share: float = 0.0
    extra: float = 0.003
    seed: int = 1


@attrs.define
class Counts:
    """Of one direction: segments with data, and those of them that began before the end of what had been sent."""

    segments: int = 0
    again: int = 0
    overtaken: int = 0  # frames that left after one that had come later
    _ends: dict[bytes, int] = attrs.field(factory=dict)

    def see(self, frame: bytes) -> None:
        """Count a frame, in the order in which its sender sent it."""
        found = data_of(frame)
        if found is None:
            return
        flow, seq, length = found
        self.segments += 1
        end = self._ends.get(flow, seq)
        if (end - seq) & 0xFFFFFFFF and (end - seq) & 0xFFFFFFFF < 1 << 31:
            self.again += 1
        if ((seq + length - end) & 0xFFFFFFFF) < 1 << 31:
            self._ends[flow] = (seq + length) & 0xFFFFFFFF

    def told(self) -> dict[str, int]:
        return {"segments": self.segments, "again": self.again, "overtaken": self.overtaken}


def data_of(frame: bytes) -> tuple[bytes, int, int] | None:
    """Addresses and ports, sequence number and length of a segment with data."""
    if frame[12:14] == b"\x08\x00" and frame[23] == TCP:
        start, end, addresses = 34, 14 + int.from_bytes(frame[16:18], "big"), frame[26:34]
    elif frame[12:14] == b"\x86\xdd" and frame[20] == TCP:
        start, end, addresses = 54, 54 + int.from_bytes(frame[18:20], "big"), frame[22:54]
    else:
        return None
    length = end - start - (frame[start + 12] >> 4) * 4
    if length <= 0:
        return None
    return addresses + frame[start : start + 4], int.from_bytes(frame[start + 4 : start + 8], "big"), length


class Relay:
    """Passes frames; `order` is how."""

    def __init__(self) -> None:
        self._ends = [_opened(name) for name in ENDS]
        self._held: list[tuple[float, int, int, bytes]] = []
        self._number = itertools.count()
        self._latest = [-1, -1]
        self._counts = [Counts(), Counts()]
        self.obey(Order())

    def obey(self, order: Order) -> dict[str, dict[str, int]]:
        """Pass frames like this from now on; what has been counted until now."""
        counted, self._counts = self._counts, [Counts(), Counts()]
        self._order, self._rng = order, random.Random(order.seed)
        return {name: one.told() for name, one in zip(ENDS, counted, strict=True)}

    def run(self) -> None:
        while True:
            wait = max(0.0, self._held[0][0] - time.monotonic()) if self._held else None
            ready = select.select([*self._ends, sys.stdin], [], [], wait)[0]
            if sys.stdin in ready:
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps(self.obey(Order(**json.loads(line)))), flush=True)
            for side, end in enumerate(self._ends):
                if end in ready:
                    self._take(side, end)
            self._pass(time.monotonic())

    def _take(self, side: int, end: socket.socket) -> None:
        order, now = self._order, time.monotonic()
        for _ in range(64):
            try:
                frame = end.recv(65535)
            except BlockingIOError:
                return
            self._counts[side].see(frame)
            late = order.extra * self._rng.random() if self._rng.random() < order.share else 0.0
            heapq.heappush(self._held, (now + order.delay + late, next(self._number), side, frame))

    def _pass(self, now: float) -> None:
        while self._held and self._held[0][0] <= now:
            _, number, side, frame = heapq.heappop(self._held)
            self._counts[side].overtaken += number < self._latest[side]
            self._latest[side] = max(number, self._latest[side])
            with contextlib.suppress(OSError):  # the far end's queue is full: lost, as on a cable
                self._ends[1 - side].send(frame)


def _opened(name: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
    made.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
    made.bind((name, ETH_P_ALL))
    made.setblocking(False)
    return made


@attrs.frozen
class Cable:
    """The running relay, as a test sees it."""

    process: subprocess.Popen[str]

    def obey(self, order: Order) -> dict[str, dict[str, int]]:
        """Pass frames like this from now on; what has been counted until now, by direction."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(attrs.asdict(order)) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())  # type: ignore[no-any-return]


@contextlib.contextmanager
def relay(host: Host) -> Iterator[Cable]:
    """The program below on a machine with the ends `left` and `right`."""
    with subprocess.Popen(
        host.command("setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.live.relay"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        cable = Cable(process)
        cable.obey(Order())  # it answers once it listens
        try:
            yield cable
        finally:
            process.terminate()


if __name__ == "__main__":
    Relay().run()
