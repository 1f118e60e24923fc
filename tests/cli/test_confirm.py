from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import trio
import trio.testing

from honeystack.cli.confirm import wait_confirmed, wait_line


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    if writer > 0:
        try:
            os.close(writer)
        except OSError:
            return  # the test has closed it


async def test_a_line_in_time_confirms(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"yes\n")
    assert await wait_confirmed(5, trio.Event(), descriptor=pipe[0])


async def test_a_signal_in_time_confirms(pipe: tuple[int, int]) -> None:
    signalled = trio.Event()
    signalled.set()
    assert await wait_confirmed(5, signalled, descriptor=pipe[0])


async def test_nothing_in_time_does_not(
    pipe: tuple[int, int], autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not await wait_confirmed(30, trio.Event(), descriptor=pipe[0])
    assert trio.current_time() == pytest.approx(30)
    said = capsys.readouterr().err
    assert f"SIGUSR1 to process {os.getpid()} within 30 seconds" in said


async def test_half_a_line_does_not(pipe: tuple[int, int], autojump_clock: trio.testing.MockClock) -> None:
    os.write(pipe[1], b"ye")
    assert not await wait_confirmed(30, trio.Event(), descriptor=pipe[0])


async def test_an_end_of_input_does_not(pipe: tuple[int, int], autojump_clock: trio.testing.MockClock) -> None:
    os.close(pipe[1])
    assert not await wait_confirmed(30, trio.Event(), descriptor=pipe[0])


async def test_a_file_cannot_be_waited_for_and_does_not(tmp_path: Any, autojump_clock: trio.testing.MockClock) -> None:
    (tmp_path / "input").write_text("yes\n")
    descriptor = os.open(tmp_path / "input", os.O_RDONLY)
    try:
        assert not await wait_confirmed(30, trio.Event(), descriptor=descriptor)
    finally:
        os.close(descriptor)


async def test_a_line_may_come_in_pieces(pipe: tuple[int, int]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_line, pipe[0])
        for piece in (b"y", b"es", b"\n"):
            os.write(pipe[1], piece)
            await trio.testing.wait_all_tasks_blocked()
