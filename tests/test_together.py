"""How the suite is shared out among processes: what stays together, and that who runs alone has no company."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.together import AHEAD, BY_CASE, BY_TEST, Scheduling, Worker, ahead


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("tests/live/test_run.py::test_a", "tests/live/test_run.py::test_b[x]", True),
        ("tests/live/test_run.py::test_a", "tests/live/test_demo.py::test_a", False),
        ("tests/live/test_against_linux.py::test_a[run]", "tests/live/test_against_linux.py::test_b[run]", True),
        ("tests/live/test_against_linux.py::test_a[run]", "tests/live/test_against_linux.py::test_a[library]", False),
        ("tests/live/test_weak_stacks.py::test_a[x]", "tests/live/test_weak_stacks.py::test_a[y]", False),
    ],
)
def test_a_file_stays_in_one_process_but_for_the_longest(one: str, other: str, together: bool) -> None:
    scope = Scheduling._split_scope
    assert (scope(None, one) == scope(None, other)) is together


def test_the_longest_are_where_they_are_thought_to_be() -> None:
    assert [file for file in BY_CASE | BY_TEST if not (Path(__file__).parents[1] / file).exists()] == []


class Visitor:
    """Somebody in another process, as far as locks are concerned: each holds descriptors of its own."""

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self.inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._visit, args=(Worker(folder), alone))
        self._thread.start()

    def _visit(self, worker: Worker, alone: bool) -> None:
        with worker.admitted(alone=alone):
            self.inside.set()
            self._leave.wait(60)

    def leave(self) -> None:
        self._leave.set()
        self._thread.join(60)


def test_many_are_in_the_room_at_once_and_who_is_alone_waits_for_them(tmp_path: Path) -> None:
    first, second = Visitor(tmp_path, alone=False), Visitor(tmp_path, alone=False)
    assert first.inside.wait(60)
    assert second.inside.wait(60)
    hermit = Visitor(tmp_path, alone=True)
    first.leave()
    assert not hermit.inside.is_set()
    second.leave()
    assert hermit.inside.wait(60)
    late = Visitor(tmp_path, alone=False)
    assert not late.inside.is_set()
    hermit.leave()
    assert late.inside.wait(60)
    late.leave()


def test_who_is_punctual_comes_first_for_as_long_as_it_takes() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with ahead():
        assert os.getpriority(os.PRIO_PROCESS, 0) in (AHEAD, before)  # where we may not
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
