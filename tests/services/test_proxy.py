"""Proxy: both directions pass and are told, half-closes are kept, and what fails is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from honeystack.conversation import Recognition
from honeystack.events.event import Payload
from honeystack.services.proxy import Proxy
from honeystack.testing.conversations import Meeting

Behaviour = Callable[[Any], Awaitable[None]]


@attrs.define
class Host:
    """A director to a host that behaves as it is told."""

    nursery: trio.Nursery
    behaviour: Behaviour

    async def open_stream(self, peer: object) -> Any:
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.behaviour, theirs)
        return ours


class Closed:
    """A director to a host that refuses."""

    async def open_stream(self, peer: object) -> Any:
        raise OSError(111, "Connection refused")

    open_datagrams = open_stream


async def upper(stream: Any) -> None:
    """Answers everything in capitals, and ends when the peer has ended."""
    async for data in stream:
        await stream.send_all(data.upper())
    await stream.send_eof()


async def answers_after_the_end(stream: Any) -> None:
    said = b""
    async for data in stream:
        said += data
    await stream.send_all(b"%d bytes" % len(said))
    await stream.aclose()


@pytest.mark.parametrize("name", ["", "ü", "a" * 256])
def test_what_is_no_protocol_is_refused(name: str) -> None:
    assert Proxy(director=None, alpn=("h2", "a" * 255)).alpn[0] == "h2"
    with pytest.raises(ValueError, match="write 1 to 255"):
        Proxy(director=None, alpn=("h2", name))


def told(meeting: Meeting) -> list[tuple[str, bytes]]:
    return [(e.type, e.fields["payload"].data) for e in meeting.of("proxy")]  # type: ignore[attr-defined]


async def test_both_directions_pass_and_are_told_turn_by_turn() -> None:
    meeting = Meeting()
    async with trio.open_nursery() as nursery:
        client, peer = meeting.conversation()
        nursery.start_soon(Proxy(director=Host(nursery, upper)).handle, peer)
        for word in (b"one", b"two"):
            await client.send_all(word)
            assert await client.receive_some() == word.upper()
        await client.send_eof()
        assert await client.receive_some() == b""
    assert told(meeting) == [("request", b"one"), ("response", b"ONE"), ("request", b"two"), ("response", b"TWO")]


async def test_a_half_close_is_passed_on_and_the_answer_still_comes() -> None:
    meeting = Meeting()
    async with trio.open_nursery() as nursery:
        assert await meeting.serve(Proxy(director=Host(nursery, answers_after_the_end)), b"x" * 10) == b"10 bytes"


async def test_a_host_that_goes_away_ends_the_conversation() -> None:
    async def gone(stream: Any) -> None:
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        with trio.fail_after(5):
            await Meeting().serve(Proxy(director=Host(nursery, gone)), b"hello", ends=False)


async def test_a_host_that_refuses_is_told() -> None:
    meeting = Meeting()
    assert await meeting.serve(Proxy(director=Closed()), b"hello") == b""
    (event,) = meeting.of("proxy")
    assert (event.type, event.fields["error"]) == ("failed", "Connection refused")
    peer = meeting.datagrams([b"x"])
    await Proxy(director=Closed()).handle_datagrams(peer)
    assert [event.type for event in meeting.of("proxy")] == ["failed", "failed"]


async def test_silence_on_both_sides_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        await Meeting().serve(Proxy(director=Host(nursery, upper), idle=30), b"x", ends=False)
    assert trio.current_time() == pytest.approx(30)


async def test_what_events_keep_is_bounded_and_the_lengths_stay_true() -> None:
    meeting = Meeting()
    async with trio.open_nursery() as nursery:
        await meeting.serve(
            Proxy(director=Host(nursery, answers_after_the_end), max_bytes=100, turn_bytes=60), b"x" * 500
        )
    payloads = [e.fields["payload"] for e in meeting.of("proxy", "request")]
    assert all(isinstance(payload, Payload) for payload in payloads)
    assert sum(len(payload.data) for payload in payloads) <= 100  # type: ignore[attr-defined]
    assert sum(payload.length for payload in payloads) == 500  # type: ignore[attr-defined]


async def test_each_datagram_is_told_by_itself_and_an_empty_one_is_not() -> None:
    meeting = Meeting()
    sent: list[bytes] = []

    class Socket:
        def __enter__(self) -> Socket:
            return self

        def __exit__(self, *_: object) -> None: ...

        async def send(self, data: bytes) -> int:
            sent.append(data)
            return len(data)

        async def recv(self, _: int) -> bytes:
            await trio.sleep_forever()
            raise AssertionError

    class Datagrams(Closed):
        async def open_datagrams(self, peer: object) -> Any:
            return Socket()

    await Proxy(director=Datagrams()).handle_datagrams(meeting.datagrams([b"one", b"two", b"", b"three"]))
    assert sent == [b"one", b"two", b"", b"three"]
    assert told(meeting) == [("request", b"one"), ("request", b"two"), ("request", b"three")]


@pytest.mark.parametrize(("amplification", "sent"), [(1.0, []), (4.0, [b"longer"])])
async def test_an_answer_that_would_amplify_is_withheld_and_told(amplification: float, sent: list[bytes]) -> None:
    meeting = Meeting()
    peer = meeting.datagrams([b"two"])
    peer.budget = 3

    class Socket:
        def __enter__(self) -> Socket:
            return self

        def __exit__(self, *_: object) -> None: ...

        async def send(self, data: bytes) -> int:
            await trio.testing.wait_all_tasks_blocked()
            return len(data)

        async def recv(self, _: int) -> bytes:
            if meeting.of("proxy", "response"):
                await trio.sleep_forever()
            return b"longer"

    class Datagrams(Closed):
        async def open_datagrams(self, peer: object) -> Any:
            return Socket()

    await Proxy(director=Datagrams(), amplification=amplification).handle_datagrams(peer)
    assert peer.sent == sent
    withheld = [event.fields["payload"] for event in meeting.of("proxy", "withheld")]
    assert withheld == ([] if sent else [Payload(b"", 6)])


async def test_many_peers_at_once_are_told_apart() -> None:
    meeting = Meeting()
    async with trio.open_nursery() as hosts:
        service = Proxy(director=Host(hosts, upper))

        async def client(number: int) -> None:
            said = b"peer %d" % number
            assert await meeting.serve(service, said) == said.upper()

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(client, number)
    said = {event.identity: event.fields["payload"] for event in meeting.of("proxy", "request")}
    raw = {event.identity: event.fields["payload"] for event in meeting.of("tcp", "payload")}
    assert len(said) == 50
    assert said == raw


def test_everything_is_the_host_s() -> None:
    assert Proxy(director=None).recognise(b"x", eof=False) is Recognition.MINE
    assert Proxy(director=None).recognise(b"", eof=False) is Recognition.MORE
    assert Proxy(director=None).recognise(b"", eof=True) is Recognition.NOT_MINE


@pytest.mark.parametrize("settings", [{"max_bytes": -1}, {"turn_bytes": 0}, {"idle": -1}])
def test_numbers_that_mean_nothing_are_refused(settings: dict[str, int]) -> None:
    (name,) = settings
    with pytest.raises(ValueError, match=f"'{name}'"):
        Proxy(director=None, **settings)  # type: ignore[arg-type]
