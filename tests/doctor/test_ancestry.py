"""Variables of who started us."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from honeystack.doctor import ancestry
from honeystack.doctor.ancestry import MOST_ANCESTORS, inherited

NAME = "HONEYSTACK_TEST_SESSION"
ASK = f"from honeystack.doctor.ancestry import inherited; print(inherited({NAME!r}))"


def process(proc: Path, number: int, parent: int, environment: bytes | None = b"") -> None:
    folder = proc / str(number)
    folder.mkdir()
    (folder / "status").write_text(f"Name:\tsh\nPPid:\t{parent}\n")
    if environment is not None:
        (folder / "environ").write_bytes(environment)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ancestry, "PROC", tmp_path)
    monkeypatch.setattr(os, "getppid", lambda: 9)
    return tmp_path


def test_our_own_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "own")
    assert inherited(NAME) == "own"


def test_what_is_hidden_from_us_is_read_where_it_was_set() -> None:
    hide = f"import os, subprocess, sys; del os.environ[{NAME!r}]; subprocess.run([sys.executable, '-c', {ASK!r}])"
    done = subprocess.run(
        [sys.executable, "-c", hide], env={**os.environ, NAME: "theirs"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "theirs\n"


def test_the_nearest_ancestor_that_has_it_wins(proc: Path) -> None:
    process(proc, 9, 8, b"PATH=/bin\0")
    process(proc, 8, 7, None)
    process(proc, 7, 6, f"A=1\0{NAME}=near\0".encode())
    process(proc, 6, 0, f"{NAME}=far\0".encode())
    assert inherited(NAME) == "near"


def test_where_nobody_has_it_there_is_none(proc: Path) -> None:
    assert inherited(NAME) == ""
    process(proc, 9, 8, f"{NAME}S=other\0X{NAME}=other\0{NAME}=\0".encode())
    process(proc, 8, 0, b"")
    assert inherited(NAME) == ""


def test_a_circle_of_parents_is_left(proc: Path) -> None:
    process(proc, 9, 9)
    assert inherited(NAME) == ""
    assert MOST_ANCESTORS > 1
