from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.channels._rotating import RotatingFile, compress, free_bytes, prune

DAY = 86_400.0


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def rotated(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.iterdir() if each != path)


def test_lines_are_appended_to_what_is_there(path: Path) -> None:
    path.write_bytes(b"old\n")
    file = RotatingFile(path)
    assert file.write(b"one\n") is None
    file.write(b"two\n")
    file.close()
    file.close()
    assert path.read_bytes() == b"old\none\ntwo\n"


def test_missing_directories_are_made_and_others_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "events.jsonl"
    RotatingFile(path).write(b"x\n")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_rotated_before_it_grows_beyond_its_size(path: Path) -> None:
    file = RotatingFile(path, size=10, clock=Clock())
    assert file.write(b"12345678\n") is None
    old = file.write(b"next\n")
    assert old == path.with_name("events.jsonl.20231114T221320.000000Z")
    assert old.read_bytes() == b"12345678\n"
    assert path.read_bytes() == b"next\n"


def test_a_batch_larger_than_a_file_stays_whole(path: Path) -> None:
    file = RotatingFile(path, size=10)
    assert file.write(b"x" * 50 + b"\n") is None
    assert file.write(b"y\n") is not None
    assert path.read_bytes() == b"y\n"


def test_names_are_unique_at_one_time(path: Path) -> None:
    file = RotatingFile(path, size=1, clock=Clock())
    path.with_name("events.jsonl.20231114T221320.000000Z.gz").touch()
    for number in range(4):
        file.write(b"%d\n" % number)
    names = [each.name.removeprefix("events.jsonl.20231114T221320.000000Z") for each in rotated(path)]
    assert names == ["-1", "-2", "-3", ".gz"]
    assert [each.read_bytes() for each in rotated(path)[:3]] == [b"0\n", b"1\n", b"2\n"]


def test_a_file_is_rotated_at_midnight(path: Path) -> None:
    clock = Clock()
    clock.now = DAY * 100 - 10
    file = RotatingFile(path, age=DAY, clock=clock)
    file.write(b"yesterday\n")
    clock.now += 5
    assert file.write(b"late\n") is None
    clock.now += 10
    old = file.write(b"today\n")
    assert old is not None
    assert old.read_bytes() == b"yesterday\nlate\n"
    assert file.write(b"more\n") is None


def test_the_age_of_a_file_outlives_the_process(path: Path) -> None:
    path.write_bytes(b"yesterday\n")
    os.utime(path, (DAY * 100 - 10, DAY * 100 - 10))
    clock = Clock()
    clock.now = DAY * 100 + 10
    assert RotatingFile(path, age=DAY, clock=clock).write(b"today\n") is not None
    assert path.read_bytes() == b"today\n"


def test_a_clock_that_goes_back_rotates_nothing(path: Path) -> None:
    clock = Clock()
    file = RotatingFile(path, age=DAY, clock=clock)
    file.write(b"a\n")
    clock.now -= 3 * DAY
    assert file.write(b"b\n") is None


@pytest.mark.parametrize("how", ["rename", "unlink"])
def test_a_file_that_is_moved_away_is_opened_anew(path: Path, how: str) -> None:
    file = RotatingFile(path)
    file.write(b"a\n")
    if how == "rename":
        path.rename(path.with_name("moved"))
    else:
        path.unlink()
    file.write(b"b\n")
    assert path.read_bytes() == b"b\n"


def test_reopening_is_harmless(path: Path) -> None:
    file = RotatingFile(path)
    file.reopen()
    file.write(b"a\n")
    file.reopen()
    file.write(b"b\n")
    assert path.read_bytes() == b"a\nb\n"


def test_it_stops_before_the_disk_is_full(path: Path) -> None:
    free = 1000
    file = RotatingFile(path, min_free=500, free=lambda _: free)
    file.write(b"a\n")
    free = 501
    with pytest.raises(OSError, match="less than 500 bytes") as caught:
        file.write(b"b\n")
    assert caught.value.errno == errno.ENOSPC
    free = 1000
    file.write(b"c\n")
    assert path.read_bytes() == b"a\nc\n"


def test_free_bytes_asks_the_file_system(path: Path) -> None:
    with path.open("wb") as file:
        assert free_bytes(file.fileno()) > 0


