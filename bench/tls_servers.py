"""What is measured over TLS: `python -m bench.tls_servers kernel|library INTERFACE FOLDER`; prints `ready`."""

from __future__ import annotations

import contextlib
import resource
import signal
import ssl
import sys
from pathlib import Path

import trio

from bench.servers import BACKLOG, echo

PORT = 443
CERTIFICATE, KEY = "certificate.pem", "key.pem"


def context(folder: Path) -> ssl.SSLContext:
    """What everybody serves with."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    return made


async def kernel(_: str, folder: Path) -> None:
    """Trio's own TLS on the kernel's sockets."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listeners = await trio.open_ssl_over_tcp_listeners(PORT, context(folder), host="0.0.0.0", backlog=BACKLOG)
    print("ready", flush=True)
    await trio.serve_listeners(talk, listeners)


async def library(interface: str, folder: Path) -> None:
    """Trio's own TLS over our stack."""
    import honeystack

    async with honeystack.open_netstack(interface, allow_no_exclude=True) as net:
        listener = trio.SSLListener(await net.open_tcp_listener(PORT), context(folder))
        print("ready", flush=True)
        await trio.serve_listeners(talk, [listener])


async def talk(stream: trio.abc.HalfCloseableStream) -> None:
    """Echo; Trio's TLS does the handshake with the first use, and clients that end in it are no matter."""
    with contextlib.suppress(trio.BrokenResourceError):
        await echo(stream)


async def until_terminated(server: str, interface: str, folder: str) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon({"kernel": kernel, "library": library}[server], interface, Path(folder))
            async for _ in signals:
                nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(until_terminated, *sys.argv[1:])
