"""Workers that are tasks of the test: a process for a keeper whose other end the test holds."""

from __future__ import annotations

import math

import trio
import trio.testing

from honeystack.workers.line import Line
from honeystack.workers.setup import Orders, Setup

ORDERS = Orders("[listener]", None, (), "/data")


def setup_of(number: int = 1) -> Setup:
    return Setup(number, None, 5, 6, 7, b"secret", ORDERS, ORDERS)


class FakeProcess:
    """Ends when the test says so, when it is killed, or when its line is closed, unless it hangs."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.pid = 77
        ours, theirs = trio.testing.memory_stream_pair()
        self.stream: trio.abc.Stream = ours
        self.line = Line(theirs)
        self.hangs = hangs
        self.killed = False
        self.ended = trio.Event()
        self.status = 0

    async def end(self, status: int = 0) -> None:
        """Die."""
        self.status = status
        self.ended.set()
        await self.line.aclose()

    async def wait(self) -> int:
        if not self.hangs and not self.ended.is_set():
            with trio.move_on_after(math.inf):
                await trio.lowlevel.checkpoint()
            self.ended.set()
        await self.ended.wait()
        return self.status

    def kill(self) -> None:
        if not self.ended.is_set():
            self.killed, self.status = True, -9
        self.ended.set()
