"""TLS streams over memory: Trio's own checks, bounds in virtual time, and peers that go away at every moment."""

from __future__ import annotations

import random
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from honeystack.tls.certificates import Certificate
from honeystack.tls.machine import TlsMachine
from honeystack.tls.stream import CLOSE_SECONDS, HANDSHAKE_SECONDS, TlsAcceptor, TlsFailed, TlsStream, accept_tls
from tests.tls.peers import client_context, hello_in, profile_for
from tests.tls.vectors import body, full_extensions, message, record

Pipe = trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream]
Pair = tuple[TlsStream, TlsStream]
VERSIONS = pytest.mark.parametrize("versions", [(0x0303, 0x0303), (0x0304, 0x0304)], ids=["1.2", "1.3"])


class Door:
    """Accepts one client over a pipe as the router would."""

    def __init__(self, certificate: Certificate, *, alpn: tuple[str, ...] = ()) -> None:
        self.certificate = certificate
        self.alpn = alpn
        self.rng = random.Random(17)

    async def accept(self, pipe: trio.abc.HalfCloseableStream) -> TlsStream:
        first = b""
        while hello_in(first) is None:
            first += await pipe.receive_some()
        profile = profile_for(self.certificate, first, self.rng, self.alpn)
        return await accept_tls(pipe, self.certificate, first=first, profile=profile)

    async def connect(self, context: ssl.SSLContext) -> Pair:
        """A client that is a TlsStream too, and the stream that serves it."""
        ours, theirs = trio.testing.memory_stream_pair()
        client = TlsStream(theirs, TlsMachine(lambda: context, server_side=False))
        served: list[TlsStream] = []

        async def serve() -> None:
            served.append(await self.accept(ours))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            nursery.start_soon(client.finish_handshake)
        return client, served[0]


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


# the handshake and its bounds


async def test_the_outcome_tells_what_was_agreed_on(door: Door) -> None:
    door.alpn = ("h2",)
    _, served = await door.connect(client_context(versions=(0x0304, 0x0304), alpn=("h2", "http/1.1")))
    outcome = served.outcome
    assert (outcome.profile, outcome.version, outcome.alpn) == ("random", "1.3", "h2")
    assert str(outcome.cipher_suite).startswith("TLS_")
    assert (outcome.error, outcome.alert, outcome.resumed) == (None, None, False)


async def failed(certificate: Certificate, pipe: trio.abc.HalfCloseableStream, first: bytes) -> TlsFailed:
    with pytest.raises(TlsFailed) as caught:
        await accept_tls(pipe, certificate, first=first, profile=profile_for(certificate, first, random.Random(1)))
    return caught.value


async def test_a_hello_that_cannot_be_served_gets_its_alert(ecdsa: Certificate) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    failure = await failed(ecdsa, ours, record(message(body(suites=(0,)))))
    assert str(failure) == failure.outcome.error == "no shared cipher"
    assert failure.outcome.alert == "handshake_failure"
    assert failure.outcome.profile == "random"
    assert await theirs.receive_some() == b"\x15\x03\x03\x00\x02\x02\x28"
    await ours.send_all(b"open")
    assert await theirs.receive_some() == b"open"


