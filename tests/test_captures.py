"""The folder of captures: bounds on bytes and files, whoever else writes there."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.captures import BLOCK, LEAST_FILES, CaptureFolder


def folder(path: Path, *, total: int = 10**9, files: int = 10**6) -> CaptureFolder:
    return CaptureFolder(path, total=total, files=files, clock=lambda: 1e9)


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_a_file_is_the_owners_and_whole(tmp_path: Path) -> None:
    folder(tmp_path / "new").write("a.pcapng", b"data")
    path = tmp_path / "new" / "a.pcapng"
    assert path.read_bytes() == b"data"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path / "new") == ["a.pcapng"]


def test_of_too_many_files_the_oldest_give_way(tmp_path: Path) -> None:
    captures = folder(tmp_path, files=3)
    for number in range(5):
        captures.write(f"{number}.pcapng", b"")
    assert names(tmp_path) == ["2.pcapng", "3.pcapng", "4.pcapng"]


def test_a_flood_of_one_network_takes_no_others_files(tmp_path: Path) -> None:
    captures = folder(tmp_path, files=6)
    captures.write("00.pcapng", b"", owner="honest")
    for number in range(10, 30):
        captures.write(f"{number}.pcapng", b"", owner="flood")
    captures.write("30.pcapng", b"", owner="other")
    assert names(tmp_path) == [f"{name}.pcapng" for name in ("00", "26", "27", "28", "29", "30")]


def test_many_tiny_files_weigh_as_much_as_a_large_one(tmp_path: Path) -> None:
    captures = folder(tmp_path, total=400 * BLOCK, files=4)
    captures.write("0.pcapng", bytes(50 * BLOCK), owner="honest")
    for number in range(1, 9):
        captures.write(f"{number}.pcapng", b"", owner="flood")
    assert names(tmp_path) == ["0.pcapng", "6.pcapng", "7.pcapng", "8.pcapng"]


def test_whose_a_file_is_outlives_a_look(tmp_path: Path) -> None:
    captures = folder(tmp_path, files=6)
    captures.write("00.pcapng", b"", owner="honest")
    captures.write("01.pcapng", b"", owner="flood")
    captures.write("02.pcapng", b"", owner="flood")
    for name in ("03", "04", "05"):  # of another process
        (tmp_path / f"{name}.pcapng").write_bytes(b"")
    captures._look()
    captures.write("06.pcapng", b"", owner="flood")
    assert names(tmp_path) == [f"{name}.pcapng" for name in ("00", "01", "02", "04", "05", "06")]


def test_tiny_files_count_as_much_as_the_disk_takes(tmp_path: Path) -> None:
    captures = folder(tmp_path, total=3 * BLOCK)
    for number in range(5):
        captures.write(f"{number}.pcapng", b"x")
    assert names(tmp_path) == ["2.pcapng", "3.pcapng", "4.pcapng"]
    captures.write("5.pcapng", bytes(BLOCK + 1))
    assert names(tmp_path) == ["4.pcapng", "5.pcapng"]


def test_what_was_there_before_counts_and_is_older(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.pcapng").write_bytes(b"")
    folder(tmp_path, files=2).write("4.pcapng", b"")
    assert names(tmp_path) == ["3.pcapng", "4.pcapng"]


@given(st.lists(st.integers(0, 5 * BLOCK), max_size=30), st.integers(1, 9), st.integers(1, 9))
def test_no_bound_is_passed(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], blocks: int, files: int
) -> None:
    path = tmp_path_factory.mktemp("captures")
    captures = folder(path, total=blocks * BLOCK, files=files)
    for number, size in enumerate(sizes):
        captures.write(f"{number:02}.pcapng", bytes(size))
        left = [-(-entry.stat().st_size // BLOCK) or 1 for entry in path.iterdir()]
        assert len(left) == 1 or (len(left) <= files and sum(left) <= blocks)


def test_a_file_costs_one_look_among_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda *given: looks.append(1) or glob(*given))
    captures = folder(tmp_path, files=LEAST_FILES * 32)
    for number in range(LEAST_FILES * 4):
        captures.write(f"{number}.pcapng", b"")
    assert len(looks) == 2  # at first, and after a sixteenth of the bound


def test_the_files_of_another_process_are_seen_after_a_sixteenth(tmp_path: Path) -> None:
    one, other = folder(tmp_path, files=100), folder(tmp_path, files=100)
    for number in range(400):
        (one, other)[number % 2].write(f"{number:04}.pcapng", b"")
    assert len(names(tmp_path)) <= 100 + 2 * LEAST_FILES


def test_threads_that_write_at_a_time_keep_the_bounds(tmp_path: Path) -> None:
    captures = folder(tmp_path, total=8 * BLOCK, files=8)
    most = []

    def write(who: int) -> None:
        for number in range(20):
            captures.write(f"{number}-{who}.pcapng", bytes(100))
            most.append(len(list(tmp_path.glob("[0-9]*.pcapng"))))

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= max(most) <= 8


def test_what_is_no_longer_wanted_leaves_nothing_and_takes_no_room(tmp_path: Path) -> None:
    captures = folder(tmp_path, files=2)
    captures.write("0.pcapng", b"")
    for number in range(1, 9):
        captures.write(f"{number}.pcapng", b"", wanted=lambda: False)
    captures.write("9.pcapng", b"")
    assert names(tmp_path) in (["9.pcapng"], ["0.pcapng", "9.pcapng"])
    captures.write("99.pcapng", b"")
    assert names(tmp_path) == ["9.pcapng", "99.pcapng"]


def test_a_disk_that_is_full_is_an_error_and_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _: Any) -> None:
        path.touch()
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="space"):
        folder(tmp_path).write("a.pcapng", b"")
    assert names(tmp_path) == []


def test_drafts_of_another_process_are_let_alone_until_they_are_stale(tmp_path: Path) -> None:
    fresh, stale = (tmp_path / name for name in (".fresh.pcapng", ".stale.pcapng"))
    for path in (fresh, stale):
        path.write_bytes(bytes(100))
        os.utime(path, (1e9, 1e9))
    os.utime(stale, (1e9 - 61, 1e9 - 61))
    folder(tmp_path, total=1).write("a.pcapng", b"")
    assert names(tmp_path) == [".fresh.pcapng", "a.pcapng"]


def test_a_file_that_another_process_has_taken_away_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: [tmp_path / "gone.pcapng"])
    folder(tmp_path).write("a.pcapng", b"")
    assert names(tmp_path) == ["a.pcapng"]
