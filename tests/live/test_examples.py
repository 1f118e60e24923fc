"""The research script on a machine of its own, with real clients."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.arena import INTERFACE, V4, V6, arena, inside

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[2] / "examples" / "research" / "answering.py"


def test_the_script_echoes_notes_and_takes_datagrams(tmp_path: Path) -> None:
    with arena(tmp_path) as place:
        place.process = place.pot.start(sys.executable, str(SCRIPT), INTERFACE, stdout=subprocess.PIPE)
        assert place.process.stdout is not None
        assert place.process.stdout.readline() == b"listening on eth0\n"
        with inside(place.attacker):
            with socket.create_connection((V4, 7), 5) as peer:
                peer.sendall(b"echo this")
                assert peer.recv(100) == b"echo this"
            with socket.create_connection((V6, 4444), 5) as peer:
                peer.sendall(b"what do you say to this?")
                assert peer.recv(100) == b""
            noted = place.process.stdout.readline().decode()
            assert "→ 4444: ttl 64" in noted
            assert "what do you say to this?" in noted
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.sendto(b"a datagram", (V4, 5353))
            assert "udp 5353: b'a datagram'" in place.process.stdout.readline().decode()
        assert place.stop(2) == 0
