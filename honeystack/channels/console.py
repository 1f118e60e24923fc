"""The console channel: events on standard output."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable
from functools import partial
from typing import Literal

import attrs
import trio

from honeystack.events.bus import Subscription
from honeystack.events.encode_ecs import encode_ecs
from honeystack.events.encode_honeytrap import encode_honeytrap
from honeystack.events.encode_people import encode_people
from honeystack.events.encode_text import json_line
from honeystack.events.event import Event
from honeystack.events.sensor import Sensor
from honeystack.logs import STANDARD_OUTPUT, alarm
from honeystack.registry import channel
from honeystack.settings import setting

CLOSED = "stdout-closed"
UNWRITABLE = "unwritable"

_FOR_GOOD = (errno.EPIPE, errno.EBADF)  # nobody will ever read this again


@channel("console")
@attrs.frozen
class Console:
    """Writes events to standard output: a coloured line each on a terminal, JSON lines into a pipe or a file.

    When the reader of the pipe goes away, events are dropped and counted, and the honeypot goes on.
    """

    style: Literal["auto", "people", "json"] = setting(
        "people: a compact line for each event; json: JSON lines; auto: people on a terminal, else json",
        default="auto",
    )
    format: Literal["honeytrap", "ecs"] = setting("of the JSON lines", default="honeytrap")
    _descriptor: int = attrs.field(default=1, kw_only=True)

    async def run(
        self, events: Subscription, *, sensor: Sensor, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Write until the events end."""
        write = partial(_write_events, self._descriptor, self._encoder(sensor))
        task_status.started()
        trouble: int | None = None
        async for batch in events.batches():
            if trouble in _FOR_GOOD:
                events.drop(CLOSED, len(batch))
                continue
            try:
                # In a thread, and left behind when cancelled: a terminal may be stopped for hours.
                await trio.to_thread.run_sync(write, batch, abandon_on_cancel=True)
            except OSError as error:
                events.drop(CLOSED if error.errno in _FOR_GOOD else UNWRITABLE, len(batch))
                if trouble is None:
                    alarm("cannot write events to standard output; they are dropped and counted", error=str(error))
                trouble = error.errno
            else:
                trouble = None

    def _encoder(self, sensor: Sensor) -> Callable[[Event], bytes]:
        terminal = os.isatty(self._descriptor)
        if self.style == "people" or (self.style == "auto" and terminal):
            colour = terminal and not os.environ.get("NO_COLOR")
            return lambda event: f"{encode_people(event, colour=colour)}\n".encode()
        encode = encode_ecs if self.format == "ecs" else encode_honeytrap
        return lambda event: json_line(encode(event, sensor))


def _write_events(descriptor: int, encode: Callable[[Event], bytes], batch: list[Event]) -> None:
    rest = memoryview(b"".join(map(encode, batch)))
    with STANDARD_OUTPUT:
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # somebody who shares the pipe made it so
                select.select([], [descriptor], [])
