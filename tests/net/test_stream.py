"""Streams over two stacks and a cable in memory: Trio's own checks, and what they do not look at."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import pytest
import trio
import trio.testing

from honeystack.net.limits import Limits
from honeystack.net.notices import CloseReason
from honeystack.net.stream import ConnectionEnded, TcpStream
from honeystack.netstack import Netstack, TcpListener, open_netstack
from honeystack.testing import Impairment, MemoryLink, memory_link_pair

SMALL = Limits(send_buffer=16 * 1024, receive_buffer=16 * 1024)
CLIENT, SERVER = ("192.0.2.1", "2001:db8::1"), ("192.0.2.2", "2001:db8::2")


@attrs.define
class House:
    """A client, a server that listens on every port, and the cable between them."""

    client: Netstack
    server: Netstack
    listener: TcpListener
    links: tuple[MemoryLink, MemoryLink]

    async def pair(self, version: int = 4) -> tuple[TcpStream, TcpStream]:
        address = SERVER[0 if version == 4 else 1]
        ours: TcpStream | None = None
        async with trio.open_nursery() as nursery:

            async def connect() -> None:
                nonlocal ours
                ours = await self.client.connect_tcp(address, 80, mac=self.links[1].mac)

            nursery.start_soon(connect)
            theirs = await self.listener.accept()
        assert ours is not None
        return ours, theirs


@asynccontextmanager
async def house(
    impairment: Impairment | None = None, *, seed: int = 0, limits: Limits | None = None
) -> AsyncIterator[House]:
    links = memory_link_pair(impairment, seed=seed)
    async with AsyncExitStack() as room:
        client, server = [
            await room.enter_async_context(
                open_netstack(link=link, addresses=addresses, limits=limits, rng=random.Random(seed + number))
            )
            for number, (link, addresses) in enumerate(zip(links, (CLIENT, SERVER), strict=True))
        ]
        yield House(client, server, await server.open_tcp_listener(None), links)


async def test_trios_own_checks_hold(autojump_clock: trio.testing.MockClock) -> None:
    async with house(limits=SMALL) as at:

        async def clogged() -> tuple[TcpStream, TcpStream]:
            ours, theirs = await at.pair()
            with trio.move_on_after(10):
                while True:
                    await ours.send_all(bytes(65536))
            with trio.move_on_after(10):
                while True:
                    await theirs.send_all(bytes(65536))
            return ours, theirs

        await trio.testing.check_half_closeable_stream(at.pair, clogged)


async def test_octets_go_both_ways_over_both_versions(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        for version in (4, 6):
            ours, theirs = await at.pair(version)
            await ours.send_all(b"question")
            assert await theirs.receive_some() == b"question"
            await theirs.send_all(b"answer")
            assert await ours.receive_some(3) + await ours.receive_some(100) == b"answer"


async def test_a_stream_knows_its_ends_and_the_peers_syn(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        assert theirs.local == ("192.0.2.2", 80)
        assert theirs.remote == ours.local
        assert theirs.flow.remote_mac == "02:00:00:00:00:01"
        assert theirs.syn is not None
        assert theirs.syn.ttl == 64
        assert ours.syn is None


async def test_unread_octets_close_the_window_and_reading_opens_it(autojump_clock: trio.testing.MockClock) -> None:
    async with house(limits=SMALL) as at:
        ours, theirs = await at.pair()
        data, back = bytes(range(256)) * 1000, bytearray()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.send_all, data)
            await trio.sleep(30)
            assert theirs.connection.readable <= 20_000
            while len(back) < len(data):
                back += await theirs.receive_some()
        assert back == data


async def test_half_closing_leaves_the_other_direction_open(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        await ours.send_eof()
        await ours.send_eof()
        assert await theirs.receive_some() == b""
        await theirs.send_all(b"still here")
        assert await ours.receive_some() == b"still here"
        with pytest.raises(trio.ClosedResourceError):
            await ours.send_all(b"x")
        await theirs.aclose()
        assert await ours.receive_some() == b""
        assert await ours.receive_some() == b""
        await ours.send_eof()


async def test_closing_with_unread_octets_resets_and_the_cause_is_chained(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        await ours.send_all(b"never read")
        await trio.sleep(1)
        await theirs.aclose()
        with pytest.raises(trio.BrokenResourceError) as broken:
            await ours.receive_some()
        assert isinstance(broken.value.__cause__, ConnectionEnded)
        assert broken.value.__cause__.reason is CloseReason.RST
        with pytest.raises(trio.BrokenResourceError):
            await ours.send_all(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await ours.wait_send_all_might_not_block()


async def test_octets_that_came_before_a_reset_of_ours_end_with_it(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        theirs.abort()
        theirs.abort()
        with pytest.raises(trio.ClosedResourceError):
            await theirs.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await ours.receive_some()


async def test_closing_is_quick_and_whole_when_cancelled(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        await ours.send_all(b"last words")
        await trio.aclose_forcefully(ours)
        await trio.aclose_forcefully(ours)
        assert await theirs.receive_some() == b"last words"
        assert await theirs.receive_some() == b""
        await theirs.aclose()
        await trio.sleep(1)
        assert at.client.stack.tcp.connections == at.server.stack.tcp.connections == 0


async def test_a_cancelled_close_closes_and_says_so_and_another_has_nothing_to_say(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with house() as at:
        ours, _ = await at.pair()
        with trio.CancelScope() as scope:
            scope.cancel()
            await ours.aclose()
        assert scope.cancelled_caught
        with pytest.raises(trio.ClosedResourceError):
            await ours.receive_some()
        with trio.CancelScope() as scope:
            scope.cancel()
            await ours.aclose()
        assert not scope.cancelled_caught


async def test_no_wait_goes_beyond_the_deadline(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        began = trio.current_time()
        theirs.deadline, theirs.patience = began + 5.0, 3.0
        await ours.send_all(b"x")
        assert await theirs.receive_some() == b"x"
        with pytest.raises(trio.TooSlowError):
            await theirs.receive_some()
        assert trio.current_time() - began == pytest.approx(3, abs=0.05)
        with pytest.raises(trio.TooSlowError):
            await theirs.receive_some()
        assert trio.current_time() - began == pytest.approx(5, abs=0.05)
        with pytest.raises(trio.TooSlowError):
            await theirs.receive_some()  # it is over
        theirs.deadline = theirs.patience = None
        await ours.send_all(b"y")
        assert await theirs.receive_some() == b"y"


async def test_patience_is_of_each_direction(autojump_clock: trio.testing.MockClock) -> None:
    async with house(limits=SMALL) as at:
        ours, theirs = await at.pair()
        theirs.patience = 5.0
        late: list[str] = []

        async def receive() -> None:
            with pytest.raises(trio.TooSlowError):
                await theirs.receive_some()
            late.append("receiver")

        async def send() -> None:
            with pytest.raises(trio.TooSlowError):
                await theirs.send_all(bytes(1 << 20))
            late.append("sender")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            nursery.start_soon(send)
        assert sorted(late) == ["receiver", "sender"]
        assert ours.connection.user is ours


async def test_a_closed_stream_needs_no_task_to_finish_what_it_has_queued(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with house(Impairment(delay=0.05)) as at:
        ours, theirs = await at.pair()
        await theirs.send_all(bytes(100_000))
        await theirs.aclose()
        got = 0
        async for data in ours:
            got += len(data)
        assert got == 100_000


async def test_the_last_octets_and_the_end_leave_together(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        await trio.testing.wait_all_tasks_blocked()
        before = at.links[1].statistics().frames_out
        assert theirs.room > 3
        theirs.send_at_once(b"now")
        assert at.links[1].statistics().frames_out == before + 1
        assert await ours.receive_some() == b"now"
        before += 1
        assert theirs.finish(b"bye")
        assert theirs.room == 0
        assert at.links[1].statistics().frames_out == before + 1
        assert [await ours.receive_some(), await ours.receive_some()] == [b"bye", b""]
        with pytest.raises(trio.ClosedResourceError):
            await theirs.receive_some()
        assert ours.finish()
        ours, theirs = await at.pair()
        await ours.send_eof()
        assert ours.room == 0
        theirs.abort()
        await trio.sleep(1)
        assert ours.room == 0


async def test_a_wait_that_takes_longer_than_the_patience_is_too_slow(autojump_clock: trio.testing.MockClock) -> None:
    async with house(limits=SMALL) as at:
        ours, theirs = await at.pair()
        theirs.patience = 5.0
        began = trio.current_time()
        with pytest.raises(trio.TooSlowError):
            await theirs.receive_some()
        assert trio.current_time() - began == pytest.approx(5, abs=0.05)
        await ours.send_all(b"in time")
        assert await theirs.receive_some() == b"in time"
        with pytest.raises(trio.TooSlowError):
            await theirs.send_all(bytes(1 << 20))  # the peer reads nothing
        with trio.move_on_after(2.0) as scope:
            await theirs.receive_some()
        assert scope.cancelled_caught
        theirs.patience = None
        with trio.move_on_after(60) as scope:
            await theirs.receive_some()
        assert scope.cancelled_caught


async def test_a_cancelled_receiver_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with house() as at:
        ours, theirs = await at.pair()
        with trio.move_on_after(1):
            await theirs.receive_some()
        await ours.send_all(b"kept")
        await trio.sleep(1)
        with trio.CancelScope() as scope:
            scope.cancel()
            await theirs.receive_some()
        assert await theirs.receive_some() == b"kept"


async def test_an_answer_leaves_with_the_acknowledgement_of_its_question(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with house() as at:
        ours, theirs = await at.pair()

        async def answer() -> None:
            await theirs.send_all(await theirs.receive_some())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            await trio.testing.wait_all_tasks_blocked()
            before = at.links[1].statistics().frames_out
            await ours.send_all(b"question")
            assert await ours.receive_some() == b"question"
            assert at.links[1].statistics().frames_out == before + 1


@pytest.mark.parametrize("seed", range(6))
async def test_a_bad_wire_changes_nothing_but_the_time(autojump_clock: trio.testing.MockClock, seed: int) -> None:
    bad = Impairment(loss=0.05, delay=0.01, jitter=0.005, reorder=0.05, duplicate=0.02, corrupt=0.01)
    async with house(bad, seed=seed) as at:
        ours, theirs = await at.pair(4 if seed % 2 else 6)
        data = random.Random(seed).randbytes(200_000)
        results: dict[TcpStream, bytes] = {}

        async def exchange(stream: TcpStream) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send, stream)
                results[stream] = b"".join([more async for more in stream])

        async def send(stream: TcpStream) -> None:
            await stream.send_all(data)
            await stream.send_eof()

        with trio.fail_after(300):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(exchange, ours)
                nursery.start_soon(exchange, theirs)
        assert results[ours] == results[theirs] == data
        assert all(link.wire.lost > 5 for link in at.links)