async def test_a_handshake_has_ten_seconds(ecdsa: Certificate, autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    began = trio.current_time()

    async def trickle() -> None:
        for byte in record(message(body()))[1:]:
            await trio.sleep(1)
            await theirs.send_all(bytes([byte]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trickle)
        failure = await failed(ecdsa, ours, b"\x16")
        nursery.cancel_scope.cancel()
    assert failure.outcome.error == "not finished within 10 s"
    assert trio.current_time() - began == HANDSHAKE_SECONDS


@pytest.mark.parametrize("reads_alert", [True, False])
async def test_a_peer_that_goes_away_in_the_handshake_is_told(ecdsa: Certificate, reads_alert: bool) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    hello = record(message(body(suites=(0xC02B,), extensions=full_extensions(versions=(0x0303,)))))
    if reads_alert:
        await theirs.send_eof()
        assert (await failed(ecdsa, ours, hello[:50])).outcome.error == "the peer ended the handshake"
    else:
        await theirs.aclose()
        assert (await failed(ecdsa, ours, hello)).outcome.error == "the connection broke"


async def test_a_client_that_leaves_right_after_its_last_flight_was_there(ecdsa: Certificate) -> None:
    """TLS 1.3: our tickets find nobody, but the handshake was whole and what it sent can be read."""
    ours, theirs = trio.testing.memory_stream_pair()
    client = TlsMachine(lambda: client_context(versions=(0x0304, 0x0304)), server_side=False)
    client.receive_data(b"")
    first = client.poll_transmit()

    async def leave() -> None:
        client.receive_data(await theirs.receive_some())
        client.send(b"so long")
        await theirs.send_all(client.poll_transmit())
        await theirs.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
        stream = await accept_tls(ours, ecdsa, first=first, profile=profile_for(ecdsa, first, random.Random(1)))
    assert stream.outcome.error is None
    assert stream.outcome.version == "1.3"
    assert await stream.receive_some() == b"so long"
    assert await stream.receive_some() == b""


async def test_of_too_many_handshakes_the_first_is_given_up(
    ecdsa: Certificate, autojump_clock: trio.testing.MockClock
) -> None:
    reached: list[tuple[str, int]] = []
    acceptor = TlsAcceptor(max_handshakes=2, timeout=3, reached=lambda *bound: reached.append(bound))
    ends = [trio.testing.memory_stream_pair() for _ in range(4)]
    errors: dict[int, str] = {}

    async def accept(number: int) -> None:
        await trio.sleep(number / 10)
        profile = profile_for(ecdsa, b"", random.Random(1))
        with pytest.raises(TlsFailed) as caught:
            await acceptor.accept(ends[number][0], ecdsa, first=b"\x16", profile=profile, source=str(number))
        errors[number] = str(caught.value)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(accept, number)
        await trio.sleep(1)
        assert (acceptor.handshakes, acceptor.refused) == (2, 2)
        assert errors == dict.fromkeys((0, 1), "given up: 2 began after it")
    assert errors[2] == errors[3] == "not finished within 3 s"
    assert reached == [("tls_handshakes", 2)] * 2
    assert acceptor.handshakes == 0
    assert not acceptor._of_source


async def test_a_handshake_that_is_ended_from_outside_counts_no_more(ecdsa: Certificate) -> None:
    acceptor = TlsAcceptor()
    ours, _ = trio.testing.memory_stream_pair()
    with trio.CancelScope() as scope:
        scope.cancel()
        await acceptor.accept(ours, ecdsa, first=b"", profile=profile_for(ecdsa, b"", random.Random(1)))
    assert scope.cancelled_caught
    assert acceptor.handshakes == 0


async def test_an_acceptor_accepts(ecdsa: Certificate) -> None:
    acceptor = TlsAcceptor()
    ours, theirs = trio.testing.memory_stream_pair()
    client = trio.SSLStream(theirs, client_context())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        first = await ours.receive_some()
        stream = await acceptor.accept(ours, ecdsa, first=first, profile=profile_for(ecdsa, first, random.Random(1)))
    await client.send_all(b"hello")
    assert await stream.receive_some() == b"hello"
    assert acceptor.handshakes == 0


async def test_one_source_cannot_take_all_handshakes(
    ecdsa: Certificate, autojump_clock: trio.testing.MockClock
) -> None:
    reached: list[tuple[str, int]] = []
    acceptor = TlsAcceptor(9, max_of_one=2, timeout=3, reached=lambda *bound: reached.append(bound))
    errors: list[str] = []

    async def accept(source: str) -> None:
        ours, _ = trio.testing.memory_stream_pair()
        profile = profile_for(ecdsa, b"", random.Random(1))
        with pytest.raises(TlsFailed) as caught:
            await acceptor.accept(ours, ecdsa, first=b"\x16", profile=profile, source=source)
        errors.append(str(caught.value))

    async with trio.open_nursery() as nursery:
        for source in ("a", "a", "a", "b", "", "", ""):
            nursery.start_soon(accept, source)
        await trio.testing.wait_all_tasks_blocked()
        assert (acceptor.handshakes, acceptor.refused) == (6, 1)
        assert errors == ["2 handshakes of one source are under way"]
        assert reached == [("tls_handshakes_per_source", 2)]
    assert acceptor.handshakes == 0
    assert not acceptor._of_source
