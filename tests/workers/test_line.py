"""The line carries messages both ways, and its end is an end and no error."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from honeystack.errors import Malformed
from honeystack.workers.line import Line
from honeystack.workers.messages import Kind


async def heard(line: Line) -> list[tuple[Kind, bytes]]:
    return [message async for message in line]


async def test_messages_arrive_in_order_until_the_end() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    line = Line(ours)
    await line.send(Kind.READY)
    await line.send(Kind.EVENTS, bytes(100_000))
    await line.aclose()
    assert await heard(Line(theirs)) == [(Kind.READY, b""), (Kind.EVENTS, bytes(100_000))]


async def test_senders_at_once_do_not_mix_their_messages(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    line, parts = Line(ours), [bytes([number]) * 1000 for number in range(5)]
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as senders:
            nursery.start_soon(_keep, Line(theirs), got := [])
            for part in parts:
                senders.start_soon(line.send, Kind.EVENTS, part)
        await line.aclose()
    assert sorted(body for _, body in got) == parts


async def _keep(line: Line, got: list[tuple[Kind, bytes]]) -> None:
    got += await heard(line)


async def test_a_message_that_was_cut_off_by_the_end_is_none() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(b"\6\0\0\0\x09abc")
    await ours.aclose()
    assert await heard(Line(theirs)) == []


class Reset(trio.abc.ReceiveStream):
    """A stream whose other side died with something unread."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        raise trio.BrokenResourceError

    async def aclose(self) -> None:
        raise AssertionError


async def test_a_reset_is_an_end() -> None:
    assert await heard(Line(trio.StapledStream(trio.testing.MemorySendStream(), Reset()))) == []


async def test_to_nobody_nothing_is_sent() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await Line(ours).send(Kind.STOP)


async def test_what_is_no_message_is_malformed() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(b"\xff" * 10)
    with pytest.raises(Malformed):
        await heard(Line(theirs))
