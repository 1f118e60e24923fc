"""TLS streams over memory: Trio's own checks, bounds in virtual time, and peers that go away at every moment."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
import trio
import trio.testing

from honeystack.tls.acceptor import accept_tls
from honeystack.tls.certificates import Certificate
from honeystack.tls.machine import TlsMachine
from honeystack.tls.profiles import Profile
from honeystack.tls.stream import CLOSE_SECONDS, TlsStream
from tests.tls.doors import Door, Pair
from tests.tls.peers import client_context
from tests.tls.vectors import record

Pipe = trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream]
VERSIONS = pytest.mark.parametrize("versions", [(0x0303, 0x0303), (0x0304, 0x0304)], ids=["1.2", "1.3"])


@pytest.fixture
def door(ecdsa: Certificate) -> Door:
    return Door(ecdsa)


def swapped(make: Callable[[], Awaitable[Pair]]) -> Callable[[], Awaitable[Pair]]:
    async def pair() -> Pair:
        one, other = await make()
        return other, one

    return pair


# what streams must do


@VERSIONS
async def test_trio_finds_it_a_half_closeable_stream(door: Door, versions: tuple[int, int]) -> None:
    context = client_context(versions=versions)

    async def pair() -> Pair:
        return await door.connect(context)

    await trio.testing.check_half_closeable_stream(pair, None)
    await trio.testing.check_half_closeable_stream(swapped(pair), None)


@VERSIONS
async def test_trio_finds_it_a_two_way_stream_with_a_client_of_trios_own(door: Door, versions: tuple[int, int]) -> None:
    context = client_context(versions=versions)

    async def pair() -> tuple[trio.SSLStream[Pipe], TlsStream]:
        ours, theirs = trio.testing.memory_stream_pair()
        client = trio.SSLStream(theirs, context, https_compatible=True)
        served: list[TlsStream] = []

        async def serve() -> None:
            served.append(await door.accept(ours))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            nursery.start_soon(client.do_handshake)
        return client, served[0]

    await trio.testing.check_two_way_stream(pair, None)


async def test_megabytes_go_both_ways_at_once(door: Door) -> None:
    one, other = await door.connect(client_context())
    data = random.Random(1).randbytes(1_000_000)

    async def receive(stream: TlsStream) -> None:
        got = bytearray()
        while len(got) < len(data):
            got += await stream.receive_some()
        assert got == data

    async with trio.open_nursery() as nursery:
        for stream in (one, other):
            nursery.start_soon(stream.send_all, data)
            nursery.start_soon(receive, stream)


async def test_the_end_is_told_again_and_again_without_spinning(door: Door) -> None:
    one, other = await door.connect(client_context())
    await one.send_eof()
    await one.send_eof()
    assert [await other.receive_some() for _ in range(3)] == [b"", b"", b""]
    await other.send_all(b"still here")
    assert await one.receive_some(5) == b"still"
    assert await one.receive_some() == b" here"
    with pytest.raises(trio.ClosedResourceError):
        await one.send_all(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await one.wait_send_all_might_not_block()


async def test_a_peer_that_ends_without_close_notify_is_at_its_end(door: Door) -> None:
    one, other = await door.connect(client_context())
    await one.send_all(b"bye")
    await one.transport.aclose()
    assert await other.receive_some() == b"bye"
    assert await other.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        await other.send_all(b"x")
    with pytest.raises(trio.BrokenResourceError):
        await other.send_all(b"x")


async def test_a_broken_record_is_answered_and_breaks_the_stream(door: Door) -> None:
    one, other = await door.connect(client_context(versions=(0x0303, 0x0303)))
    await one.transport.send_all(record(b"nonsense" * 16, kind=23, version=0x0303))
    with pytest.raises(trio.BrokenResourceError, match="decryption failed"):
        await other.receive_some()
    with pytest.raises(trio.BrokenResourceError, match="peer sent the alert bad_record_mac"):
        await one.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await other.send_all(b"x")
    await other.aclose()


async def test_two_tasks_may_not_do_the_same(door: Door) -> None:
    one, _ = await door.connect(client_context())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.receive_some)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await one.receive_some()
        nursery.cancel_scope.cancel()


async def test_a_wrong_size_is_refused(door: Door) -> None:
    one, _ = await door.connect(client_context())
    with pytest.raises(ValueError, match="at least 1"):
        await one.receive_some(0)


async def test_a_send_that_was_cancelled_leaves_a_broken_stream(door: Door) -> None:
    _, other = await door.connect(client_context())
    other.transport, _ = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other.send_all, b"never taken")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    with pytest.raises(trio.BrokenResourceError, match="earlier send"):
        await other.send_all(b"more")
    await other.aclose()  # at once: no close_notify can follow lost bytes


async def test_records_leave_in_the_order_of_their_encryption_whoever_sends_them(door: Door) -> None:
    one, other = await door.connect(client_context())
    transport, gate = other.transport, trio.Event()

    async def late(data: bytes) -> None:
        await gate.wait()
        await transport.send_all(data)

    other.transport = SimpleNamespace(send_all=late)  # type: ignore[assignment]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other.send_all, b"first ")
        await trio.testing.wait_all_tasks_blocked()
        other._machine.send(b"second")  # as reading may make us answer
        for _ in range(2):
            nursery.start_soon(other._answer)
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
    assert await one.receive_some() + await one.receive_some() == b"first second"


@pytest.mark.parametrize("said", [b"", b"at once"])
async def test_tickets_leave_with_the_answer_to_a_client_that_does_not_wait(ecdsa: Certificate, said: bytes) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    client = TlsMachine(lambda _: client_context(versions=(0x0304, 0x0304)), server_side=False)
    client.receive_data(b"")
    first = client.poll_transmit()

    async def go_on() -> None:
        client.receive_data(await theirs.receive_some())
        client.send(said)
        await theirs.send_all(client.poll_transmit())

    profile = Profile("", "DEFAULT", "TLS_AES_128_GCM_SHA256")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        stream = await accept_tls(ours, ecdsa, first=first, profile=profile)
    assert bool(stream._machine.pending) is bool(said)
    if said:
        assert await stream.receive_some(2) + stream.take_ahead() == said
        assert stream.take_ahead() == b""
        assert stream._machine.pending
        await stream.send_all(b"answer")
    else:
        client.receive_data(await theirs.receive_some())  # the tickets have left already
        assert client.read(100) is None
        await stream.send_all(b"answer")
    client.receive_data(await theirs.receive_some())
    assert client.read(100) == b"answer"


# closing


async def test_closing_waits_only_so_long_for_close_notify_to_be_taken(
    door: Door, autojump_clock: trio.testing.MockClock
) -> None:
    _, other = await door.connect(client_context())
    other.transport, _ = trio.testing.lockstep_stream_pair()
    began = trio.current_time()
    await other.aclose()
    assert trio.current_time() - began == CLOSE_SECONDS
    await other.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await other.receive_some()


class Roomy:
    """What TlsStream asks of our own TCP."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.last: list[bytes] = []

    def send_at_once(self, data: bytes) -> None:
        self.last.append(data)

    def finish(self, last: bytes) -> bool:
        self.last.append(last)
        return True


