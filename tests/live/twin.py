"""One server program on two network stacks: the kernel's and ours, chosen by its first argument.

Each port shows one way in which a server can behave; all ports without a name here are closed.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Awaitable, Callable

import trio
from trio.abc import HalfCloseableStream

from honeystack.netstack import open_netstack

SINK, ECHO, DEAF, HELLO, CLOSER, UNREAD, FLOOD, LATE_CLOSER, ECHO_UDP = (
    80,
    7000,
    7001,
    7002,
    7003,
    7004,
    7005,
    7006,
    7000,
)
CLOSED = 9
HELLO_TEXT = b"hello"
FLOODED = 400_000

Handler = Callable[[HalfCloseableStream], Awaitable[None]]


async def sink(stream: HalfCloseableStream) -> None:
    """Reads all, and closes when the peer has."""
    async for _ in stream:
        pass


async def echo(stream: HalfCloseableStream) -> None:
    async for data in stream:
        await stream.send_all(data)


async def deaf(stream: HalfCloseableStream) -> None:
    """Never reads."""
    await trio.sleep_forever()


async def hello(stream: HalfCloseableStream) -> None:
    """Speaks first, then reads."""
    await stream.send_all(HELLO_TEXT)
    await sink(stream)


async def closer(stream: HalfCloseableStream) -> None:
    """Closes at once."""


async def unread(stream: HalfCloseableStream) -> None:
    """Closes while what the peer has sent lies unread."""
    await trio.sleep(0.5)


async def flood(stream: HalfCloseableStream) -> None:
    """Sends much."""
    await stream.send_all(bytes(FLOODED))
    await sink(stream)


async def late_closer(stream: HalfCloseableStream) -> None:
    """Ends its side when the peer has spoken, and reads on."""
    await stream.receive_some(1)
    await stream.send_eof()
    await sink(stream)


HANDLERS: dict[int, Handler] = {
    SINK: sink,
    ECHO: echo,
    DEAF: deaf,
    HELLO: hello,
    CLOSER: closer,
    UNREAD: unread,
    FLOOD: flood,
    LATE_CLOSER: late_closer,
}


def contained(handler: Handler) -> Handler:
    async def handle(stream: HalfCloseableStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with stream:
                await handler(stream)

    return handle


async def on_kernel() -> None:
    async with trio.open_nursery() as nursery:
        for port, handler in HANDLERS.items():
            listeners = await trio.open_tcp_listeners(port, host="0.0.0.0")
            listeners += await trio.open_tcp_listeners(port, host="::")
            nursery.start_soon(trio.serve_listeners, contained(handler), listeners)
        for family, host in ((trio.socket.AF_INET, "0.0.0.0"), (trio.socket.AF_INET6, "::")):
            socket = trio.socket.socket(family, trio.socket.SOCK_DGRAM)
            if family == trio.socket.AF_INET6:
                socket.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 1)
            await socket.bind((host, ECHO_UDP))
            nursery.start_soon(echo_datagrams, socket)
        print("ready", flush=True)


async def echo_datagrams(socket: trio.socket.SocketType) -> None:
    while True:
        with contextlib.suppress(OSError):
            data, address = await socket.recvfrom(65535)
            await socket.sendto(data, address)


async def on_ours() -> None:
    async with open_netstack("eth0", allow_no_exclude=True) as net, trio.open_nursery() as nursery:
        for port, handler in HANDLERS.items():
            nursery.start_soon(trio.serve_listeners, contained(handler), [await net.open_tcp_listener(port)])
        socket = net.open_udp_socket(ECHO_UDP)
        print("ready", flush=True)
        while True:
            data, flow = await socket.receive()
            await socket.send(data, flow)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        trio.run({"kernel": on_kernel, "ours": on_ours}[sys.argv[1]])
