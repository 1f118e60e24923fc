"""The channel of a worker: its events go to the supervisor, whose channels write them.

The worker's bus is the bound: while the supervisor does not read, events wait there, and what is too much is dropped
and counted. No packet waits for it.
"""

from __future__ import annotations

import trio

from honeystack.events.bus import Subscription
from honeystack.events.encode_marshal import pack_events
from honeystack.events.sensor import Sensor
from honeystack.honeypot import RELOAD, START, STOP
from honeystack.workers.line import Line
from honeystack.workers.messages import Kind

GATHER = 0.02  # seconds between small batches: each costs the supervisor a wake-up, and its channels another
OWN = (START, RELOAD, STOP)  # of the whole honeypot, for the supervisor to tell


class Relay:
    """A channel, as the honeypot runs them."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def run(
        self, events: Subscription, *, sensor: Sensor, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Send until the events end."""
        task_status.started()
        async for batch in events.batches(gather=GATHER):
            told = [event for event in batch if event.kind not in OWN]
            if told:
                await self._line.send(Kind.EVENTS, pack_events(told))
