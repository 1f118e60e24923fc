"""Directories and files that can be written, cannot, or are on a full disk."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from honeystack.channels.console import Console
from honeystack.channels.file import File
from honeystack.doctor.places import check_channels, check_data
from tests.doctor.fakes import GIB, FakeMachine, statuses


def test_a_data_directory_that_is_there_or_can_be_made_is_fine(tmp_path: Path) -> None:
    [there] = check_data(FakeMachine(), tmp_path)
    assert (there.status.value, there.message) == ("fine", f"{tmp_path} can be written; 75.0 GiB are free")
    [not_yet] = check_data(FakeMachine(), tmp_path / "a" / "b")
    assert not_yet.message == f"{tmp_path}/a/b can be made and written; 75.0 GiB are free"
    assert list(tmp_path.iterdir()) == []


def test_one_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    [found] = check_data(FakeMachine(may_write=False), tmp_path / "data")
    assert (found.status.value, found.remedy) == ("fault", f"install -d -m 700 -o $USER {tmp_path}/data")


def test_a_file_in_its_place_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    for path in (tmp_path / "data", tmp_path / "data" / "more"):
        [found] = check_data(FakeMachine(), path)
        assert (found.status.value, found.message) == ("fault", f"{tmp_path}/data is no directory")


@pytest.mark.parametrize(("free", "status"), [(GIB, "fine"), (GIB - 1, "warning"), (10 * 1024**2, "fault")])
def test_a_disk_that_fills_up_is_told_in_time(tmp_path: Path, free: int, status: str) -> None:
    [found] = check_data(FakeMachine(free_bytes=free), tmp_path)
    assert found.status.value == status
    assert ("but only" in found.message) == (status != "fine")
    assert found.remedy == ("" if status == "fine" else f"du -xh --max-depth=1 {tmp_path}")
    [file] = check_channels(FakeMachine(free_bytes=free), {"out": File(filename=tmp_path / "events")})
    assert file.status.value == status


def test_what_little_is_free_is_said_as_such(tmp_path: Path) -> None:
    [found] = check_data(FakeMachine(free_bytes=10 * 1024**2), tmp_path)
    assert found.message == f"{tmp_path} can be written, but only 10 MiB are free"


def test_no_channel_is_told() -> None:
    assert statuses(list(check_channels(FakeMachine(), {}))) == ["warning"]


def test_channels_without_files_have_nothing_to_be_looked_at() -> None:
    assert list(check_channels(FakeMachine(), {"console": Console()})) == []


def test_the_file_of_a_channel_can_be_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")
    channels = {"one": File(filename=tmp_path / "old"), "two": File(filename=tmp_path / "deep" / "new")}
    found = list(check_channels(FakeMachine(), channels))
    assert statuses(found) == ["fine", "fine"]
    assert found[0].message == f"one: {tmp_path}/old can be written; 75.0 GiB are free"
    assert sorted(tmp_path.iterdir()) == [tmp_path / "old"]


def test_a_file_that_cannot_be_one_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    channels = {"folder": File(filename=tmp_path), "below": File(filename=tmp_path / "file" / "events")}
    folder, below = check_channels(FakeMachine(), channels)
    assert (folder.status.value, folder.message) == ("fault", f"folder: {tmp_path} is a directory")
    assert (below.status.value, below.message) == ("fault", f"below: {tmp_path}/file is no directory")
    [locked] = check_channels(FakeMachine(may_write=False), {"out": File(filename=tmp_path / "a" / "events")})
    assert (locked.status.value, locked.remedy) == ("fault", f"install -d -o $USER {tmp_path}/a")


def test_settings_of_channels_are_only_read(tmp_path: Path) -> None:
    channel = File(filename=tmp_path / "a" / "events")
    before = attrs.asdict(channel)
    list(check_channels(FakeMachine(), {"out": channel}))
    assert attrs.asdict(channel) == before
