"""Hellos that never become whole: what all of them hold is bounded, and an honest client is served all the same."""

from __future__ import annotations

import ssl
from collections import Counter
from pathlib import Path
from typing import ClassVar

import attrs
import pytest
import trio
import trio.testing
import trustme

from honeystack.conversation import Conversation, Recognition
from honeystack.net.address import Endpoint
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached
from honeystack.services.echo import Echo
from honeystack.testing.conversations import LOCAL, Meeting
from honeystack.tls.certificates import Certificate, load_certificate
from tests.routing import entry, make, told, visiting
from tests.tls.peers import Client, client_context

CLOCK = trio.testing.MockClock
LIMITS = Limits(hello_memory=100_000)
PEERS = 3000


@pytest.fixture(scope="module")
def ecdsa(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder: Path = tmp_path_factory.mktemp("certificate")
    made = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("a.example", key_type=trustme.KeyType.ECDSA)
    made.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    made.private_key_pem.write_to_path(str(folder / "key.pem"))
    return load_certificate(folder / "cert.pem", folder / "key.pem")


def insecure() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def half_hello(size: int = 400) -> bytes:
    """The first bytes of a hello of 131 kB, in the largest records."""
    message = b"\x01\x01\xff\xb8\x03\x03".ljust(131_000, b"\0")
    records = (message[at : at + 16_384] for at in range(0, len(message), 16_384))
    return b"".join(b"\x16\x03\x01" + len(each).to_bytes(2, "big") + each for each in records)[:size]


@pytest.mark.parametrize("port", [443, 25])
async def test_thousands_of_half_hellos_are_bounded(ecdsa: Certificate, port: int, autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    ports = [entry("tcp/443", "echo", certificate=ecdsa), entry("tcp/25", "mail", certificate=ecdsa)]
    router = make(meeting, ports, {"echo": Echo(), "mail": Mail()}, limits=LIMITS)
    most = 0
    async with trio.open_nursery() as nursery:
        clients = []
        for _ in range(PEERS):
            client, peer = meeting.conversation(local=Endpoint(LOCAL.address, port))
            nursery.start_soon(router.converse, peer)
            clients.append(client)
        await trio.sleep(2)
        for client in clients:
            if port == 25:
                await starting(client)
            await client.send_all(half_hello())
            await trio.testing.wait_all_tasks_blocked()
            most = max(most, router._hellos.held)
        async with visiting(router, meeting, port=443) as client:
            tls = trio.SSLStream(client, insecure(), https_compatible=True)
            await tls.send_all(b"honest")
            assert await tls.receive_some() == b"honest"
    assert LIMITS.hello_memory - 400 <= most <= LIMITS.hello_memory
    assert router._hellos.held == 0
    drops = meeting.of("sensor", "drop")
    assert len(drops) > PEERS - LIMITS.hello_memory // 400 - 5
    assert all(dict(drop.fields) == {"reason": "hello_memory", "limit": LIMITS.hello_memory} for drop in drops)
    assert len({event.identity for event in meeting.of("tcp", "payload")}) == PEERS + 1  # none is without an event
    ends = Counter(str(event.fields.get("tls.error")) for event in meeting.of("tcp", "tls"))
    assert ends["unfinished: given up for the hellos of others"] == len(drops)
    assert ends["unfinished: not whole within 10 s"] == PEERS - len(drops)


async def test_who_gives_way_in_the_middle_of_the_handshake_is_told(ecdsa: Certificate, autojump_clock: CLOCK) -> None:
    meeting, noticed = Meeting(), list[BoundReached]()
    router = make(meeting, [entry("tcp/443", certificate=ecdsa)], limits=LIMITS)
    router.watch(dict, noticed.append)
    async with visiting(router, meeting, port=443) as first:
        await first.send_all(Client(client_context(versions=(0x0303, 0x0303))).step())
        await first.receive_some()
        async with visiting(router, meeting, port=443) as second:
            await second.send_all(half_hello(100_000))
            while await first.receive_some():
                pass
            await second.send_all(half_hello(1))
            assert await second.receive_some() == b""
    assert [stage for stage in told(meeting) if stage != "tcp/payload"] == ["tcp/hello", "tcp/failed", "tcp/hello"]
    failed = meeting.of("tcp", "tls")[1].fields
    assert failed["tls.error"] == "given up for the hellos of others"
    assert "ja4" in failed
    assert noticed == [BoundReached("hello_memory", LIMITS.hello_memory, None)] * 2
    assert not meeting.of("sensor", "drop")  # told by the listener


@pytest.mark.parametrize("planned", [True, False])
async def test_a_hello_that_ends_early_is_told(ecdsa: Certificate, planned: bool, autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/443", certificate=ecdsa)] if planned else [])
    async with visiting(router, meeting, port=443) as client:
        await client.send_all(half_hello())
        await client.send_eof()
        assert (await client.receive_some())[:1] == (b"\x15" if planned else b"")
    assert told(meeting) == (["tcp/hello", "tcp/payload", "tcp/failed"] if planned else ["tcp/hello", "tcp/payload"])
    assert meeting.events[0].fields["tls.error"] == "unfinished: it ended early"


@pytest.mark.parametrize("said", [b"\x16", b"\x80\x40\1\3\1", b"\x16\x04\1", b"GET"])
async def test_what_is_perhaps_no_hello_at_all_is_not_told_as_one(
    ecdsa: Certificate, said: bytes, autojump_clock: CLOCK
) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [entry("tcp/443", certificate=ecdsa)]), meeting, port=443) as client:
        await client.send_all(said)
        assert await client.receive_some() == b""
    assert told(meeting) == ["tcp/payload"]


async def test_bytes_that_are_no_hello_count_for_nothing(ecdsa: Certificate, autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/7", "echo", certificate=ecdsa)], {"echo": Echo()}, limits=LIMITS)
    async with visiting(router, meeting, port=7) as client:
        await client.send_all(b"\x80" + bytes(60_000))
        await client.receive_some()
        assert router._hellos.held == 0


@attrs.frozen
class Mail:
    """Agrees to TLS, and is silent about how it went."""

    speaks_first: ClassVar[bool] = True
    speaks_tls: ClassVar[bool] = False

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        return Recognition.MINE

    async def handle(self, peer: Conversation) -> None:
        await peer.send_all(b"220\r\n")
        await peer.receive_some()
        await peer.send_all(b"220 go\r\n")
        await peer.start_tls()


async def starting(client: trio.abc.HalfCloseableStream) -> None:
    await client.receive_some()
    await client.send_all(b"STARTTLS\r\n")
    await client.receive_some()


@pytest.mark.parametrize("ends", [True, False])
async def test_half_a_hello_after_plaintext_is_no_word_for_the_service(
    ecdsa: Certificate, ends: bool, autojump_clock: CLOCK
) -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/25", "mail", certificate=ecdsa)], {"mail": Mail()})
    async with visiting(router, meeting, port=25) as client:
        await starting(client)
        await client.send_all(half_hello())
        if ends:
            await client.send_eof()
        assert (await client.receive_some())[:1] == (b"\x15" if ends else b"")
    assert told(meeting) == ["tcp/payload", "tcp/hello", "tcp/failed"][: 2 + ends]
    assert not meeting.of("sensor", "fault")
