"""A worker's process has its line and its tap, and nothing else of ours; its end is seen."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest
import trio

import honeystack
from honeystack.workers import launch
from honeystack.workers.launch import Worker, command, describe, environment

SPEAKS = "import os, sys; os.write(int(sys.argv[1]), b'%d' % os.getsid(0)); os.read(int(sys.argv[1]), 1)"


def runs(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(launch, "command", lambda descriptor: [sys.executable, "-c", code, str(descriptor)])


async def test_it_speaks_over_its_line_in_a_session_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, SPEAKS)
    worker = Worker()
    with trio.fail_after(20):
        assert int(await worker.stream.receive_some()) == worker.pid
        await worker.stream.send_all(b"!")
        assert await worker.wait() == 0
        assert await worker.wait() == 0
        assert await worker.stream.receive_some() == b""
    await worker.stream.aclose()


async def test_it_inherits_the_descriptors_that_it_is_given_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    runs(monkeypatch, "import os, sys; os.write(int(sys.argv[1]), ' '.join(os.listdir('/proc/self/fd')).encode())")
    with ours, theirs:
        worker = Worker([theirs.fileno()])
        with trio.fail_after(20):
            seen = {int(number) for number in (await worker.stream.receive_some()).split()}
            await worker.wait()
        assert theirs.fileno() in seen
        assert ours.fileno() not in seen
    await worker.stream.aclose()


async def test_one_that_is_killed_says_by_which_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, SPEAKS)
    worker = Worker()
    worker.kill()
    with trio.fail_after(20):
        assert describe(await worker.wait()) == "SIGKILL"
    worker.kill()
    await worker.stream.aclose()


@pytest.mark.parametrize(
    ("status", "text"), [(0, "exit status 0"), (3, "exit status 3"), (-signal.SIGSEGV, "SIGSEGV"), (-63, "signal 63")]
)
def test_ends_are_told_in_words(status: int, text: str) -> None:
    assert describe(status) == text


def test_it_finds_honeystack_where_we_did_and_nothing_in_the_working_directory() -> None:
    assert command(9)[1:] == ["-P", "-m", "honeystack.workers.worker", "9"]
    place = str(Path(honeystack.__path__[0]).parent)
    assert environment({"A": "b"}) == {"A": "b", "PYTHONPATH": place}
    assert environment({"PYTHONPATH": "/x"})["PYTHONPATH"] == os.pathsep.join([place, "/x"])
