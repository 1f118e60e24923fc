"""A stack of your own in your own Trio program: who connects to which port, with what SYN, and says what first.

    sudo python examples/research/answering.py eth0

Port 7 echoes. Every other port completes the handshake, takes what comes first and hangs up. Port 22 stays the host's.
"""

from __future__ import annotations

import sys

import trio

import honeystack
from honeystack import Netstack, TcpStream

PATIENCE = 5.0  # seconds for a peer's first words


async def echo(stream: TcpStream) -> None:
    async for data in stream:
        await stream.send_all(data)


async def note(stream: TcpStream) -> None:
    first = b""
    with trio.move_on_after(PATIENCE):
        first = await stream.receive_some(4096)
    syn = stream.syn
    seen = f"ttl {syn.ttl} window {syn.window} mss {syn.mss}" if syn else "rebuilt from a cookie"
    print(f"{stream.remote} → {stream.local.port}: {seen}: {first[:60]!r}", flush=True)


async def tell_datagrams(net: Netstack) -> None:
    async with net.open_udp_socket(None) as socket:
        while True:
            data, flow = await socket.receive()
            print(f"{flow.remote} → udp {flow.local.port}: {data[:60]!r}", flush=True)


async def main(interface: str) -> None:
    async with honeystack.open_netstack(interface, exclude_ports=["tcp/22"]) as net, trio.open_nursery() as nursery:
        echoing = await net.open_tcp_listener(7)
        others = await net.open_tcp_listener(None)
        nursery.start_soon(trio.serve_listeners, echo, [echoing])
        nursery.start_soon(trio.serve_listeners, note, [others])
        nursery.start_soon(tell_datagrams, net)
        print(f"listening on {interface}", flush=True)


if __name__ == "__main__":
    try:
        trio.run(main, *sys.argv[1:])
    except* KeyboardInterrupt:
        pass
