"""The socket listener, on the loopback: the same events as the netstack's, less what packets alone tell."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from honeystack.config.model import PortEntry
from honeystack.errors import Unavailable
from honeystack.events.event import Event, Payload
from honeystack.listeners import socket as listeners_socket
from honeystack.listeners.socket import Socket, _bound, _House, _sentence
from honeystack.net.address import Endpoint
from honeystack.net.limits import Limits
from honeystack.reception import CaptureLimits
from honeystack.router import Router
from honeystack.services.banner import Banner
from honeystack.services.echo import Echo
from honeystack.services.http import Http
from honeystack.testing import RecordingPublisher
from honeystack.witness import Witness
from tests.listeners.places import entry, router

QUICK = CaptureLimits(pause=0.05, idle=5.0)  # real time: these are kernel sockets


@attrs.define
class Place:
    publisher: RecordingPublisher
    router: Router
    scope: trio.CancelScope

    def of(self, port: int) -> list[Event]:
        return [e for e in self.publisher.events if e.identity is not None and e.identity.source_port == port]

    async def wait_closed(self, count: int) -> None:
        with trio.fail_after(10):
            while len(self.publisher.of("tcp", "close")) < count:
                await trio.lowlevel.checkpoint()


@asynccontextmanager
async def place(
    ports: Sequence[PortEntry], services: Mapping[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Place]:
    publisher = RecordingPublisher()
    reception = router(publisher, ports, services, capture=QUICK)
    listener = Socket(addresses=("127.0.0.1",), **settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(listener.run, reception))
        yield Place(publisher, reception, nursery.cancel_scope)
        nursery.cancel_scope.cancel()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def say(port: int, said: bytes) -> tuple[int, bytes]:
    """Our port, and all that is heard until the end."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    heard = b""
    async with stream:
        await stream.send_all(said)
        await stream.send_eof()
        async for data in stream:
            heard += data
        return stream.socket.getsockname()[1], heard


async def test_a_plain_port_is_captured() -> None:
    port = free_port()
    async with place([entry(f"tcp/{port}")]) as at:
        ours, heard = await say(port, b"\x00\x01")
        await at.wait_closed(1)
        events = at.of(ours)
    assert heard == b""
    assert [event.type for event in events] == ["connect", "payload", "close"]
    assert events[1].fields["payload"] == Payload(b"\x00\x01", 2)
    assert events[2].fields["tcp.reason"] == "fin"
    assert events[2].fields["tcp.bytes-in"] == 2
    assert len({event.identity for event in events}) == 1


async def test_each_of_many_at_once_has_its_own_events() -> None:
    ports = [free_port() for _ in range(3)]
    entries = [entry(f"tcp/{port}", name) for port, name in zip(ports, ("web", "echo", "ftp"), strict=True)]
    services = {"web": Http(), "echo": Echo(), "ftp": Banner()}
    said: dict[tuple[int, int], bytes] = {}  # the kernel may give one local port to several destinations

    async def visit(number: int) -> None:
        words = b"GET /%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % number
        theirs = ports[number % 3]
        ours, heard = await say(theirs, words)
        assert heard
        said[ours, theirs] = words

    async with place(entries, services) as at:
        async with trio.open_nursery() as nursery:
            for number in range(60):
                nursery.start_soon(visit, number)
        await at.wait_closed(60)
        for (ours, theirs), words in said.items():
            events = [e for e in at.of(ours) if e.identity and e.identity.destination_port == theirs]
            payloads = [
                event.fields["payload"] for event in events if (event.category, event.type) == ("tcp", "payload")
            ]
            assert payloads == [Payload(words, len(words))]
            assert (events[0].type, events[-1].type) == ("connect", "close")


async def test_the_end_closes_and_tells_every_connection() -> None:
    port = free_port()
    async with place([entry(f"tcp/{port}", "web")], {"web": Http()}) as at:
        streams = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(5)]
        with trio.fail_after(5):
            while len(at.publisher.of("tcp", "connect")) < 5:
                await trio.lowlevel.checkpoint()
        assert at.router.counters() == {"connections": 5, "tcp.accepted": 5}
        at.scope.cancel()
    assert [event.fields["tcp.reason"] for event in at.publisher.of("tcp", "close")] == ["shutdown"] * 5
    for stream in streams:
        await stream.aclose()


