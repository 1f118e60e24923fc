"""What is measured: `python -m bench.servers kernel|library INTERFACE`; prints `ready` when it answers."""

from __future__ import annotations

import resource
import signal
import sys

import trio

PORT = 7
BACKLOG = 4096


async def echo(stream: trio.abc.HalfCloseableStream) -> None:
    try:
        while data := await stream.receive_some(65536):
            await stream.send_all(data)
    except trio.BrokenResourceError:
        pass


async def kernel(_: str) -> None:
    """A task per connection over the kernel's sockets: Trio as everybody uses it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    await trio.serve_tcp(echo, PORT, host="0.0.0.0", backlog=BACKLOG, task_status=Ready())  # type: ignore[arg-type]


async def library(interface: str) -> None:
    """The same task per connection over our stack."""
    import honeystack

    async with honeystack.open_netstack(interface, allow_no_exclude=True) as net:
        listener = await net.open_tcp_listener(PORT)
        await trio.serve_listeners(echo, [listener], task_status=Ready())  # type: ignore[arg-type]


class Ready:
    def started(self, _value: object = None) -> None:
        print("ready", flush=True)


async def until_terminated(server: str, interface: str) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon({"kernel": kernel, "library": library}[server], interface)
            async for _ in signals:
                nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(until_terminated, *sys.argv[1:])
