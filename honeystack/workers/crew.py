"""All workers of one honeypot: a listener whose conversations are held in other processes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
import trio

from honeystack.config.model import Config
from honeystack.events.bus import Bus
from honeystack.events.catalogue import EventKind
from honeystack.events.recorder import Recorder
from honeystack.net.address import address_text
from honeystack.net.attachment import attach_many
from honeystack.net.ring import Tap
from honeystack.reception import Reception
from honeystack.witness.conflict import CONFLICT, conflict_fields
from honeystack.witness.fence import fence_teller
from honeystack.witness.interface import interface_teller
from honeystack.workers.keeper import Keeper
from honeystack.workers.launch import Worker
from honeystack.workers.setup import Orders, Setup
from honeystack.workers.tally import summed

STOP_SECONDS = 1.5  # for all workers to end their connections and to tell of them; they need some 50 ms

WORKER = EventKind(
    "sensor",
    "worker",
    "A worker process has ended by itself, and later answers again.",
    {
        "worker.number": "int: which one, from 1",
        "worker.state": "ended or started",
        "worker.status": "how it ended: a signal, an exit status, or what it said",
        "worker.connections": "int: that were open when it was last heard of; they have no tcp/close",
        "worker.pause-ms": "int: until it is started again",
    },
    "error",
)

log = structlog.get_logger()


class Crew:
    """Inputs: `run`, as of a listener, and `reload`. Outputs: the workers' events on the bus, and `counters`.

    Raises ConfigError for a configuration that no other process could read.
    """

    def __init__(self, config: Config, bus: Bus) -> None:
        self._listener = config.listener
        self._orders = Orders.of(config)
        self._bus = bus
        self._secret = secrets.token_bytes(32)
        self._keepers: list[Keeper] = []
        self._withheld: tuple[str, ...] = ()
        self._nursery: trio.Nursery | None = None
        self._recorder: Recorder | None = None

    async def run(self, reception: Reception, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; then every connection of every worker ends and is told. Raises as the listener does."""
        self._recorder = reception.recorder
        reception.watch(self.counters)
        listener, cores = self._listener, self._listener.cores
        async with attach_many(
            listener.attachment, len(cores), spread=listener.spread, seed=secrets.randbits(32)
        ) as shared:
            for conflict in shared.conflicts:
                reception.recorder.record(CONFLICT, conflict_fields(conflict))
            self._withheld = tuple(address_text(conflict.address) for conflict in shared.conflicts)
            pairs = zip(cores, shared.taps, strict=True)
            self._keepers = [self._keeper(number, *pair) for number, pair in enumerate(pairs, 1)]
            async with trio.open_nursery() as self._nursery:
                try:
                    self._nursery.start_soon(shared.fence.watch, fence_teller(reception.recorder))
                    if shared.interface is not None:
                        self._nursery.start_soon(shared.interface.watch, interface_teller(reception.recorder))
                    await self._start(self._nursery)
                    task_status.started()
                    await trio.sleep_forever()
                finally:
                    await self._stop()
                    self._nursery.cancel_scope.cancel()

    def reload(self, config: Config) -> None:
        """Give the workers a new configuration. Raises ConfigError as above, and then nothing has changed."""
        self._orders = Orders.of(config)
        if self._nursery is not None:
            for keeper in self._keepers:
                self._nursery.start_soon(keeper.reload, self._orders)

    def counters(self) -> dict[str, int]:
        """The sums, and what is to be known of each worker."""
        found = summed(keeper.tally.counters() for keeper in self._keepers)
        found["workers.answering"] = sum(keeper.answers for keeper in self._keepers)
        for keeper in self._keepers:
            front = f"workers.{keeper.number}"
            found[f"{front}.restarts"] = keeper.restarts
            found[f"{front}.connections"] = keeper.tally.connections
            found |= {f"{front}.{name}": value for name, value in keeper.tally.events().items()}
        return found

    def _keeper(self, number: int, core: int | None, tap: Tap) -> Keeper:
        descriptors = (tap.packets.fileno(), tap.syns.fileno(), tap.runs.fileno())
        setup = Setup(number, core, *descriptors, self._secret, self._orders, self._orders, self._withheld)
        launch = partial(self.launch, descriptors)
        return Keeper(setup, launch, publish=self._bus.publish, died=self._died, back=self._back)

    def launch(self, descriptors: Sequence[int]) -> Any:
        """Start a process that has these descriptors."""
        return Worker(descriptors)

    async def _start(self, nursery: trio.Nursery) -> None:
        for keeper in self._keepers:
            nursery.start_soon(keeper.run)
        for keeper in self._keepers:
            await keeper.ready.wait()

    async def _stop(self) -> None:
        with trio.CancelScope(shield=True), trio.move_on_after(STOP_SECONDS) as bound:
            async with trio.open_nursery() as nursery:
                for keeper in self._keepers:
                    nursery.start_soon(keeper.stop)
        if bound.cancelled_caught:
            late = [keeper.number for keeper in self._keepers if not keeper.ended.is_set()]
            log.error("workers did not end in time; they are killed", workers=late)
            for keeper in self._keepers:
                keeper.kill()

    def _died(self, number: int, status: str, connections: int, pause: float) -> None:
        log.error(
            "a worker has ended; it is started again", worker=number, status=status, lost=connections, pause=pause
        )
        self._record(
            number,
            "ended",
            {"worker.status": status, "worker.connections": connections, "worker.pause-ms": round(pause * 1000)},
        )

    def _back(self, number: int) -> None:
        log.warning("a worker answers again", worker=number)
        self._record(number, "started", {})

    def _record(self, number: int, state: str, more: dict[str, object]) -> None:
        assert self._recorder is not None
        self._recorder.record(WORKER, {"worker.number": number, "worker.state": state, **more})