def test_a_device_is_written_and_neither_rotated_nor_measured() -> None:
    file = RotatingFile(Path(os.devnull), size=1, age=1, min_free=10**18)
    assert file.write(b"one\n") is None
    assert file.write(b"two\n") is None


def test_a_full_device_is_an_error_and_tried_again() -> None:
    file = RotatingFile(Path("/dev/full"))
    for _ in range(2):
        with pytest.raises(OSError) as caught:
            file.write(b"x\n")
        assert caught.value.errno == errno.ENOSPC


def test_half_a_batch_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RotatingFile(path)
    file.write(b"whole\n")
    write, calls = os.write, 0

    def disk_fills_up(descriptor: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, bytes(data)[:3])

    monkeypatch.setattr(os, "write", disk_fills_up)
    with pytest.raises(OSError):
        file.write(b"half of this\n")
    monkeypatch.undo()
    assert path.read_bytes() == b"whole\n"
    file.write(b"again\n")
    assert path.read_bytes() == b"whole\nagain\n"


def test_a_directory_in_its_place_is_an_error_and_heals(path: Path) -> None:
    path.mkdir()
    file = RotatingFile(path)
    with pytest.raises(IsADirectoryError):
        file.write(b"a\n")
    path.rmdir()
    file.write(b"b\n")
    assert path.read_bytes() == b"b\n"


def test_a_file_that_cannot_be_rotated_grows_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    file = RotatingFile(path, size=1)
    file.write(b"a\n")
    monkeypatch.setattr(os, "replace", refuse)
    assert file.write(b"b\n") is None
    assert isinstance(file.trouble, PermissionError)
    assert path.read_bytes() == b"a\nb\n"
    monkeypatch.undo()
    assert file.write(b"c\n") is not None
    assert file.trouble is None


def test_closing_does_not_wait_for_a_write_that_hangs(path: Path) -> None:
    file = RotatingFile(path)
    with file._busy:
        file.close()


@given(
    batches=st.lists(st.binary(min_size=1, max_size=30).map(lambda data: data.hex().encode() + b"\n"), max_size=20),
    size=st.integers(0, 60),
    steps=st.lists(st.integers(0, 3), min_size=20, max_size=20),
)
@settings(max_examples=40)
def test_no_line_is_lost_torn_or_out_of_order(
    tmp_path_factory: pytest.TempPathFactory, batches: list[bytes], size: int, steps: list[int]
) -> None:
    path = tmp_path_factory.mktemp("rotating") / "e"
    clock = Clock()
    file = RotatingFile(path, size=size, age=2.0, clock=clock)
    for batch, step in zip(batches, steps, strict=False):
        clock.now += step
        file.write(batch)
    file.close()
    found = sorted(rotated(path), key=lambda each: (each.name[:24], int(each.name.partition("-")[2] or 0)))
    parts = [each.read_bytes() for each in [*found, path] if each.exists()]
    assert b"".join(parts) == b"".join(batches)
    assert all(part.endswith(b"\n") for part in parts)


def test_compressing_leaves_one_whole_file(path: Path) -> None:
    path.write_bytes(b"line\n" * 1000)
    path.chmod(0o640)
    packed = compress(path)
    assert packed.name == "events.jsonl.gz"
    assert gzip.decompress(packed.read_bytes()) == b"line\n" * 1000
    assert packed.stat().st_mode & 0o777 == 0o640
    assert rotated(path) == [packed]
    assert not path.exists()


def test_a_failed_compression_leaves_the_original(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path.write_bytes(b"line\n")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError):
        compress(path)
    assert list(path.parent.iterdir()) == [path]


def test_pruning_keeps_the_youngest_and_touches_nothing_else(path: Path) -> None:
    old = [path.with_name(f"events.jsonl.2023111{day}T000000.000000Z") for day in range(3)]
    packed = path.with_name("events.jsonl.20231120T000000.000000Z-1.gz")
    others = [path, path.with_name("events.jsonl.bak"), path.with_name("other.jsonl.20231110T000000.000000Z")]
    for each in [*old, packed, *others]:
        each.touch()
    assert prune(path, 0) == []
    assert prune(path, 9) == []
    assert prune(path, 2) == old[:2]
    assert set(path.parent.iterdir()) == {old[2], packed, *others}
