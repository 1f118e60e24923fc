from __future__ import annotations

import json
import os
import pty
import sys
from collections.abc import Iterator

import pytest
import structlog
import trio
import trio.testing

from honeystack.channels.console import CLOSED, UNWRITABLE, Console
from honeystack.events.bus import Bus, Subscription
from honeystack.logs import LogOutput, set_up_logging
from honeystack.settings import settings_of
from tests.events.samples import SENSOR, event


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def made(number: int) -> tuple[Bus, Subscription]:
    bus = Bus()
    subscription = bus.subscribe("console")
    for each in range(number):
        bus.publish(event({"http.method": "GET"}, number=each))
    return bus, subscription


async def run(console: Console, bus: Bus, subscription: Subscription) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: console.run(subscription, sensor=SENSOR, task_status=task_status))
        assert await bus.drain(10)
    assert subscription.counts().adds_up


async def test_a_pipe_gets_json_lines(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    bus, subscription = made(3)
    await run(Console(descriptor=writer), bus, subscription)
    lines = [json.loads(line) for line in os.read(reader, 65536).splitlines()]
    assert [line["id"] for line in lines] == ["id-000000", "id-000001", "id-000002"]
    assert subscription.counts().written == 3


async def test_ecs_by_setting(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    await run(Console(format="ecs", descriptor=writer), *made(1))
    assert json.loads(os.read(reader, 65536))["event"]["id"] == "id-000000"


async def test_people_by_setting_and_no_colour_in_a_pipe(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    await run(Console(style="people", descriptor=writer), *made(1))
    line = os.read(reader, 65536).decode()
    assert "http/request" in line
    assert line[:-1].isprintable()


@pytest.mark.parametrize(
    ("environment", "style", "coloured", "json_lines"),
    [("", "auto", True, False), ("1", "auto", False, False), ("", "json", False, True)],
)
async def test_a_terminal_gets_lines_for_people(
    monkeypatch: pytest.MonkeyPatch, environment: str, style: str, coloured: bool, json_lines: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", environment)
    leader, terminal = pty.openpty()
    try:
        await run(Console(style=style, descriptor=terminal), *made(1))  # type: ignore[arg-type]
        text = os.read(leader, 65536).decode()
    finally:
        os.close(leader)
        os.close(terminal)
    assert ("\x1b[" in text) is coloured
    assert text.startswith("{") is json_lines


async def test_a_closed_pipe_costs_events_and_is_told_once(
    pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = pipe
    os.close(reader)
    bus, subscription = made(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: Console(descriptor=writer).run(subscription, sensor=SENSOR))
        await subscription.wait_idle()
        bus.publish(event())
        await subscription.wait_idle()
        assert await bus.drain(10)
    assert subscription.counts().dropped == {CLOSED: 3}
    assert subscription.counts().adds_up
    assert capsys.readouterr().err.count("cannot write events to standard output") == 1


async def test_a_full_output_is_told_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        bus, subscription = made(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: Console(descriptor=full).run(subscription, sensor=SENSOR))
            for _ in range(2):
                await subscription.wait_idle()
                bus.publish(event())
            await subscription.wait_idle()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, full)
            os.close(null)
            bus.publish(event())
            assert await bus.drain(10)
    finally:
        os.close(full)
    assert subscription.counts().dropped == {UNWRITABLE: 3}
    assert subscription.counts().written == 1
    assert capsys.readouterr().err.count("cannot write events") == 1


async def test_a_pipe_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    bus = Bus()
    subscription = bus.subscribe("console")
    for number in range(20):
        bus.publish(event({"x": "y" * 10_000}, number=number))
    read = bytearray()

    def read_all() -> None:
        while read.count(b"\n") < 20:
            read.extend(os.read(reader, 4096))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: Console(descriptor=writer).run(subscription, sensor=SENSOR))
        await trio.to_thread.run_sync(read_all)
        await bus.drain(10)
    assert [json.loads(line)["id"] for line in read.splitlines()] == [f"id-{number:06}" for number in range(20)]


async def test_events_and_log_share_a_full_pipe_and_tear_no_line(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = pipe
    bus = Bus()
    subscription = bus.subscribe("console")
    read = bytearray()

    def read_slowly() -> None:
        while read.count(b"\n") < 400:
            read.extend(os.read(reader, 5000))

    with os.fdopen(os.dup(writer), "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        set_up_logging([LogOutput("stdout")])
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: Console(descriptor=writer).run(subscription, sensor=SENSOR))
                nursery.start_soon(trio.to_thread.run_sync, read_slowly)
                for number in range(200):
                    bus.publish(event({"x": "y" * 10_000}, number=number))
                    structlog.get_logger().info("a line of the log " + "z" * 9_000)
                    await trio.lowlevel.checkpoint()
                await subscription.wait_idle()
                await bus.drain(10)
        finally:
            set_up_logging([])
            structlog.reset_defaults()
    lines = read.decode().splitlines()
    assert sum(line.endswith("}") and "id" in json.loads(line) for line in lines) == 200
    assert sum(line.endswith("zzz") and "a line of the log" in line for line in lines) == 200


async def test_a_stopped_terminal_does_not_hold_the_end(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    bus = Bus()
    subscription = bus.subscribe("console")
    bus.publish(event({"x": "y" * 200_000}))  # more than a pipe holds, and nobody reads
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: Console(descriptor=writer).run(subscription, sensor=SENSOR))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert subscription.abandon("stopped") == 1
    assert subscription.counts().adds_up
    os.close(reader)  # lets the thread go


def test_its_settings_are_those_of_the_manual() -> None:
    assert list(settings_of(Console)) == ["style", "format"]
