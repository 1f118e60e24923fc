"""Five thousand clients that send a header byte by byte cost next to nothing, and the next client is served."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.arena import CLIENT4, FRIEND4, V4, V6, Arena, honeypot, inside

pytestmark = [pytest.mark.live, pytest.mark.alone]

CLIENTS = 5000
WATCHED = 8.0  # seconds, in which each client sends one octet
BODY = """
[service.http]
type = "http"
[[port]]
port = "tcp/80"
services = ["http"]
"""


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CLIENTS + 1000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def page(place: Arena, target: str) -> bytes:
    with inside(place.attacker), socket.create_connection((target, 80), 10) as peer:
        peer.settimeout(10)
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return peer.recv(100)


def test_slow_headers_leave_the_honeypot_idle(tmp_path: Path, many_files: None) -> None:
    with honeypot(tmp_path, BODY) as place, contextlib.ExitStack() as open_until_the_end:
        assert place.process is not None
        clients = []
        with inside(place.attacker):
            for number in range(CLIENTS):
                target, source = [(V4, CLIENT4), (V4, FRIEND4), (V6, "::")][number % 3]
                peer = socket.create_connection((target, 80), 10, source_address=(source, 0))
                peer.sendall(b"GET / HTTP/1.1\r\nHost: ")
                clients.append(open_until_the_end.enter_context(peer))
        time.sleep(1)
        began, before = time.monotonic(), cpu_seconds(place.process.pid)
        alive = 0
        for number, peer in enumerate(clients):
            time.sleep(max(0.0, began + WATCHED * number / CLIENTS - time.monotonic()))
            with contextlib.suppress(OSError):
                alive += peer.send(b"x")
        spent, watched = cpu_seconds(place.process.pid) - before, time.monotonic() - began
        assert alive > CLIENTS * 0.9
        assert spent < watched / 5
        for target in (V4, V6):
            assert page(place, target).startswith(b"HTTP/1.")
        print(f"{spent / watched:.1%} of a core")
