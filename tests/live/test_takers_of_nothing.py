"""A crowd of kernel clients that have much echoed and read none of it, and an honest client beside them."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.arena import ECHO, LISTENER, V4, V6, Arena, honeypot, inside

pytestmark = pytest.mark.live

CROWD = 60
MEMORY = 4 * 1024 * 1024  # which eight of them can fill
DATA = random.Random(9).randbytes(1 << 20)


@pytest.fixture
def pot(tmp_path: Path) -> Iterator[Arena]:
    listener = f"{LISTENER}[listener.limits]\nbuffer_memory = {MEMORY}\n"
    with honeypot(tmp_path, ECHO, listener=listener) as place:
        yield place


def client(place: Arena, address: str) -> socket.socket:
    with inside(place.attacker):
        return socket.create_connection((address, 7), 10)


def fill(crowd: list[socket.socket], seconds: float) -> None:
    """Send for so long all that is taken; who is reset is out of it."""
    end = time.monotonic() + seconds
    while crowd and time.monotonic() < end:
        for one in select.select([], crowd, [], 0.1)[1]:
            try:
                one.send(bytes(65_536))
            except BlockingIOError:
                pass
            except OSError:
                crowd.remove(one)


def echoed(guest: socket.socket) -> bytes:
    """Send all and read all, as much of either as goes at once."""
    guest.setblocking(False)
    sent, back, end = 0, bytearray(), time.monotonic() + 60
    while len(back) < len(DATA) and time.monotonic() < end:
        readable, writable, _ = select.select([guest], [guest] if sent < len(DATA) else [], [], 1)
        if readable:
            more = guest.recv(1 << 16)
            if not more:
                break
            back += more
        if writable:
            with contextlib.suppress(BlockingIOError):
                sent += guest.send(DATA[sent : sent + 65_536])
    return bytes(back)


@pytest.mark.parametrize("address", [V4, V6])
def test_an_honest_client_is_served_beside_them(pot: Arena, address: str) -> None:
    with contextlib.ExitStack() as room:
        crowd = []
        for _ in range(CROWD):
            one = room.enter_context(client(pot, address))
            one.setblocking(False)
            crowd.append(one)
        fill(crowd, 3)
        assert pot.wait_events("sensor", "drop", reason="buffer_memory")[0]["limit"] == MEMORY
        with client(pot, address) as guest:
            assert echoed(guest) == DATA
        shed = [event for event in pot.events("tcp", "close") if event["tcp.reason"] == "shed"]
        assert len(shed) < CROWD
