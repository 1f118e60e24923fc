"""HTTP over our own TCP: how its answers are cut into segments, what needs no task, and who is too slow for it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
import trio.testing

from honeystack.conversation import Conversation, FirstBytes, FirstMemory
from honeystack.events.identity import identity_of
from honeystack.net.stream import TcpStream
from honeystack.services.http import PAGE, Http
from honeystack.testing.conversations import Meeting
from tests.net.test_stream import house

LAST = b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"


def conversation(meeting: Meeting, stream: TcpStream) -> Conversation:
    identity = identity_of(stream.flow, "c")
    first = FirstBytes(meeting.recorder, identity, 65_536, memory=FirstMemory())
    return Conversation(stream, stream.flow, identity, meeting.recorder, first=first)


async def heard_of(said: bytes, *, at_once: bool) -> tuple[bool, bytes, list[tuple[str, Mapping[str, object]]]]:
    """Whether it was answered, the answer but for its date, and the events."""
    async with house() as at:
        ours, theirs = await at.pair()
        meeting = Meeting()
        await ours.send_all(said)
        await trio.sleep(1)
        peer = conversation(meeting, theirs)
        await peer.peek()
        served, heard = at_once and Http().answer_at_once(peer), b""
        if not at_once:
            with trio.move_on_after(1):
                await Http().handle(peer)
                served = True
            peer.finish()
        if served:
            heard = b"".join([data async for data in ours])
        lines = [line for line in heard.split(b"\r\n") if not line.startswith(b"Date: ")]
        return served, b"\r\n".join(lines), [(event.type, event.fields) for event in meeting.events]


async def test_the_last_answer_and_the_end_are_one_segment(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        meeting = Meeting()
        await ours.send_all(LAST)
        await trio.sleep(1)
        before = at.links[1].statistics().frames_out
        await Http().handle(conversation(meeting, theirs))
        assert at.links[1].statistics().frames_out == before + 1
        assert (await ours.receive_some()).endswith(PAGE.encode())
        assert await ours.receive_some() == b""
        assert [event.fields["http.status"] for event in meeting.of("http")] == [200]


async def test_an_answer_that_there_is_no_room_for_is_sent_all_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        meeting, page = Meeting(), "x" * (1 << 20)
        peer = conversation(meeting, theirs)

        async def serve() -> None:
            await Http(pages={"/": page}).handle(peer)
            assert peer.finish()

        async with trio.open_nursery() as nursery:
            await ours.send_all(LAST)
            nursery.start_soon(serve)
            heard = b"".join([data async for data in ours])
        assert heard.endswith(b"\r\n\r\n" + page.encode())


@pytest.mark.parametrize("drip", [LAST[:20], LAST[:-2]])
async def test_a_head_that_drips_is_too_slow(autojump_clock: trio.testing.MockClock, drip: bytes) -> None:
    async with house() as at, trio.open_nursery() as nursery:
        ours, theirs = await at.pair()

        async def speak() -> None:
            for byte in drip:
                await ours.send_all(bytes([byte]))
                await trio.sleep(0.25)

        nursery.start_soon(speak)
        meeting, began = Meeting(), trio.current_time()
        await Http(header_seconds=3.0).handle(conversation(meeting, theirs))
        assert trio.current_time() - began == pytest.approx(3, abs=0.3)
        (told,) = meeting.of("http")
        assert "http.status" not in told.fields
        nursery.cancel_scope.cancel()


async def test_a_peer_that_takes_nothing_is_let_go(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        await ours.send_all(LAST)
        await trio.sleep(1)
        began = trio.current_time()
        await Http(pages={"/": "x" * (1 << 22)}, keep_alive_seconds=7.0).handle(conversation(Meeting(), theirs))
        assert trio.current_time() - began == pytest.approx(7, abs=0.3)
        assert theirs.deadline is None


@pytest.mark.parametrize(
    "said",
    [
        LAST,
        LAST.replace(b"GET", b"HEAD"),
        LAST.replace(b"GET", b"POST"),
        LAST.replace(b"/ ", b"/none?a=b "),
        LAST.replace(b"\r\n", b"\n"),
        LAST.replace(b"Connection: close", b"X-A: 1\r\nConnection: Close\r\nX-A: \xff"),
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
async def test_what_is_answered_at_once_is_what_a_task_would_answer_and_tell(
    autojump_clock: trio.testing.MockClock, said: bytes
) -> None:
    assert await heard_of(said, at_once=True) == await heard_of(said, at_once=False)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x16\x03\x01",
        LAST[:-1],
        LAST + b"G",
        LAST + LAST,
        b"\r\n" + LAST,
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET / HTTP/2.0\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        LAST[:-2] + b"Content-Length: 0\r\n\r\n",
        LAST[:-2] + b"Transfer-Encoding: chunked\r\n\r\n",
        LAST[:-2] + b"Expect: 100-continue\r\n\r\n",
        LAST[:-2] + b"X: " + b"x" * 8192 + b"\r\n\r\n",
    ],
)
async def test_all_else_is_left_to_a_task(autojump_clock: trio.testing.MockClock, said: bytes) -> None:
    async with house() as at:
        _, theirs = await at.pair()
        meeting = Meeting()
        peer = conversation(meeting, theirs)
        peer.unreceive(said)
        assert not Http().answer_at_once(peer)
        assert peer.ahead == said
        assert meeting.events == []


async def test_an_answer_that_there_is_no_room_for_is_left_to_a_task(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        _, theirs = await at.pair()
        meeting = Meeting()
        peer = conversation(meeting, theirs)
        peer.unreceive(LAST)
        assert not Http(pages={"/": "x" * (1 << 22)}).answer_at_once(peer)
        assert peer.ahead == LAST
        assert meeting.events == []
