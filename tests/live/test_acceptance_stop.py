"""The end: under traffic, at a signal, every connection that was told of is told to have ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.live.arena import ECHO, V4, V6, arena, honeypot, inside
from tests.live.crowd import Crowd

pytestmark = pytest.mark.live


class Traffic(Crowd):
    """Clients that connect, talk and stay until they are told to stop."""

    def talk(self, number: int) -> None:
        held: list[socket.socket] = []
        target = V6 if number % 2 else V4
        port = 7000
        with inside(self.place.attacker):
            while not self.over.is_set():
                port += 1
                with contextlib.suppress(OSError):
                    peer = socket.create_connection((target, 7 if port % 2 else port), 1)
                    peer.sendall(b"x" * 1000)
                    held.append(peer)
                if len(held) > 20:
                    held.pop(0).close()
                time.sleep(0.005)
        for peer in held:
            peer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stop_during_traffic_is_orderly_and_quick(tmp_path: Path, number: signal.Signals) -> None:
    with honeypot(tmp_path, ECHO) as place:
        before = place.pot.run("ip", "-br", "address").stdout
        with Traffic(place):
            time.sleep(2)  # as long as real traffic is to flow
            asked = time.monotonic()
            assert place.stop(number) == 0
            assert time.monotonic() - asked < 5
        opened = [event["connection-id"] for event in place.events("tcp", "connect")]
        closed = [event["connection-id"] for event in place.events("tcp", "close")]
        assert len(opened) > 200
        assert len(set(opened)) == len(opened)
        assert sorted(closed) == sorted(opened)
        assert place.events("sensor", "stop")
        assert "ingress" not in place.fence()
        assert place.pot.run("ip", "-br", "address").stdout == before


def test_the_machine_has_no_namespace_more_than_before(tmp_path: Path) -> None:
    def names() -> list[str]:
        listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
        return [name for name in listed.split() if f"-{os.getpid()}-" in name]  # others may have theirs

    before = names()
    with arena(tmp_path):
        assert names() != before
    assert names() == before