async def test_more_than_the_limit_are_shed_and_told() -> None:
    port = free_port()
    async with place([entry(f"tcp/{port}", "web")], {"web": Http()}, max_connections=1) as at:
        first = await trio.open_tcp_stream("127.0.0.1", port)
        with trio.fail_after(5):
            while not at.publisher.of("tcp", "connect"):
                await trio.lowlevel.checkpoint()
            second = await trio.open_tcp_stream("127.0.0.1", port)
            assert await second.receive_some() == b""
        await at.wait_closed(1)
        assert at.publisher.of("tcp", "close")[0].fields["tcp.reason"] == "shed"
        assert at.publisher.of("sensor", "drop")[0].fields["reason"] == "max_connections"
        await first.aclose()
        await second.aclose()


async def test_datagrams_are_told_and_served() -> None:
    served, plain = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    async with place([entry(f"udp/{served}", "echo"), entry(f"udp/{plain}")], {"echo": Echo()}) as at:
        with trio.socket.socket(type=socket.SOCK_DGRAM) as client, trio.fail_after(5):
            await client.bind(("127.0.0.1", 0))
            await client.sendto(b"one", ("127.0.0.1", served))
            assert await client.recv(100) == b"one"
            await client.sendto(b"two", ("127.0.0.1", plain))
            while len(at.publisher.of("udp")) < 2:
                await trio.lowlevel.checkpoint()
    assert [event.fields["payload"] for event in at.publisher.of("udp")] == [Payload(b"one", 3), Payload(b"two", 3)]


async def test_a_port_in_use_is_said_in_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BaseExceptionGroup) as raised:
            async with place([entry(f"tcp/{port}")]):
                pass
    error = raised.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, Unavailable)
    assert f"127.0.0.1:{port} is in use by another program" in str(error)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "in use by another program"),
        (errno.EACCES, "CAP_NET_BIND_SERVICE"),
        (errno.EADDRNOTAVAIL, "no address of this machine"),
        (errno.EPROTO, "cannot be opened"),
    ],
)
def test_what_hinders_a_port_is_a_sentence_with_its_remedy(number: int, words: str) -> None:
    assert words in _sentence(OSError(number, "Protocol error"), Endpoint("127.0.0.1", 80))


def test_a_machine_without_ipv6_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = listeners_socket._bind

    def without_ipv6(family: socket.AddressFamily, *rest: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6 here")
        return bind(family, *rest)

    monkeypatch.setattr(listeners_socket, "_bind", without_ipv6)
    bound = list(_bound(None, free_port(), socket.SOCK_STREAM))
    assert [one.family for one in bound] == [socket.AF_INET]
    for one in bound:
        one.close()


def test_a_port_without_an_address_is_opened_for_both_versions() -> None:
    bound = list(_bound(None, free_port(), socket.SOCK_DGRAM))
    assert [one.family for one in bound] == [socket.AF_INET, socket.AF_INET6]
    for one in bound:
        one.close()


class Exhausted:
    """A listening socket that fails twice before it is cancelled."""

    def __init__(self) -> None:
        self.failures = [OSError(errno.EMFILE, "too many"), OSError(errno.ECONNABORTED, "gone")]

    def __enter__(self) -> Exhausted:
        return self

    def __exit__(self, *_: object) -> None: ...

    async def accept(self) -> Any:
        await trio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.pop(0)
        await trio.sleep_forever()


async def test_a_lack_of_descriptors_is_told_and_waited_out(autojump_clock: trio.testing.MockClock) -> None:
    publisher = RecordingPublisher()
    reception = router(publisher)
    witness = Witness(reception.recorder, clock=trio.current_time, limits=Limits(), capture=QUICK)
    failing = Exhausted()
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(5):
            await _House(reception, witness, 10).accept(failing, nursery)  # type: ignore[arg-type]
    assert not failing.failures
    assert publisher.of("sensor", "drop")[0].fields["reason"] == "file_descriptors"
