"""`python -m bench.profiled FILE ARGUMENTS...`: honeystack under cProfile, from one SIGUSR2 to the next."""

from __future__ import annotations

import cProfile
import json
import signal
import sys
from pathlib import Path
from types import CodeType
from typing import Any

from honeystack.cli.main import main

Totals = dict[str, tuple[int, float, float]]  # function → calls, seconds of its own, seconds with what it calls


def watch(file: Path) -> cProfile.Profile:
    """Write what came between two signals: what starting and stopping cost is in no profile."""
    profile = cProfile.Profile()
    marks: list[list[Any]] = []

    def mark(*_: object) -> None:  # a handler cannot switch a profile on: Python would look at its own frames only
        marks.append(profile.getstats())
        if len(marks) == 2:
            file.write_text(json.dumps(since(*map(totals, marks))))

    signal.signal(signal.SIGUSR2, mark)
    return profile


def totals(entries: list[Any]) -> Totals:
    """By function, what `_lsprof` has counted."""
    return {_name(entry.code): (entry.callcount, entry.inlinetime, entry.totaltime) for entry in entries}


def since(before: Totals, now: Totals) -> Totals:
    """What has been added."""
    nothing = (0, 0.0, 0.0)
    return {
        name: (
            calls - before.get(name, nothing)[0],
            own - before.get(name, nothing)[1],
            whole - before.get(name, nothing)[2],
        )
        for name, (calls, own, whole) in now.items()
    }


def _name(code: CodeType | str) -> str:
    if isinstance(code, str):
        return code
    parts = Path(code.co_filename).parts
    start = next((at for at, part in enumerate(parts) if part in ("honeystack", "trio")), -2)
    return f"{'/'.join(parts[start:])}:{code.co_firstlineno} {code.co_name}"


if __name__ == "__main__":
    watch(Path(sys.argv[1])).runcall(main, sys.argv[2:], prog_name="honeystack")
