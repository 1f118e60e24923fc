"""What is measured: `python -m bench.servers kernel|asyncio|library INTERFACE`; prints `ready` when it answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from functools import partial

import trio

PORT, SINK, SOURCE = 7, 9, 19  # echo, discard and chargen of RFC 862 to 864
PIECE = bytes(1 << 18)
BACKLOG = 4096


async def echo(stream: trio.abc.HalfCloseableStream) -> None:
    try:
        while data := await stream.receive_some(65536):
            await stream.send_all(data)
    except trio.BrokenResourceError:
        pass


async def sink(stream: trio.abc.HalfCloseableStream) -> None:
    try:
        while await stream.receive_some(1 << 18):
            pass
    except trio.BrokenResourceError:
        pass


async def source(stream: trio.abc.HalfCloseableStream) -> None:
    try:
        while True:
            await stream.send_all(PIECE)
    except trio.BrokenResourceError:
        pass


HANDLERS = {PORT: echo, SINK: sink, SOURCE: source}


async def kernel(_: str) -> None:
    """A task per connection over the kernel's sockets: Trio as everybody uses it."""
    raise_file_limit()
    async with trio.open_nursery() as nursery:
        for port, handler in HANDLERS.items():
            await nursery.start(partial(trio.serve_tcp, handler, port, host="0.0.0.0", backlog=BACKLOG))
        print("ready", flush=True)


def raise_file_limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def library(interface: str) -> None:
    """The same task per connection over our stack."""
    import honeystack

    async with honeystack.open_netstack(interface, allow_no_exclude=True) as net, trio.open_nursery() as nursery:
        for port, handler in HANDLERS.items():
            await nursery.start(trio.serve_listeners, handler, [await net.open_tcp_listener(port)])
        print("ready", flush=True)


def asyncio_streams() -> None:
    """The same over asyncio's streams, which have a task per connection too."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def serve() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
        async with await asyncio.start_server(talk, "0.0.0.0", PORT, backlog=BACKLOG) as server:
            print("ready", flush=True)
            await server.serve_forever()

    raise_file_limit()
    asyncio.run(serve())


async def until_terminated(server: str, interface: str) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon({"kernel": kernel, "library": library}[server], interface)
            async for _ in signals:
                nursery.cancel_scope.cancel()


if __name__ == "__main__":
    if sys.argv[1] == "asyncio":
        asyncio_streams()
    else:
        trio.run(until_terminated, *sys.argv[1:])
