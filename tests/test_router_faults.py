"""The router when services fail, and when bytes are just bytes: all is contained and told."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.conversation import Conversation, Recognition
from honeystack.events.event import Payload
from honeystack.events.identity import identity_of
from honeystack.services.echo import Echo
from honeystack.testing.conversations import Meeting
from tests.net.test_stream import house
from tests.routing import ALL, entry, make, told, visiting


@attrs.frozen
class Faulty:
    """Fails where it is told."""

    where: str
    error: Callable[[], BaseException] = lambda: RuntimeError("a bug")
    speaks_first: ClassVar[bool] = False
    speaks_tls: ClassVar[bool] = False

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        if self.where == "recognise":
            raise self.error()
        return Recognition.MINE

    async def handle(self, peer: Conversation) -> None:
        if self.where == "nursery":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._fail)
                await trio.sleep_forever()
        await self._fail()

    async def handle_datagrams(self, peer: object) -> None:
        await self._fail()

    async def _fail(self) -> None:
        await trio.lowlevel.checkpoint()
        raise self.error()


@pytest.mark.parametrize("where", ["handle", "nursery"])
async def test_a_fault_of_a_service_ends_its_conversation_and_is_told(where: str) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [entry("tcp/80", "bad")], {"bad": Faulty(where)}), meeting) as client:
        await client.send_all(b"x")
        assert await client.receive_some() == b""
    assert told(meeting) == ["sensor/fault", "tcp/payload"]
    fault = meeting.of("sensor")[0]
    assert fault.fields["error"] == "RuntimeError: a bug"
    assert str(fault.fields["where"]).startswith("test_router_faults.py:")
    assert fault.service == "bad"
    assert fault.identity == meeting.of("tcp")[0].identity


@pytest.mark.parametrize("error", [trio.BrokenResourceError, trio.ClosedResourceError, trio.EndOfChannel])
@pytest.mark.parametrize("where", ["handle", "nursery"])
async def test_a_peer_that_goes_away_is_no_fault(where: str, error: Callable[[], BaseException]) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [entry("tcp/80", "bad")], {"bad": Faulty(where, error)}), meeting) as client:
        await client.send_all(b"x")
    assert told(meeting) == ["tcp/payload"]


@attrs.frozen
class Prompt(Faulty):
    """Answers at once, or fails at it."""

    answers: bool = True

    def answer_at_once(self, peer: Conversation) -> bool:
        if self.where == "at once":
            raise self.error()
        return self.answers


def spoken(meeting: Meeting, data: bytes) -> Conversation:
    _, peer = meeting.conversation()
    assert peer.first is not None
    peer.first.received(data)
    peer.unreceive(data)
    return peer


async def test_what_a_service_answers_at_once_is_over() -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/80", "prompt")], {"prompt": Prompt("nowhere")})
    peer = spoken(meeting, b"x")
    assert router.answer_at_once(peer)
    assert peer.service == "prompt"


@pytest.mark.parametrize("data", [b"x", b"\x16\x03\x01"])
async def test_what_is_not_answered_at_once_is_untouched(data: bytes) -> None:
    meeting = Meeting()
    slow = make(meeting, [entry("tcp/80", "slow")], {"slow": Prompt("nowhere", answers=False)})
    two = make(meeting, [entry("tcp/80", "a", "b")], {"a": Prompt("nowhere"), "b": Echo()})
    none, old = make(meeting, []), make(meeting, [entry("tcp/80", "old")], {"old": Echo()})
    for router in (slow, two, none, old):
        peer = spoken(meeting, data)
        assert not router.answer_at_once(peer)
        assert peer.service is None
        assert peer.ahead == data
    tls = make(meeting, [entry("tcp/80", "prompt")], {"prompt": Prompt("nowhere")})
    assert tls.answer_at_once(spoken(meeting, data)) == (data == b"x")
    assert told(meeting) == []


async def test_a_fault_of_an_answer_at_once_ends_its_conversation_and_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/80", "bad")], {"bad": Prompt("at once")})
    async with house() as at:
        ours, theirs = await at.pair()
        peer = Conversation(theirs, theirs.flow, identity_of(theirs.flow, "c"), meeting.recorder)
        peer.unreceive(b"x")
        assert router.answer_at_once(peer)
        assert await ours.receive_some() == b""
    assert told(meeting) == ["sensor/fault"]
    assert meeting.events[0].service == "bad"


async def test_a_fault_in_recognition_costs_that_service_only() -> None:
    meeting = Meeting()
    services = {"bad": Faulty("recognise"), "echo": Echo()}
    async with visiting(make(meeting, [entry("tcp/80", "bad", "echo")], services), meeting) as client:
        await client.send_all(b"x")
        assert await client.receive_some() == b"x"
    assert told(meeting) == ["sensor/fault", "tcp/payload", "echo/echoed"]


async def test_a_cancelled_conversation_is_cancelled() -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/80", "echo")], ALL)
    client, peer = meeting.conversation()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(router.converse, peer)
            await client.send_all(b"x")
            await client.receive_some()
            scope.cancel()
    assert scope.cancelled_caught
    assert told(meeting) == ["tcp/payload", "echo/echoed"]


# UDP


async def test_datagrams_go_to_the_service_that_can() -> None:
    meeting = Meeting()
    router = make(meeting, [entry("udp/80", "web", "echo")], ALL)
    peer = meeting.datagrams([b"a", b"b"])
    await router.converse_datagrams(peer)
    assert peer.sent == [b"a", b"b"]
    assert meeting.of("echo")[0].service == "echo"


async def test_datagrams_that_nobody_takes_end_there() -> None:
    meeting = Meeting()
    router = make(meeting, [entry("udp/80", "web")], ALL)
    await router.converse_datagrams(meeting.datagrams([b"a"]))
    assert not meeting.events


async def test_a_fault_on_datagrams_is_contained_too() -> None:
    meeting = Meeting()
    router = make(meeting, [entry("udp/80", "bad")], {"bad": Faulty("handle")})
    await router.converse_datagrams(meeting.datagrams([b"a"]))
    assert told(meeting) == ["sensor/fault"]


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=30), max_size=6), st.booleans())
def test_no_bytes_are_a_fault_and_all_first_bytes_are_told(parts: list[bytes], ends: bool) -> None:
    meeting, whole = Meeting(), b"".join(parts)

    async def main() -> None:
        async with visiting(make(meeting, [entry("tcp/80", "web", "echo", "ftp")], ALL), meeting) as client:
            try:
                for part in parts:
                    await client.send_all(part)
                if ends:
                    await client.send_eof()
                    async for _ in client:
                        pass
            except trio.BrokenResourceError:
                pass

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert not meeting.of("sensor")
    payloads = [event.fields["payload"] for event in meeting.of("tcp", "payload")]
    assert len(payloads) == bool(whole)
    assert all(isinstance(payload, Payload) and whole.startswith(payload.data) for payload in payloads)


class FailsInTheEnd(Faulty):
    """Fails while it is being cancelled, beside a task that is cancelled too."""

    async def handle(self, peer: Conversation) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise self.error()


async def test_a_fault_at_the_end_is_told_and_the_cancellation_goes_on() -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/80", "bad")], {"bad": FailsInTheEnd("handle")})
    client, peer = meeting.conversation()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(router.converse, peer)
            await client.send_all(b"x")
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    assert told(meeting) == ["sensor/fault", "tcp/payload"]
