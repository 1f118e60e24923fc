"""One worker as its supervisor sees it: a process that is started anew, later each time, whenever it ends by itself.

Its tap stays open meanwhile. What comes for it waits in the ring, and its peers are not handed to other workers, which
would reset their connections. So one death costs the connections of one worker, and its peers a moment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import attrs
import structlog
import trio

from honeystack.errors import Malformed, Unavailable
from honeystack.events.encode_marshal import unpack_events
from honeystack.events.event import Event
from honeystack.workers.launch import Process, describe
from honeystack.workers.line import Line
from honeystack.workers.messages import Kind
from honeystack.workers.setup import Orders, Setup
from honeystack.workers.tally import Tally

SOUND = 10.0  # seconds; who lived as long is started anew at once
FIRST_PAUSE = 1.0  # seconds before the next start of one that did not; doubled each time
LONGEST_PAUSE = 30.0
GRACE = 1.0  # seconds for a process that has hung up to end

log = structlog.get_logger()

Ended = Callable[[int, str, int, float], None]  # number, status, connections lost, seconds until it is started again


class Keeper:
    """Inputs: `run`, `reload`, `stop`. Outputs: `publish` for each event, `tally`, and `told` of each end and start."""

    def __init__(
        self,
        setup: Setup,
        launch: Callable[[], Process],
        *,
        publish: Callable[[Event], None],
        died: Ended,
        back: Callable[[int], None],
    ) -> None:
        self.setup = setup
        self.tally = Tally()
        self.ready = trio.Event()  # the first process answers packets
        self.ended = trio.Event()
        self.scope = trio.CancelScope(shield=True)  # a stop of the honeypot does not reach it: its events are awaited
        self.restarts = 0
        self.answers = False
        self._launch = launch
        self._publish = publish
        self._died = died
        self._back = back
        self._line: Line | None = None
        self._failure = ""
        self._stopping = trio.Event()
        self._pause = 0.0

    @property
    def number(self) -> int:
        return self.setup.number

    async def run(self) -> None:
        """Until stopped. Raises Unavailable if the first process never answers."""
        try:
            with self.scope:
                while not self._stopping.is_set():
                    began = trio.current_time()
                    status = await self._live()
                    if not self._stopping.is_set():
                        await self._mourn(status, trio.current_time() - began)
        finally:
            self.ended.set()

    async def reload(self, orders: Orders) -> None:
        """A new configuration, for the process that runs and for those to come."""
        self.setup = attrs.evolve(self.setup, orders=orders)
        await self._tell(Kind.RELOAD, orders.to_bytes())

    async def stop(self) -> None:
        """Ask the process to end in order, and wait until it has, and all its events have come."""
        self._stopping.set()
        await self._tell(Kind.STOP)
        await self.ended.wait()

    def kill(self) -> None:
        """Do not wait for it any longer."""
        self.scope.cancel()

    async def _tell(self, kind: Kind, body: bytes = b"") -> None:
        if self._line is not None:
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # it is ending, which is told
                await self._line.send(kind, body)

    async def _live(self) -> int:
        """One process from its start to its end; how it ended."""
        process = self._launch()
        line = self._line = Line(process.stream)
        self._failure = ""
        try:
            await line.send(Kind.SETUP, self.setup.to_bytes())
            if self._stopping.is_set():
                await line.send(Kind.STOP)
            async for kind, body in line:
                self._hear(kind, body)
        except trio.BrokenResourceError:
            pass  # it ended before it had read
        except Malformed as error:
            log.error("a worker does not speak as it should; it is ended", worker=self.number, error=str(error))
        finally:
            self._line, self.answers = None, False
            status = await _see_off(process, line)
        return status

    def _hear(self, kind: Kind, body: bytes) -> None:
        if kind is Kind.EVENTS:
            for event in unpack_events(body):
                self._publish(event)
        elif kind is Kind.COUNTERS:
            self.tally.heard(body)
        elif kind is Kind.FAILED:
            self._failure = body.decode(errors="backslashreplace")
        elif kind is Kind.READY:
            self.answers = True
            if self.ready.is_set():
                self._back(self.number)
            self.ready.set()
        else:
            raise Malformed(f"{kind.name} is for the supervisor to say")

    async def _mourn(self, status: int, lived: float) -> None:
        """Tell of an end that nobody wanted, and pause."""
        why = self._failure or describe(status)
        if not self.ready.is_set():
            raise Unavailable(f"worker {self.number} did not start: {why}")
        self._pause = 0.0 if lived >= SOUND else min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._died(self.number, why, self.tally.connections, self._pause)
        self.tally.ended()
        self.restarts += 1
        with trio.move_on_after(self._pause):
            await self._stopping.wait()


async def _see_off(process: Process, line: Line) -> int:
    """Close our end, which a worker obeys too, and wait until its process has ended, by force if need be."""
    with trio.CancelScope(shield=True):
        await line.aclose()
        with trio.move_on_after(GRACE) as grace:
            await process.wait()
        if grace.cancelled_caught:
            process.kill()
        status = await process.wait()
    return status  # noqa: RET504  for the type checker a scope may swallow errors
