"""The meeting place: peeking, giving back, and the tap on the first raw bytes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from honeystack.conversation import PAYLOAD, Conversation, FirstBytes, FirstMemory
from honeystack.errors import StateError
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity, Payload
from honeystack.testing.conversations import Meeting
from tests.net.test_stream import house


async def test_what_is_peeked_is_received_again() -> None:
    client, peer = Meeting().conversation()
    await client.send_all(b"ab")
    assert await peer.peek() == b"ab"
    await client.send_all(b"cd")
    assert await peer.peek_more() == b"cd"
    assert peer.ahead == b"abcd"
    assert await peer.receive_some(3) == b"abc"
    assert await peer.receive_some() == b"d"


async def test_what_is_given_back_comes_first() -> None:
    client, peer = Meeting().conversation()
    await client.send_all(b"cd")
    peer.unreceive(b"ab")
    assert await peer.receive_some() == b"ab"
    assert await peer.receive_some() == b"cd"


async def test_the_end_is_seen_by_peek_and_by_receive() -> None:
    client, peer = Meeting().conversation()
    await client.send_all(b"x")
    await client.send_eof()
    assert await peer.peek() == b"x"
    assert await peer.peek() == b"x"
    assert peer.eof_received
    assert await peer.peek_more() == b""
    assert await peer.receive_some() == b"x"
    assert await peer.receive_some() == b""
    assert await peer.receive_some(5) == b""


async def test_over_our_own_tcp_the_end_is_seen_too(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        peer = Conversation(theirs, theirs.flow, Identity("tcp"), Meeting().recorder)
        await ours.send_all(b"xy")
        assert await peer.receive_some(1) == b"x"
        await ours.send_eof()
        await trio.sleep(1)
        assert not peer.eof_received
        assert await peer.receive_some() == b"y"
        assert [await peer.receive_some(), await peer.receive_some(5), await peer.peek()] == [b"", b"", b""]
        assert peer.eof_received
        with pytest.raises(ValueError, match="at least 1"):
            await peer.receive_some(0)


async def test_what_is_answered_is_tapped_no_longer() -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    await client.send_all(b"first")
    await peer.receive_some()
    await peer.send_all(b"answer")
    assert peer.first is None
    await client.send_all(b"second")
    assert await peer.receive_some() == b"second"
    assert [event.fields["payload"] for event in meeting.of("tcp", "payload")] == [Payload(b"first", 5)]


async def test_last_words_need_a_stream_that_takes_them_at_once() -> None:
    _, peer = Meeting().conversation()
    assert not peer.finish(b"bye")
    assert not peer.finish()


async def test_a_receive_of_nothing_is_a_mistake() -> None:
    _, peer = Meeting().conversation()
    with pytest.raises(ValueError, match="at least 1"):
        await peer.receive_some(0)


async def test_a_new_layer_may_not_lose_bytes() -> None:
    client, peer = Meeting().conversation()
    await client.send_all(b"hello")
    await peer.peek()
    other, _ = trio.testing.memory_stream_pair()
    with pytest.raises(StateError, match="consume them first"):
        peer.replace_stream(other)  # type: ignore[arg-type]


async def test_a_new_layer_is_not_tapped() -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    await client.send_all(b"raw")
    await peer.receive_some()
    inside, ours = trio.testing.memory_stream_pair()
    peer.replace_stream(ours)  # type: ignore[arg-type]
    await inside.send_all(b"decoded")
    assert await peer.receive_some() == b"decoded"
    await peer.aclose()
    assert [event.fields["payload"] for event in meeting.of("tcp", "payload")] == [Payload(b"raw", 3)]


async def test_the_first_bytes_are_told_when_we_answer() -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    await peer.send_all(b"220 ready")  # before the peer has spoken: nothing to tell
    assert not meeting.events
    for part in (b"HE", b"LO"):
        await client.send_all(part)
        await peer.receive_some()
    await peer.send_all(b"250 hello")
    assert [event.fields["payload"] for event in meeting.events] == [Payload(b"HELO", 4)]
    await client.send_all(b"QUIT")
    await peer.receive_some()
    await peer.aclose()
    assert len(meeting.events) == 1
    assert meeting.events[0].identity == peer.identity


async def test_the_first_bytes_are_told_at_the_end_at_the_latest() -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    await client.send_all(b"x")
    await peer.receive_some()
    await peer.aclose()
    await peer.aclose()
    assert [event.fields["payload"] for event in meeting.events] == [Payload(b"x", 1)]


async def test_it_ends_without_waiting_where_its_stream_can() -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    await client.send_all(b"x")
    await peer.receive_some()
    assert not peer.finish()  # a memory stream cannot
    assert len(meeting.events) == 1
    for can in (True, False):
        peer.stream = SimpleNamespace(finish=lambda can=can: can)  # type: ignore[assignment]
        assert peer.finish() is can


async def test_what_is_ahead_can_be_taken_at_once() -> None:
    client, peer = Meeting().conversation()
    await client.send_all(b"ahead")
    await peer.peek()
    assert [peer.take_ahead(), peer.take_ahead(), peer.ahead] == [b"ahead", b"", b""]


async def test_a_silent_peer_leaves_no_payload() -> None:
    meeting = Meeting()
    _, peer = meeting.conversation()
    await peer.aclose()
    assert not meeting.events


@given(st.lists(st.binary(max_size=20), max_size=8), st.integers(1, 40))
def test_the_first_bytes_are_the_beginning_of_what_came_and_are_told_once(parts: list[bytes], limit: int) -> None:
    meeting = Meeting()
    first = FirstBytes(meeting.recorder, Identity("tcp"), limit, memory=FirstMemory())
    for part in parts:
        first.received(part)
    first.finish()
    first.received(b"late")
    first.answered()
    first.finish()
    whole = b"".join(parts)
    if not whole:
        assert not meeting.events
        return
    (event,) = meeting.events
    payload = event.fields["payload"]
    assert isinstance(payload, Payload)
    assert event.kind is PAYLOAD
    assert payload.data == whole[:limit]
    assert payload.length <= len(whole)
    assert payload.truncated == (payload.length > limit)


def test_first_bytes_beyond_the_memory_of_all_are_told_as_they_come() -> None:
    meeting, memory = Meeting(), FirstMemory(limit=10)
    patient, late = (FirstBytes(meeting.recorder, Identity("tcp"), 100, memory=memory) for _ in range(2))
    patient.received(b"12345678")
    late.received(b"abc")
    assert [event.fields["payload"] for event in meeting.events] == [Payload(b"abc", 3)]
    assert memory.held == 8
    patient.finish()
    assert memory.held == 0


async def test_the_first_bytes_are_told_before_what_a_service_makes_of_them() -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    peer.service = "mine"
    kind = EventKind("mine", "request", "A request.")
    peer.record(kind, {})  # nothing has come yet
    await client.send_all(b"x")
    await peer.receive_some()
    peer.record(kind, {})
    await peer.aclose()
    assert [event.type for event in meeting.events] == ["request", "payload", "request"]


async def test_tls_begins_where_somebody_can_take_it_off_and_once() -> None:
    _, peer = Meeting().conversation()
    assert not peer.may_start_tls
    with pytest.raises(StateError, match="no certificate"):
        await peer.start_tls()
    asked = []

    async def starter(conversation: Conversation) -> bool:
        asked.append(conversation)
        return True

    peer.tls_starter = starter
    assert peer.may_start_tls
    assert await peer.start_tls()
    assert asked == [peer]
    assert not peer.may_start_tls
