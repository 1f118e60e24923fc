"""Peers that take nothing hold memory, and honest peers are served all the same."""

from __future__ import annotations

import contextlib
import random

import pytest
import trio
import trio.testing

from honeystack.net.limits import Limits
from honeystack.net.stream import TcpStream
from honeystack.services.echo import Echo
from tests.listeners.places import Place, entry, place

CLOCK = trio.testing.MockClock
MEMORY = 2 * 1024 * 1024  # bytes for all; one connection can hold a quarter of it, in both directions
CROWD = 40
DATA = random.Random(5).randbytes(100_000)


async def take_nothing(at: Place, joined: trio.Event) -> None:
    """Have as much echoed as is taken, and never read: the window closes and stays closed."""
    with contextlib.suppress(trio.BrokenResourceError):
        stream = await at.connect(7)
        joined.set()
        while True:
            await stream.send_all(bytes(65_536))


async def ask(stream: TcpStream) -> bytes:
    back = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, DATA)
        while len(back) < len(DATA):
            back += await stream.receive_some()
    return bytes(back)


@pytest.mark.parametrize("early", [True, False], ids=["who is there already", "who comes later"])
async def test_honest_peers_are_served_beside_a_crowd_that_takes_nothing(autojump_clock: CLOCK, early: bool) -> None:
    limits = Limits(buffer_memory=MEMORY, connections_per_source=1000)
    async with place([entry("tcp/7", "echo")], {"echo": Echo()}, limits=limits) as at, trio.open_nursery() as crowd:
        friend = await at.connect(7) if early else None
        for _ in range(CROWD):
            joined = trio.Event()
            crowd.start_soon(take_nothing, at, joined)
        await trio.sleep(1)
        assert "sensor/drop" in at.told()
        with trio.fail_after(30):
            friend = friend or await at.connect(7)
            assert await ask(friend) == DATA
        await trio.sleep(1)
        drops = [event.fields["reason"] for event in at.publisher.of("sensor", "drop")]
        assert "buffer_memory" in drops
        shed = [e for e in at.publisher.of("tcp", "close") if e.fields["tcp.reason"] == "shed"]
        assert 1 <= len(shed) < CROWD
        assert not [e for e in at.of(friend) if e.type == "close"]
        crowd.cancel_scope.cancel()
