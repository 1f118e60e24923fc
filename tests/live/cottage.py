"""A small lab for the tests of the link: `pot` and `peer` on one cable, and an echoing netstack started on the pot.

Run as a program it is that netstack: every TCP port echoes, every UDP port too.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator

import attrs
import trio

from honeystack.net.namespaces import Host, Lab, assign
from honeystack.net.stream import TcpStream
from honeystack.netstack import open_netstack

POT4, POT6, PEER4, PEER6 = "192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"
FRIEND4 = "192.0.2.66"  # another address of the peer, for exclusions
_numbers = itertools.count()


@attrs.frozen
class Cottage:
    """Both machines call the cable eth0."""

    pot: Host
    peer: Host

    def offloads(self, state: str) -> None:
        """Switch segmentation offloads and checksumming of both ends on or off."""
        for host in (self.pot, self.peer):
            host.run("ethtool", "-K", "eth0", "tso", state, "gso", state, "gro", state, "tx", state)

    @contextlib.contextmanager
    def netstack(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """The program below on the pot, from its first answer to its end."""
        process = subprocess.Popen(
            self.pot.command(sys.executable, __file__, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            assert first == b"ready\n", (first + process.stdout.read()).decode()
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(10)
            process.stdout.close()


@contextlib.contextmanager
def cottage() -> Iterator[Cottage]:
    with Lab(f"hsl{next(_numbers)}") as lab:
        pot, peer = lab.add("pot"), lab.add("peer")
        lab.join(pot, peer, "eth0", "eth0")
        assign(pot, "eth0", [f"{POT4}/24", f"{POT6}/64"])
        assign(peer, "eth0", [f"{PEER4}/24", f"{FRIEND4}/24", f"{PEER6}/64"])
        yield Cottage(pot, peer)


async def main(exclude_ports: list[str], exclude_addresses: list[str]) -> None:
    async with open_netstack("eth0", exclude_ports=exclude_ports, exclude_addresses=exclude_addresses) as net:
        socket = net.open_udp_socket(None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, echo, [await net.open_tcp_listener(None)])
            print("ready", flush=True)
            while True:
                data, flow = await socket.receive()
                await socket.send(data, flow)


async def echo(stream: TcpStream) -> None:
    with contextlib.suppress(trio.BrokenResourceError):
        async for data in stream:
            await stream.send_all(data)
        await stream.send_eof()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        trio.run(
            main,
            [argument for argument in sys.argv[1:] if "/" in argument and "." not in argument],
            [argument for argument in sys.argv[1:] if "." in argument],
        )
