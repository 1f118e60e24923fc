"""Accepting TLS over memory: what is told of a handshake, and its bounds in virtual time."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing

from honeystack.tls.acceptor import TlsAcceptor, accept_tls
from honeystack.tls.certificates import Certificate
from honeystack.tls.machine import TlsMachine
from honeystack.tls.stream import HANDSHAKE_SECONDS, TlsFailed
from tests.tls.doors import Door
from tests.tls.peers import client_context, profile_for
from tests.tls.vectors import body, full_extensions, message, record


@pytest.fixture
def door(ecdsa: Certificate) -> Door:
    return Door(ecdsa)


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
    client = TlsMachine(lambda _: client_context(versions=(0x0304, 0x0304)), server_side=False)
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
        assert acceptor.handshakes == 2
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
        assert acceptor.handshakes == 6
        assert errors == ["2 handshakes of one source are under way"]
        assert reached == [("tls_handshakes_per_source", 2)]
    assert acceptor.handshakes == 0
    assert not acceptor._of_source
