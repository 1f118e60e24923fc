"""Who is silent, or does not come to an end, is waited for no longer than is said."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from honeystack.conversation import Conversation
from honeystack.events.event import Identity
from honeystack.patience import Deadline, Patience
from honeystack.testing.conversations import Meeting
from tests.net.test_stream import house


async def test_patience_ends_with_silence_and_is_extended_by_what_comes(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    client, peer = Meeting().conversation()

    async def talk() -> None:
        await trio.sleep(3)
        await client.send_all(b"x")

    nursery.start_soon(talk)
    received = []
    with Patience(peer, 5.0) as patience:
        while data := await peer.receive_some():
            received.append(data)
            patience.extend()
    assert received == [b"x"]
    assert trio.current_time() == pytest.approx(8)


async def test_patience_lets_every_other_error_out() -> None:
    _, peer = Meeting().conversation()
    with pytest.raises(ZeroDivisionError), Patience(peer, 5.0):
        raise ZeroDivisionError


async def test_a_deadline_ends_whatever_comes_until_it_is_extended(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    client, peer = Meeting().conversation()

    async def talk() -> None:
        while True:
            await trio.sleep(1)
            await client.send_all(b"x")

    nursery.start_soon(talk)
    with Deadline(peer, 3.5):
        while await peer.receive_some():
            pass
    assert trio.current_time() == pytest.approx(3.5)
    with Deadline(peer, 3.0) as deadline:
        await peer.receive_some()
        deadline.extend(6.5)
        while await peer.receive_some():
            pass
    assert trio.current_time() == pytest.approx(4 + 6.5)
    with pytest.raises(ZeroDivisionError), Deadline(peer, 5.0):
        raise ZeroDivisionError
    nursery.cancel_scope.cancel()


async def test_over_our_own_tcp_it_is_a_number_of_the_stream(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        _, theirs = await at.pair()
        peer = Conversation(theirs, theirs.flow, Identity("tcp"), Meeting().recorder)
        with Deadline(peer, 60.0) as deadline:
            deadline.extend(90.0)
            began = trio.current_time()
            with Patience(peer, 5.0) as patience:
                patience.extend()
                await peer.receive_some()
            assert trio.current_time() - began == pytest.approx(5)
            assert (theirs.patience, theirs.deadline) == (None, began + 90)
            await peer.receive_some()
        assert trio.current_time() - began == pytest.approx(90)
        assert theirs.deadline is None
