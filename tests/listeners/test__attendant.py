"""The attendant's small decisions; its life is tested through the listener, in test_netstack."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing

from honeystack.events.ids import IdFactory
from honeystack.listeners import _attendant
from honeystack.listeners._attendant import _packed
from honeystack.reception import CaptureLimits
from honeystack.services.banner import Banner
from honeystack.services.echo import Echo
from honeystack.services.http import Http
from tests.listeners.places import entry, place

CLOCK = trio.testing.MockClock


async def test_bytes_that_come_with_the_handshake_are_not_missed(autojump_clock: CLOCK) -> None:
    async with place([entry("tcp/21", "ftp")], {"ftp": Banner(text="220\r\n")}) as at:
        stream = await at.connect(21)
        await stream.send_all(b"USER x\r\n")
        assert await stream.receive_some() == b"220\r\n"
        assert trio.current_time() < 1  # the peer has spoken: no need to wait


async def test_a_conversation_that_the_peer_resets_is_closed_last(autojump_clock: CLOCK) -> None:
    async with place([entry("tcp/80", "web")], {"web": Http()}) as at:
        stream = await at.connect(80)
        await stream.send_all(b"GET / HTTP/1.1\r\nX: ")
        await trio.sleep(0.1)
        stream.abort()
        await trio.sleep(0.1)
        assert [event.type for event in at.of(stream)] == ["connect", "payload", "request", "close"]
        assert at.of(stream)[-1].fields["tcp.reason"] == "rst"


async def test_a_peer_that_sends_on_after_the_capture_is_refused(autojump_clock: CLOCK) -> None:
    async with place(capture=CaptureLimits(pause=1.0)) as at:
        stream = await at.connect(1)
        await stream.send_all(b"first")
        await trio.sleep(3)
        await stream.send_all(b"second")
        await trio.sleep(3)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"third")
        events = at.of(stream)
        assert [event.type for event in events] == ["connect", "payload", "close"]


async def drip(stream: trio.abc.SendStream) -> None:
    while True:
        await stream.send_all(b"x")
        await trio.sleep(0.5)


async def test_a_peer_that_never_pauses_is_told_of_all_the_same(autojump_clock: CLOCK) -> None:
    async with place(capture=CaptureLimits(pause=1.0, idle=20.0)) as at:
        stream = await at.connect(1)
        with pytest.raises(trio.BrokenResourceError):
            await drip(stream)
        assert trio.current_time() == pytest.approx(40, abs=2)
        assert [event.type for event in at.of(stream)] == ["connect", "payload", "close"]


async def test_a_half_closed_silent_peer_is_closed_at_once(autojump_clock: CLOCK) -> None:
    async with place() as at:
        stream = await at.connect(1)
        await stream.send_eof()
        assert await stream.receive_some() == b""
        assert trio.current_time() < 1
        await stream.aclose()
        await trio.sleep(1)
        assert [event.type for event in at.of(stream)] == ["connect", "close"]


def test_an_id_is_packed_if_it_is_a_uuid_as_we_write_it() -> None:
    packed = _packed("0193f5a0-0000-7000-8000-00000000abcd")
    assert packed == 0x0193F5A0000070008000_00000000ABCD
    for text in ("id-000001", "0193F5A0-0000-7000-8000-00000000ABCD", ""):
        assert _packed(text) == text


@pytest.mark.parametrize("uuids", [False, True])
async def test_a_visit_that_waits_while_others_come_is_told_of_as_any_other(
    autojump_clock: CLOCK, monkeypatch: pytest.MonkeyPatch, uuids: bool
) -> None:
    monkeypatch.setattr(_attendant, "NEWEST", 1)
    async with place([entry("tcp/80", "web")], {"web": Http()}) as at:
        if uuids:
            new_id = IdFactory(clock=trio.current_time, rng=random.Random(1))
            monkeypatch.setattr(at.router.recorder, "_new_id", new_id)
        streams = [await at.connect(port) for port in (80, 1, 2, 3)]
        await trio.sleep(0.1)
        for stream in streams[:2]:
            await stream.send_all(b"GET / HTTP/1.0\r\n\r\n")
        await trio.sleep(0.1)
        for stream in streams:
            await stream.aclose()
        await trio.sleep(1)
        for stream, types in zip(
            streams, (["connect", "payload", "request", "close"], ["connect", "payload", "close"]), strict=False
        ):
            assert [event.type for event in at.of(stream)] == types
        for stream in streams:
            assert len({event.identity for event in at.of(stream)}) == 1
            assert at.of(stream)[-1].type == "close"


async def test_visits_that_have_ended_or_spoken_are_not_settled(
    autojump_clock: CLOCK, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_attendant, "NEWEST", 1)
    async with place(capture=CaptureLimits(pause=5.0)) as at:
        first = await at.connect(1)
        await first.send_all(b"spoken")
        await trio.sleep(0.1)
        second = await at.connect(2)
        await second.aclose()
        await trio.sleep(0.1)
        await at.connect(3)
        await trio.sleep(30)
        await first.aclose()
        await trio.sleep(1)
        assert [event.type for event in at.of(first)] == ["connect", "payload", "close"]
        assert [event.type for event in at.of(second)] == ["connect", "close"]
        assert len({event.identity for event in at.of(first)}) == 1


@pytest.mark.parametrize("words", [1, 3])
async def test_a_service_s_patience_is_that_of_the_connection(autojump_clock: CLOCK, words: int) -> None:
    async with place([entry("tcp/7", "echo")], {"echo": Echo(idle=5.0)}) as at:
        stream = await at.connect(7)
        for _ in range(words):
            await trio.sleep(3)
            await stream.send_all(b"still there?")
            assert await stream.receive_some() == b"still there?"
        assert await stream.receive_some() == b""
        assert trio.current_time() == pytest.approx(3 * words + 5, abs=0.2)
        await stream.aclose()
        await trio.sleep(1)
        assert [event.type for event in at.of(stream)] == ["connect", "payload", "echoed", "close"]
