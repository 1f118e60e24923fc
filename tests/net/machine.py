"""A machine that is not there: which programs it has, what nft does on it, and which rules of iptables exist."""

from __future__ import annotations

import errno
import os
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from honeystack.net.nft import COMPLETE


class Machine:
    """Stands for subprocess: which programs there are, what nft does, which iptables rules exist."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.nft: str | None = "works"  # None: not installed; otherwise "works" or its complaint
        self.rules: set[tuple[str, ...]] = set()
        self.closed = self.killed = self.stubborn = False
        self.written = b""
        self.processes: list[SimpleNamespace] = []
        monkeypatch.setattr(subprocess, "Popen", self.start)
        monkeypatch.setattr(subprocess, "run", self.run)
        monkeypatch.setattr(os, "pidfd_open", self.open_process)

    def start(self, argv: list[str], *, stderr: Any, **_: object) -> SimpleNamespace:
        if self.nft is None:
            raise FileNotFoundError("nft")
        if self.nft not in ("works", "hangs"):
            stderr.write(f"Error: {self.nft}\nmore\n".encode())
            stderr.flush()
        stdin = SimpleNamespace(write=self.write, flush=lambda: None, close=self.close)
        process = SimpleNamespace(stdin=stdin, poll=lambda: process.status, wait=self.wait, kill=self.kill)
        process.pid, process.status = os.getpid(), None
        self.processes.append(process)
        return process

    def open_process(self, pid: int) -> int:
        raise OSError(errno.ENOSYS, "an old kernel")

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def wait(self, timeout: float | None = None) -> None:
        if self.stubborn and not self.killed:
            raise subprocess.TimeoutExpired("nft", 2)

    def kill(self) -> None:
        self.killed = True

    def run(self, argv: list[str], **_: object) -> SimpleNamespace:
        if argv[0] == "nft":
            return SimpleNamespace(stdout=COMPLETE if self.nft == "works" else "", returncode=0)
        if argv[0] == "missing":
            raise FileNotFoundError(argv[0])
        return SimpleNamespace(returncode=0 if (argv[0], *argv[2:]) in self.rules else 1)