async def test_where_there_is_room_it_is_closed_without_waiting(door: Door) -> None:
    one, other = await door.connect(client_context(versions=(0x0303, 0x0303)))
    other.transport = roomy = Roomy(1000)  # type: ignore[assignment]
    assert other.finish()
    assert not other.finish()
    await other.aclose()
    (last,) = roomy.last
    one._machine.receive_data(last)
    assert (one._machine.read(100), one._machine.error) == (b"", None)
    with pytest.raises(trio.ClosedResourceError):
        await other.send_all(b"x")


async def test_where_there_is_room_it_is_sent_without_waiting(door: Door) -> None:
    one, other = await door.connect(client_context(versions=(0x0303, 0x0303)))
    other.transport = roomy = Roomy(1000)  # type: ignore[assignment]
    with trio.testing.assert_checkpoints():
        await other.send_all(b"short")
    await other._answer()
    (sent,) = roomy.last
    one._machine.receive_data(sent)
    assert one._machine.read(100) == b"short"
    other._flushing = True  # another is about to send what was encrypted before
    other._machine.send(b"later")
    assert not other._flush_at_once()
    assert not other.finish()


async def test_where_there_is_no_room_nothing_is_done(door: Door) -> None:
    one, other = await door.connect(client_context())
    assert not other.finish()  # a stream of another kind
    transport, other.transport = other.transport, Roomy(100)  # type: ignore[assignment]
    assert not other.finish()
    other.transport = transport
    await other.send_all(b"still open")
    assert await one.receive_some() == b"still open"


async def test_closing_a_dead_connection_is_quiet(door: Door) -> None:
    one, other = await door.connect(client_context())
    await one.transport.aclose()
    await other.aclose()


async def test_closing_ends_a_send_that_is_stuck(door: Door) -> None:
    _, other = await door.connect(client_context())
    other.transport, _ = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await other.send_all(b"x")

        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        await other.aclose()
