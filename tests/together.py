"""The suite in several processes at once, by pytest-xdist: what stays together, what comes first, what has no company.

Most of what runs on the wire waits most of the time, so `make test` has more processes than there are cores. The tests
of a file run in one process, in their order. Who measures load or speed is marked `alone`: such tests come last, and
while one of them runs no other does. Who waits, and measures when an answer comes, is marked `punctual`: it has
company, but its processes come before those of others.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

AHEAD = -15  # how nice a punctual test is, and what it starts
# Files that take minutes, and whose tests need not wait for one another: each case, or each test, goes by itself.
BY_CASE = {"tests/live/test_against_linux.py"}
BY_TEST = {"tests/live/test_tls_matrix.py", "tests/live/test_tls_threats.py", "tests/live/test_weak_stacks.py"}


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives whole files to processes, with few exceptions, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, name = nodeid.partition("::")
        if file in BY_TEST:
            return nodeid
        return file + name.partition("[")[2] if file in BY_CASE else file


class Controller:
    """A plug-in of the process that gives out the tests."""

    @pytest.hookimpl
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> Scheduling:
        config.option.loadscopereorder = False  # by size, which says nothing of how long a file takes
        return Scheduling(config, log)


class Worker:
    """A plug-in of a process that runs some of them."""

    def __init__(self, folder: Path) -> None:
        self._gate, self._room = folder / "gate.lock", folder / "room.lock"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Long before short, so that no process is left with a long one; and last those that run alone."""
        items.sort(key=lambda item: [not has(item, mark) for mark in ("live", "slow")])
        items.sort(key=lambda item: has(item, "alone"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        with self.admitted(alone=has(item, "alone")), ahead() if has(item, "punctual") else contextlib.nullcontext():
            return (yield)

    @contextlib.contextmanager
    def admitted(self, *, alone: bool) -> Iterator[None]:
        """In the room; who waits there to be alone keeps the gate, so that nobody overtakes."""
        with self._room.open("w") as room:
            with self._gate.open("w") as gate:
                fcntl.flock(gate, fcntl.LOCK_EX)
                fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield


@contextlib.contextmanager
def ahead() -> Iterator[None]:
    """For this thread, and what it starts meanwhile. As it was, where we may not."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, AHEAD)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


def has(item: pytest.Item, mark: str) -> bool:
    return item.get_closest_marker(mark) is not None


def configure(config: pytest.Config) -> None:
    """Register what this process needs; nothing where the tests run in one."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker(Path(config.option.basetemp).parent))
    elif config.getoption("numprocesses", None):
        config.pluginmanager.register(Controller())
