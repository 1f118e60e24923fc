"""A worker's process: started with its end of the line and its tap, seen to its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import trio

import honeystack

BUFFER = 1 << 20  # bytes of messages that wait in the kernel: some thousand events


class Process(Protocol):
    """What a keeper asks of a worker's process."""

    pid: int
    stream: trio.abc.Stream

    async def wait(self) -> int:
        """Until it has ended: its exit status, or the negative number of a signal."""
        ...

    def kill(self) -> None:
        """End it at once; idempotent."""
        ...


class Worker:
    """A running process of `honeystack.workers.worker`.

    Started from the thread that runs Trio and nowhere else: the kernel ends a worker with the *thread* that made it.
    """

    def __init__(self, descriptors: Sequence[int] = ()) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            ours.setblocking(False)
            self.stream: trio.abc.Stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
            self._process = subprocess.Popen(
                command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *descriptors),
                env=environment(os.environ),
                start_new_session=True,  # an interrupt from the terminal is the supervisor's to obey
            )
        self.pid = self._process.pid

    async def wait(self) -> int:
        if self._process.poll() is None:
            ended = os.pidfd_open(self.pid)
            try:
                await trio.lowlevel.wait_readable(ended)
            finally:
                os.close(ended)
        return self._process.wait()

    def kill(self) -> None:
        self._process.kill()


def command(descriptor: int) -> list[str]:
    """What runs a worker; the working directory is none of its places to import from."""
    return [sys.executable, "-P", "-m", "honeystack.workers.worker", str(descriptor)]


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Our environment, with the place that honeystack was imported from."""
    places = [str(Path(honeystack.__path__[0]).parent), ours.get("PYTHONPATH", "")]
    return {**ours, "PYTHONPATH": os.pathsep.join(filter(None, places))}


def describe(status: int) -> str:
    """An end of a process in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
