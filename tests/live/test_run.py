"""`honeystack run` as a process: it says when it is ready, tells systemd, reloads, and stops in order."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

CONFIG = """\
[listener]
type = "socket"
addresses = ["127.0.0.1"]
[service.mirror]
type = "echo"
[[port]]
port = "tcp/{port}"
services = ["mirror"]
[channel.out]
type = "file"
filename = "events.json"
[[logging]]
output = "stderr"
"""


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


@pytest.fixture
def process(tmp_path: Path, port: int, manager: socket.socket) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "config.toml").write_text(CONFIG.format(port=port))
    command = [sys.executable, "-m", "honeystack", "run", "--data", str(tmp_path / "data")]
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PATH": "/usr/bin:/usr/sbin"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


def events(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "events.json").read_text().splitlines()]


def test_a_life_from_ready_to_the_last_event(
    process: subprocess.Popen[str], manager: socket.socket, port: int, tmp_path: Path
) -> None:
    assert manager.recv(100) == b"READY=1"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as open_still:
        open_still.sendall(b"hello")
        assert open_still.recv(10) == b"hello"
        process.send_signal(signal.SIGHUP)
        assert manager.recv(100).startswith(b"RELOADING=1\n")
        assert manager.recv(100) == b"READY=1"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - began < 5
    assert manager.recv(100) == b"STOPPING=1"
    assert process.stderr is not None
    assert " ready " in process.stderr.read()
    told = [(event["category"], event["type"]) for event in events(tmp_path)]
    assert told[0] == ("sensor", "start")
    assert told[-1] == ("sensor", "stop")
    assert told.count(("tcp", "connect")) == told.count(("tcp", "close")) == 1
    assert ("sensor", "reload") in told
