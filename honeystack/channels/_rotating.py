"""A file that grows by whole batches of lines and is rotated; blocking, for a thread.

Each `write` stands wholly in the file or not at all: what a full disk cut off is taken back. The current file bears
the configured name; a rotated one gets the time appended, under a name that was free, in one step.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_STAMPED = re.compile(r"\.\d{8}T\d{6}\.\d{6}Z(-\d+)?(\.gz)?")


def free_bytes(descriptor: int) -> int:
    """What an ordinary user may still write on the file system of an open file."""
    facts = os.fstatvfs(descriptor)
    return facts.f_bavail * facts.f_frsize


@attrs.define
class RotatingFile:
    """Inputs: `write`, `reopen`, `close`, from one thread at a time. Every failure is an OSError.

    `size` in bytes and `age` in seconds rotate the file, 0 never; ages end at whole multiples since the epoch, so
    that a day's file ends at midnight UTC. `min_free` bytes of disk are left alone.
    """

    path: Path
    size: int = 0
    age: float = 0.0
    min_free: int = 0
    mode: int = 0o600
    clock: Callable[[], float] = time.time
    free: Callable[[int], int] = free_bytes
    trouble: OSError | None = attrs.field(default=None, init=False)  # why the last rotation failed
    _descriptor: int | None = attrs.field(default=None, init=False)
    _regular: bool = attrs.field(default=True, init=False)
    _length: int = attrs.field(default=0, init=False)
    _period: float = attrs.field(default=0.0, init=False)
    _busy: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def write(self, data: bytes) -> Path | None:
        """Append whole lines. Returns the name of the file that was rotated before, if one was."""
        with self._busy:
            try:
                return self._write(data)
            except OSError:
                self._close()  # the next write opens anew, which heals what a new file can heal
                raise

    def reopen(self) -> None:
        """Open the path again before the next write: somebody has moved the file away."""
        with self._busy:
            self._close()

    def close(self) -> None:
        """Close the file, unless a write that was left behind still hangs in it."""
        if self._busy.acquire(blocking=False):
            self._close()
            self._busy.release()

    def _write(self, data: bytes) -> Path | None:
        descriptor = self._opened()
        rotated = None
        if self._due(len(data)):
            rotated = self._rotate()
            descriptor = self._opened()
        if self._regular and self.min_free and self.free(descriptor) - len(data) < self.min_free:
            raise OSError(errno.ENOSPC, f"less than {self.min_free} bytes would be left on the disk", str(self.path))
        self._append(descriptor, data)
        self._period = self._period_now()
        return rotated

    def _append(self, descriptor: int, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            if self._regular and len(rest) < len(data):
                os.ftruncate(descriptor, os.fstat(descriptor).st_size - (len(data) - len(rest)))
            raise
        self._length += len(data)

    def _opened(self) -> int:
        if self._descriptor is not None and not self._still_there(self._descriptor):
            self._close()
        if self._descriptor is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, self.mode)
            facts = os.fstat(self._descriptor)
            self._regular = stat.S_ISREG(facts.st_mode)
            self._length = facts.st_size
            self._period = facts.st_mtime // self.age if self.age and self._length else self._period_now()
        return self._descriptor

    def _still_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except OSError:
            return False

    def _due(self, more: int) -> bool:
        if not (self._regular and self._length):
            return False
        return bool(self.size and self._length + more > self.size) or self._period_now() > self._period

    def _period_now(self) -> float:
        return self.clock() // self.age if self.age else 0.0

    def _rotate(self) -> Path | None:
        """Move the file away. Where that fails, the file grows on: a line in a long file beats no line."""
        try:
            target = self._free_name()
            os.replace(self.path, target)
        except OSError as error:
            self.trouble = error
            return None
        self.trouble = None
        self._close()
        return target

    def _free_name(self) -> Path:
        stamp = datetime.fromtimestamp(self.clock(), UTC).strftime(_STAMP)
        name, number = f"{self.path.name}.{stamp}", 0
        while True:
            target = self.path.with_name(f"{name}-{number}" if number else name)
            number += 1
            if target.with_name(f"{target.name}.gz").exists():
                continue
            with contextlib.suppress(FileExistsError):
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, self.mode))
                return target

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):  # the kernel has closed it in any case
                os.close(descriptor)


def compress(path: Path) -> Path:
    """Replace a rotated file by its gzip; a reader never sees half of one."""
    target, part = path.with_name(f"{path.name}.gz"), path.with_name(f"{path.name}.gz.part")
    try:
        with path.open("rb") as plain, gzip.open(part, "wb", compresslevel=6) as packed:
            shutil.copyfileobj(plain, packed, 1024 * 1024)
        shutil.copymode(path, part)
        os.replace(part, target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    path.unlink()
    return target


def prune(path: Path, keep: int) -> list[Path]:
    """Delete all but the youngest `keep` rotated files of a path; 0 keeps all. Returns what was deleted."""
    if not keep:
        return []
    front = len(path.name)
    rotated = sorted(
        each
        for each in path.parent.iterdir()
        if each.name.startswith(path.name) and _STAMPED.fullmatch(each.name, front)
    )
    old = rotated[:-keep]
    for each in old:
        each.unlink(missing_ok=True)
    return old
