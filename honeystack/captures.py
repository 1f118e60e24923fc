"""The folder of captures: files by connection id, within a number of bytes and of files, of which the oldest give way.

They are the oldest of the network that takes most of the folder, so that its flood takes no other's captures. Whose a
file is, is known of those that this process has written; all others, as those of its last run, count as one network's.

What is there is known from one look into the folder and from what was written since, so that a file costs the same
however many there are. Several processes may share the folder: each looks again after a sixteenth of a bound, which is
as far as each can be mistaken.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from honeystack.shares import Shares

BLOCK = 4096  # bytes that a disk takes at a time, so that many tiny files do not fill it
STALE_SECONDS = 60.0  # a draft that is older will never be a file
LOOK_AGAIN = 16  # parts of a bound
LEAST_FILES = 64  # written between two looks, as a look costs something too


class CaptureFolder:
    """Input: `write`, from any thread; several may write at a time. Output: files that only the owner may read."""

    def __init__(self, path: Path, *, total: int, files: int, clock: Callable[[], float]) -> None:
        """At most `total` bytes in at most `files`; `clock` gives seconds since 1970."""
        self._path = path
        self._total = total
        self._count = files
        self._clock = clock
        self._lock = threading.Lock()
        self._sizes: dict[Path, int] = {}  # what each file takes
        self._taken = 0  # bytes, by them together
        self._shares = Shares[Path]()
        self._least_share = max(1, total // files)  # a file takes that of what may be there, as small as it may be
        self._under_way: dict[Path, int] = {}  # those that are being written
        self._looked = False
        self._files = self._bytes = 0  # written since the last look

    def write(self, name: str, data: bytes, *, owner: str = "", wanted: Callable[[], bool] = lambda: True) -> None:
        """Write a file at once with all its content, if it is still wanted then. Raises OSError where that fails.

        `owner` is the network that it came from.
        """
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, draft = self._path / name, self._path / f".{name}"
        with self._lock:
            self._make_room(path, _taken_by(len(data)))
        written = False
        try:
            draft.write_bytes(data)
            draft.chmod(0o600)
            if wanted():
                draft.replace(path)
                written = True
        finally:
            with self._lock:
                self._written(path, owner, written)
            if not written:
                draft.unlink(missing_ok=True)

    def _make_room(self, path: Path, size: int) -> None:
        """Connection ids sort by time, so the names do."""
        many = self._files >= self._count // LOOK_AGAIN or self._bytes >= self._total // LOOK_AGAIN
        if not self._looked or (many and self._files >= LEAST_FILES):
            self._look()
        taken = sum(self._under_way.values()) + size
        count = len(self._under_way) + 1
        while self._sizes and (self._taken + taken > self._total or len(self._sizes) + count > self._count):
            heaviest = self._shares.heaviest()
            assert heaviest is not None, "each file has its share"
            oldest = self._shares.oldest_of(heaviest)
            self._forget(oldest)
            oldest.unlink(missing_ok=True)
        self._under_way[path] = size
        self._files += 1
        self._bytes += size

    def _written(self, path: Path, owner: str, is_there: bool) -> None:
        size = self._under_way.pop(path)
        if is_there:
            self._forget(path)
            self._remember(path, owner, size)

    def _remember(self, path: Path, owner: str, size: int) -> None:
        self._taken += size
        self._sizes[path] = size
        self._shares.add(owner, path, max(size, self._least_share))

    def _forget(self, path: Path) -> None:
        self._taken -= self._sizes.pop(path, 0)
        self._shares.remove(path)

    def _look(self) -> None:
        """See what is there: O(files). Drafts of a process that died on them are taken away."""
        sizes = {}
        for path in sorted(self._path.glob("*.pcapng")):
            with contextlib.suppress(FileNotFoundError):  # another has just made room
                facts = path.stat()
                if not path.name.startswith("."):
                    sizes[path] = _taken_by(facts.st_size)
                elif facts.st_mtime + STALE_SECONDS < self._clock():
                    path.unlink()
        before, self._shares = self._shares, Shares()
        self._sizes, self._taken = {}, 0
        for path, size in sizes.items():
            self._remember(path, before.owner_of(path) or "", size)
        self._looked = True
        self._files = self._bytes = 0


def _taken_by(size: int) -> int:
    """Whole blocks, and the entry of an empty file."""
    return max(1, -(-size // BLOCK)) * BLOCK
