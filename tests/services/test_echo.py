"""Echo: what came goes back, and no peer gets another's."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.conversation import Recognition
from honeystack.services.echo import Echo
from honeystack.testing.conversations import Meeting


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_what_came_goes_back(said: bytes) -> None:
    meeting = Meeting()

    async def main() -> None:
        assert await meeting.serve(Echo(), said) == said

    trio.run(main)
    (event,) = meeting.of("echo")
    assert event.fields == {"echo.bytes": len(said)}


async def test_many_peers_at_once_get_their_own() -> None:
    meeting = Meeting()

    async def client(number: int) -> None:
        said = b"%d " % number * 200
        assert await meeting.serve(Echo(), said) == said

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(client, number)
    assert len({event.identity for event in meeting.of("echo")}) == 100


async def test_a_silent_peer_is_let_go(autojump_clock: trio.testing.MockClock) -> None:
    await Meeting().serve(Echo(idle=5), b"x", ends=False)
    assert trio.current_time() == pytest.approx(5)


async def test_a_peer_that_goes_on_is_not_let_go(autojump_clock: trio.testing.MockClock) -> None:
    client, peer = Meeting().conversation()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Echo(idle=5).handle, peer)
        for _ in range(4):
            await trio.sleep(3)
            await client.send_all(b"x")
            assert await client.receive_some() == b"x"
        await client.aclose()
        nursery.cancel_scope.deadline = trio.current_time() + 60


async def test_datagrams_are_echoed_one_by_one() -> None:
    meeting = Meeting()
    peer = meeting.datagrams([b"a", b"", b"bc"])
    await Echo().handle_datagrams(peer)
    assert peer.sent == [b"a", b"", b"bc"]
    assert meeting.of("echo")[0].fields == {"echo.bytes": 3}


def test_any_byte_will_do() -> None:
    assert Echo().recognise(b"\x00", eof=False) is Recognition.MINE
    assert Echo().recognise(b"", eof=False) is Recognition.MORE
    assert Echo().recognise(b"", eof=True) is Recognition.NOT_MINE


def test_no_time_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="'idle'"):
        Echo(idle=0)
