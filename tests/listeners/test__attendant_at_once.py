"""What a service answers at once: no task, one segment, and the same events in the same order."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from honeystack.services.http import Http
from tests.listeners.places import entry, place

LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
NEXT = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(("said", "tasks"), [(LAST, 0), (NEXT, 1)])
async def test_a_request_that_is_the_last_needs_no_task(
    autojump_clock: trio.testing.MockClock, said: bytes, tasks: int
) -> None:
    async with place([entry("tcp/80", "web")], {"web": Http()}) as at:
        stream = await at.connect(80)
        await trio.sleep(1)
        before = trio.lowlevel.current_statistics().tasks_living
        await stream.send_all(said)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert trio.lowlevel.current_statistics().tasks_living == before + tasks
        await stream.send_eof()
        assert await stream.receive_some() == b""
        await trio.sleep(1)
        assert at.told() == ["tcp/connect", "tcp/payload", "http/request", "tcp/close"]
        close = at.of(stream)[-1].fields
        assert (close["tcp.reason"], close["tcp.bytes-in"]) == ("fin", len(said))


async def test_a_peer_that_ends_with_its_request_is_answered_too(autojump_clock: trio.testing.MockClock) -> None:
    async with place([entry("tcp/80", "web")], {"web": Http()}) as at:
        stream = await at.connect(80)
        await stream.send_all(LAST)
        await stream.send_eof()
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await stream.receive_some() == b""
        await trio.sleep(1)
        assert at.told() == ["tcp/connect", "tcp/payload", "http/request", "tcp/close"]
