from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from honeystack.channels import _rotating, file
from honeystack.channels.file import DISK_FULL, UNWRITABLE, File
from honeystack.events.bus import Bus, Subscription
from honeystack.settings import settings_of
from tests.events.samples import SENSOR, event


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


class Running:
    """A file channel at work; `publish` returns when the channel is idle again."""

    def __init__(self, channel: File, nursery: trio.Nursery) -> None:
        self.bus = Bus()
        self.events: Subscription = self.bus.subscribe("file")
        self.number = 0
        self.channel = channel
        nursery.start_soon(lambda: channel.run(self.events, sensor=SENSOR))

    async def publish(self, count: int = 1, **fields: object) -> None:
        for _ in range(count):
            self.bus.publish(event(fields, number=self.number))
            self.number += 1
        await self.events.wait_idle()

    async def stop(self) -> None:
        assert await self.bus.drain(10)
        assert self.events.counts().adds_up


def move(path: Path) -> Path:
    return path.rename(path.with_name("moved"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def test_events_become_lines(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        running = Running(File(filename=path), nursery)
        await running.publish(300)
        await running.stop()
    assert [line["id"] for line in lines(path)] == [f"id-{number:06}" for number in range(300)]
    assert running.events.counts().written == 300


async def test_ecs_by_setting(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        running = Running(File(filename=path, format="ecs"), nursery)
        await running.publish()
        await running.stop()
    assert lines(path)[0]["event"]["id"] == "id-000000"


async def test_it_starts_at_once(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        subscription = Bus().subscribe("file")
        await nursery.start(
            lambda task_status: File(filename=path).run(subscription, sensor=SENSOR, task_status=task_status)
        )
        subscription.close()


async def test_rotated_files_are_compressed_and_pruned(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        running = Running(File(filename=path, rotate_size=10, keep=2, compress=True), nursery)
        for _ in range(5):
            await running.publish()
        await running.stop()
    kept = sorted(path.parent.iterdir())[1:]
    assert [json.loads(gzip.decompress(each.read_bytes()))["id"] for each in kept] == ["id-000002", "id-000003"]
    assert lines(path)[0]["id"] == "id-000004"


async def test_trouble_with_rotated_files_is_only_logged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(file, "prune", refuse)
    with structlog.testing.capture_logs() as logged:
        async with trio.open_nursery() as nursery:
            running = Running(File(filename=path, rotate_size=10), nursery)
            await running.publish()
            await running.publish()
            await running.stop()
    assert [line["event"] for line in logged] == ["cannot tidy rotated files"]
    assert running.events.counts().written == 2


async def test_sighup_opens_the_file_again(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        running = Running(File(filename=path), nursery)
        await running.publish()
        moved = move(path)
        running.channel.reopen()
        await running.publish()
        await running.publish()
        await running.stop()
    assert [line["id"] for line in lines(moved)] == ["id-000000"]
    assert [line["id"] for line in lines(path)] == ["id-000001", "id-000002"]


async def test_a_file_that_cannot_be_written_costs_events_until_it_can(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkdir(path)
    with structlog.testing.capture_logs() as logged:
        async with trio.open_nursery() as nursery:
            running = Running(File(filename=path), nursery)
            await running.publish(2)
            await running.publish()
            os.rmdir(path)
            await running.publish()
            await running.stop()
    assert running.events.counts().dropped == {UNWRITABLE: 3}
    assert [line["id"] for line in lines(path)] == ["id-000003"]
    assert capsys.readouterr().err.count("cannot write events") == 1
    assert [(line["event"], line.get("lost")) for line in logged] == [
        ("cannot write events; they are dropped and counted", None),
        ("events are written again", 3),
    ]


async def test_a_full_disk_costs_events_and_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    async with trio.open_nursery() as nursery:
        running = Running(File(filename=Path("/dev/full")), nursery)
        await running.publish()
        await running.publish()
        await running.stop()
    assert running.events.counts().dropped == {DISK_FULL: 2}
    err = capsys.readouterr().err
    assert err.count("cannot write events") == 1
    assert "No space left on device" in err


async def test_it_stops_before_the_disk_is_full(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        running = Running(File(filename=path, min_free=2**62), nursery)
        await running.publish()
        await running.stop()
    assert running.events.counts().dropped == {DISK_FULL: 1}
    assert lines(path) == []


async def test_a_file_that_cannot_be_rotated_is_told_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(_rotating.os, "replace", refuse)
    async with trio.open_nursery() as nursery:
        running = Running(File(filename=path, rotate_size=10), nursery)
        for _ in range(3):
            await running.publish()
        await running.stop()
    assert len(lines(path)) == 3
    assert capsys.readouterr().err.count("cannot rotate") == 1


async def test_a_cancelled_channel_leaves_its_account_in_order(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        running = Running(File(filename=path), nursery)
        running.bus.publish(event())
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    running.events.abandon("stopped")
    assert running.events.counts().adds_up


@pytest.mark.parametrize("name", ["rotate_size", "rotate_age", "keep", "min_free"])
def test_a_negative_number_is_refused(path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be negative"):
        File(filename=path, **{name: -1})


def test_its_settings_know_the_names_of_honeytrap() -> None:
    known = settings_of(File)
    assert "path" in known["filename"][1].aliases
    assert "maxsize" in known["rotate_size"][1].aliases
    assert "mode" in known
