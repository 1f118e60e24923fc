"""What the shell knows that started us, where sudo(8) and its like pass it on to nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")  # proc(5)
MOST_ANCESTORS = 64


def inherited(name: str) -> str:
    """A variable of this process, else of the nearest ancestor that has it and may be read; "" where nobody has it."""
    if found := os.environ.get(name, ""):
        return found
    return next((value for process in _ancestors() if (value := _variable(process, name))), "")


def _ancestors() -> Iterator[int]:
    process = os.getppid()
    for _ in range(MOST_ANCESTORS):
        if process <= 0:
            return
        yield process
        process = _parent(process)


def _parent(process: int) -> int:
    try:
        lines = (PROC / str(process) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("PPid:")), 0)


def _variable(process: int, name: str) -> str:
    try:
        pairs = (PROC / str(process) / "environ").read_bytes().split(b"\0")
    except OSError:  # another user's, or gone
        return ""
    start = os.fsencode(name) + b"="
    return next((os.fsdecode(pair[len(start) :]) for pair in pairs if pair.startswith(start)), "")
