"""The time that a handshake has, on our own TCP, which has a deadline, and on other streams, which take a scope."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from honeystack.conversation import Conversation
from honeystack.events.event import Identity
from honeystack.events.recorder import Recorder
from honeystack.net.stream import TcpStream
from honeystack.netstack import open_netstack
from honeystack.patience import Patience
from honeystack.testing import RecordingPublisher, memory_link_pair
from honeystack.tls.acceptor import TlsAcceptor, accept_tls
from honeystack.tls.certificates import Certificate
from honeystack.tls.machine import TlsMachine
from honeystack.tls.stream import HANDSHAKE_SECONDS, TlsFailed, TlsStream
from honeystack.tls.term import Term
from tests.tls.peers import client_context, profile_for
from tests.tls.vectors import body, message, record

Ends = tuple[trio.abc.HalfCloseableStream, trio.abc.HalfCloseableStream]  # ours, and the peer's
HELLO = record(message(body()))


@pytest.fixture
async def tcp(autojump_clock: trio.testing.MockClock) -> AsyncIterator[tuple[TcpStream, TcpStream]]:
    links = memory_link_pair()
    async with (
        open_netstack(link=links[0], addresses=["192.0.2.1"], allow_no_exclude=True) as client,
        open_netstack(link=links[1], addresses=["192.0.2.2"], allow_no_exclude=True) as server,
    ):
        listener = await server.open_tcp_listener(None)
        theirs = await client.connect_tcp("192.0.2.2", 443, mac=links[1].mac)
        yield await listener.accept(), theirs


@pytest.fixture(params=["our own TCP", "memory"])
def ends(request: pytest.FixtureRequest, tcp: tuple[TcpStream, TcpStream]) -> Ends:
    return tcp if request.param == "our own TCP" else trio.testing.memory_stream_pair()


async def test_a_silent_peer_has_ten_seconds_and_the_stream_is_left_open(
    autojump_clock: trio.testing.MockClock, ends: Ends, ecdsa: Certificate
) -> None:
    ours, theirs = ends
    began = trio.current_time()
    with pytest.raises(TlsFailed, match="not finished within 10 s"):
        await accept_tls(ours, ecdsa, first=b"\x16", profile=profile_for(ecdsa, b"", random.Random(1)))
    assert HANDSHAKE_SECONDS <= trio.current_time() - began < HANDSHAKE_SECONDS + 0.02
    await ours.send_all(b"open")
    assert await theirs.receive_some() == b"open"
    await trio.sleep(HANDSHAKE_SECONDS)  # whose deadline is that of before, none
    await theirs.send_all(b"late")
    assert await ours.receive_some() == b"late"


async def test_bytes_that_trickle_in_do_not_lengthen_it(
    autojump_clock: trio.testing.MockClock, ends: Ends, ecdsa: Certificate, nursery: trio.Nursery
) -> None:
    ours, theirs = ends
    began = trio.current_time()

    async def trickle() -> None:
        for byte in HELLO[1:]:
            await trio.sleep(3)
            await theirs.send_all(bytes([byte]))

    nursery.start_soon(trickle)
    with pytest.raises(TlsFailed, match="not finished within 10 s"):
        await accept_tls(ours, ecdsa, first=HELLO[:1], profile=profile_for(ecdsa, b"", random.Random(1)))
    assert HANDSHAKE_SECONDS <= trio.current_time() - began < HANDSHAKE_SECONDS + 0.02
    nursery.cancel_scope.cancel()


async def test_one_that_is_given_up_ends_at_once(
    autojump_clock: trio.testing.MockClock, ends: Ends, ecdsa: Certificate, nursery: trio.Nursery
) -> None:
    acceptor = TlsAcceptor(max_handshakes=1)
    began = trio.current_time()
    nursery.start_soon(_give_up_soon, acceptor, trio.testing.memory_stream_pair()[0], ecdsa)
    with pytest.raises(TlsFailed, match="given up: 1 began after it"):
        await acceptor.accept(ends[0], ecdsa, first=b"\x16", profile=profile_for(ecdsa, b"", random.Random(1)))
    assert trio.current_time() - began == pytest.approx(1)
    nursery.cancel_scope.cancel()


async def _give_up_soon(acceptor: TlsAcceptor, other: trio.abc.HalfCloseableStream, ecdsa: Certificate) -> None:
    await trio.sleep(1)
    await acceptor.accept(other, ecdsa, first=b"\x16", profile=profile_for(ecdsa, b"", random.Random(1)))


async def test_one_that_was_given_up_before_it_begins_ends_at_once(
    autojump_clock: trio.testing.MockClock, ends: Ends, ecdsa: Certificate
) -> None:
    term = Term(ends[0], 10)
    term.cancel()
    with term:
        await ends[0].receive_some()
    assert term.cancelled_caught


async def test_who_is_given_up_when_it_is_over_keeps_the_stream(
    autojump_clock: trio.testing.MockClock, ends: Ends
) -> None:
    ours, theirs = ends
    term = Term(ours, 10)
    with term:
        await theirs.send_all(b"x")
        assert await ours.receive_some() == b"x"
    term.cancel()
    assert not term.cancelled_caught
    await ours.send_all(b"open")
    assert await theirs.receive_some() == b"open"


async def test_it_keeps_to_a_deadline_that_is_earlier_and_restores_it(
    autojump_clock: trio.testing.MockClock, tcp: tuple[TcpStream, TcpStream]
) -> None:
    ours, began = tcp[0], trio.current_time()
    ours.deadline = earlier = began + 3
    with Term(ours, 10) as term:
        await ours.receive_some()
    assert term.cancelled_caught
    assert trio.current_time() - began == pytest.approx(3, abs=0.02)
    assert ours.deadline == earlier


async def test_other_errors_are_not_its_own(autojump_clock: trio.testing.MockClock, ends: Ends) -> None:
    await ends[0].aclose()
    with pytest.raises(trio.ClosedResourceError), Term(ends[0], 10):
        await ends[0].receive_some()
    with pytest.raises(ZeroDivisionError), Term(ends[1], 10) as term:
        _ = 1 // 0
    assert not term.cancelled_caught


async def test_patience_inside_tls_is_not_extended_by_bytes_that_bring_no_data(
    autojump_clock: trio.testing.MockClock, tcp: tuple[TcpStream, TcpStream], ecdsa: Certificate, nursery: trio.Nursery
) -> None:
    ours, theirs = tcp
    machine = TlsMachine(lambda _: client_context(), server_side=False)
    client = TlsStream(theirs, machine)
    nursery.start_soon(client.finish_handshake)
    first = await ours.receive_some()
    served = await accept_tls(ours, ecdsa, first=first, profile=profile_for(ecdsa, first, random.Random(1)))
    await trio.testing.wait_all_tasks_blocked()
    began = trio.current_time()
    machine.send(b"x" * 100)

    async def trickle() -> None:
        for byte in machine.poll_transmit():
            await trio.sleep(3)
            await theirs.send_all(bytes([byte]))

    nursery.start_soon(trickle)
    channel = RecordingPublisher()
    recorder = Recorder(channel, clock=lambda: 0.0, new_id=lambda: "id")
    with Patience(Conversation(served, ours.flow, Identity("tcp"), recorder), 5.0):
        await served.receive_some()
    assert 5 <= trio.current_time() - began <= 10
    await trio.sleep(300)
    assert await served.receive_some() == b"x" * 100  # and it has as much patience as before
    nursery.cancel_scope.cancel()
