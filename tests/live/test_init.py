"""From nothing to a honeypot that runs, by what `init` writes; the operator's own session lasts."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.arena import CLIENT4, V4, Arena, arena, inside

pytestmark = pytest.mark.live

SESSION = f"SSH_CONNECTION={CLIENT4} 50000 {V4} 2222"
ECHO = """
import socket
server = socket.create_server(("", 2222))
print(flush=True)
peer, _ = server.accept()
while data := peer.recv(99):
    peer.sendall(data)
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Arena]:
    with arena(tmp_path) as place:
        yield place


def honeystack(place: Arena, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "honeystack", *words, "-c", str(place.folder / "config.toml")]
    return place.pot.run("env", SESSION, *command, check=False)


def test_what_it_writes_is_checked_is_well_and_runs_beside_the_session(place: Arena) -> None:
    server = place.pot.start(sys.executable, "-c", ECHO, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        with inside(place.attacker), socket.create_connection((V4, 2222), 10) as session:
            made = honeystack(place, "init", "--yes")
            assert made.returncode == 0, made.stderr
            checked = honeystack(place, "check")
            assert (checked.returncode, checked.stdout) == (0, f"{place.folder}/config.toml: fine\n")
            looked = honeystack(place, "doctor", "--data", str(place.folder / "data"))
            assert looked.returncode == 0, looked.stdout
            assert "your ssh session" in looked.stdout
            text = (place.folder / "config.toml").read_text()
            assert '"tcp/2222",' in text
            place.start(text)
            session.sendall(b"still here")
            assert session.recv(99) == b"still here"
            with socket.create_connection((V4, 80), 10) as client:
                client.sendall(b"GET /found HTTP/1.0\r\n\r\n")
                assert client.recv(99).startswith(b"HTTP/1.")
            [request] = place.wait_events("http", "request")
            assert request["http.url"] == "/found"
        assert place.stop() == 0
    finally:
        server.kill()
        server.communicate()
