"""Forward: where it leads, over kernel sockets on the loopback."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from honeystack.directors.forward import Forward, split_host
from honeystack.net.address import Endpoint
from honeystack.services.proxy import Proxy
from honeystack.testing.conversations import Meeting


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.5", "10.0.0.5", None),
        ("10.0.0.5:22", "10.0.0.5", 22),
        ("[2001:db8::5]:22", "2001:db8::5", 22),
        ("[2001:db8::5]", "2001:db8::5", None),
        ("2001:db8::5", "2001:db8::5", None),
        ("real.example.org:8080", "real.example.org", 8080),
    ],
)
def test_a_host_with_and_without_a_port(text: str, host: str, port: int | None) -> None:
    assert split_host(text) == (host, port)
    assert Forward(host=text)


@pytest.mark.parametrize(
    "text", ["", ":22", "a:", "a:0", "a:65536", "a:x", "[::1", "[::1]22", "http://a", "a b", "[::1]:", "a:²"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    if text == "[::1]:":
        assert split_host(text) == ("::1", None)
        return
    with pytest.raises(ValueError, match=r"write|ends"):
        Forward(host=text)


async def shout(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(bytes(data).upper())
    await stream.send_eof()


async def test_a_conversation_reaches_the_host_and_its_same_port() -> None:
    meeting = Meeting()
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, shout, listeners)
        port = listeners[0].socket.getsockname()[1]
        client, peer = meeting.conversation(local=Endpoint("203.0.113.4", port))
        with trio.fail_after(5):
            async with trio.open_nursery() as inner:
                inner.start_soon(Proxy(director=Forward(host="127.0.0.1")).handle, peer)
                await client.send_all(b"hello")
                assert await client.receive_some() == b"HELLO"
                await client.send_eof()
        nursery.cancel_scope.cancel()
    assert [event.type for event in meeting.of("proxy")] == ["request", "response"]


async def test_datagrams_reach_the_host_and_come_back() -> None:
    meeting = Meeting()
    with trio.socket.socket(type=socket.SOCK_DGRAM) as host:
        await host.bind(("127.0.0.1", 0))
        peer = meeting.datagrams([])
        service = Proxy(director=Forward(host=f"127.0.0.1:{host.getsockname()[1]}"))
        says, hears = trio.open_memory_channel[bytes](1)
        peer.receive = hears.receive  # type: ignore[method-assign]
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(service.handle_datagrams, peer)
                await says.send(b"question")
                data, address = await host.recvfrom(100)
                await host.sendto(data.upper(), address)
                while not peer.sent:
                    await trio.lowlevel.checkpoint()
                assert [event.type for event in meeting.of("proxy")] == ["request", "response"]  # not only at the end
                await says.aclose()
    assert peer.sent == [b"QUESTION"]
    assert len(meeting.of("proxy")) == 2


async def test_a_closed_port_is_an_os_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        _, peer = Meeting().conversation()
        with pytest.raises(OSError, match=r"."):
            await Forward(host=f"127.0.0.1:{taken.getsockname()[1]}").open_stream(peer)


async def test_a_host_that_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async def never(*_: object, **__: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(trio, "open_tcp_stream", never)
    monkeypatch.setattr(trio.socket, "getaddrinfo", never)
    _, peer = Meeting().conversation()
    with pytest.raises(TimeoutError, match="did not answer in 10 s"):
        await Forward(host="192.0.2.1:9").open_stream(peer)
    with pytest.raises(TimeoutError, match="was not resolved"):
        await Forward(host="host.invalid:9").open_datagrams(Meeting().datagrams([]))


def test_no_time_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="'timeout'"):
        Forward(host="10.0.0.5", timeout=0)
