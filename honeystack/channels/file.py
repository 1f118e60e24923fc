"""The file channel: events as JSON lines in a file that is rotated."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import attrs
import structlog
import trio

from honeystack.channels._rotating import RotatingFile, compress, prune
from honeystack.events.bus import Subscription
from honeystack.events.encode_ecs import encode_ecs
from honeystack.events.encode_lines import HoneytrapLines
from honeystack.events.encode_text import json_line
from honeystack.events.event import Event
from honeystack.events.sensor import Sensor
from honeystack.logs import alarm
from honeystack.registry import channel
from honeystack.settings import setting

DISK_FULL = "disk-full"
UNWRITABLE = "unwritable"

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MEBIBYTE = 1024 * 1024

BATCH = (
    1024  # events; a millisecond or two of encoding, which no thread would take off a core that is busy with packets
)
GATHER = 0.02  # seconds between small batches: each goes into the thread and back, for 100 µs of a busy core

log = structlog.get_logger()


def _not_negative(_: Any, attribute: attrs.Attribute[Any], value: float) -> None:
    if value < 0:
        raise ValueError(f"{attribute.name} cannot be negative; 0 switches it off")


@attrs.define
class _Reopen:
    wanted: bool = False


@channel("file")
@attrs.frozen
class File:
    """Appends events to a file as JSON lines.

    The file is rotated by size and by age, and opened again after SIGHUP or when it was moved away, so that logrotate
    works too. Before the disk is full, and whenever the file cannot be written, events are dropped and counted, which
    is told once on standard error; writing goes on as soon as it can.
    """

    filename: Path = setting("the file; missing directories are made", aliases=("path",), example="events.jsonl")
    format: Literal["honeytrap", "ecs"] = setting("of each line", default="honeytrap")
    rotate_size: int = setting(
        "a new file begins before this one grows beyond it; 0 = never",
        default=100 * _MEBIBYTE,
        aliases=("maxsize", "max_size"),
        unit="bytes",
        validator=_not_negative,
    )
    rotate_age: float = setting(
        "a new file begins when this time is over, counted from midnight UTC; 0 = never",
        default=86_400.0,
        unit="seconds",
        validator=_not_negative,
    )
    keep: int = setting("rotated files that are kept; 0 = all", default=30, validator=_not_negative)
    compress: bool = setting("rotated files are compressed with gzip", default=False)
    min_free: int = setting(
        "disk space that is left alone: below it events are dropped and counted; 0 = none",
        default=100 * _MEBIBYTE,
        unit="bytes",
        validator=_not_negative,
    )
    mode: int = setting("permissions of new files; events may hold passwords that peers tried", default=0o600)
    _reopen: _Reopen = attrs.field(factory=_Reopen, init=False, repr=False, eq=False)

    async def run(
        self, events: Subscription, *, sensor: Sensor, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Write until the events end."""
        file = RotatingFile(self.filename, self.rotate_size, self.rotate_age, self.min_free, self.mode)
        task_status.started()
        try:
            async with trio.open_nursery() as nursery:
                await self._write(events, file, sensor, nursery)
        finally:
            file.close()

    def reopen(self) -> None:
        """Open the file again before the next line."""
        self._reopen.wanted = True

    async def _write(self, events: Subscription, file: RotatingFile, sensor: Sensor, nursery: trio.Nursery) -> None:
        encode = self._encoder(sensor)
        report = _Report(self.filename)
        async for batch in events.batches(BATCH, gather=GATHER):
            if self._reopen.wanted:
                self._reopen.wanted = False
                file.reopen()
            try:
                # Left behind when cancelled: a network file system may hang for ever.
                data = b"".join(map(encode, batch))
                rotated = await trio.to_thread.run_sync(file.write, data, abandon_on_cancel=True)
            except OSError as error:
                events.drop(DISK_FULL if error.errno in _FULL else UNWRITABLE, len(batch))
                report.failed(error, len(batch))
                continue
            report.worked(file.trouble)
            if rotated is not None:
                nursery.start_soon(self._tidy, rotated)

    def _encoder(self, sensor: Sensor) -> Callable[[Event], bytes]:
        if self.format == "ecs":
            return lambda event: json_line(encode_ecs(event, sensor))
        return HoneytrapLines(sensor)

    async def _tidy(self, rotated: Path) -> None:
        """Compress and prune beside the writing; a failure costs disk space only."""
        try:
            if self.compress:
                await trio.to_thread.run_sync(compress, rotated)
            await trio.to_thread.run_sync(prune, self.filename, self.keep)
        except OSError as error:
            log.warning("cannot tidy rotated files", file=str(rotated), error=str(error))


@attrs.define
class _Report:
    """Tells a trouble once, and its end with what it cost."""

    path: Path
    lost: int = 0
    rotation_told: bool = False

    def failed(self, error: OSError, count: int) -> None:
        if not self.lost:
            reason = error.strerror or str(error)
            alarm("cannot write events; they are dropped and counted", file=str(self.path), error=reason)
        self.lost += count

    def worked(self, rotation: OSError | None) -> None:
        if self.lost:
            log.warning("events are written again", file=str(self.path), lost=self.lost)
            self.lost = 0
        if rotation is not None and not self.rotation_told:
            alarm("cannot rotate the events' file; it grows on", file=str(self.path), error=str(rotation))
        self.rotation_told = rotation is not None
