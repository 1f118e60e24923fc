"""What each stage of a short connection costs, in one process and without a wire: `python -m bench.stages STAGE`.

The client is on a cable in memory, and its own time is taken off. So figures scatter by few per cent where those of
live runs do by ten; what is missing in them is the kernel. With `--profile`, says which functions the time goes to.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import trio

from bench.client import ADDRESS, DATA, GET, OUR_MAC, Client
from bench.part import Figures, Part, Say, in_turn
from bench.servers import PORT, echo
from honeystack.channels.file import File
from honeystack.config.model import PortEntry
from honeystack.config.ports import PortSpec
from honeystack.events.bus import Bus
from honeystack.events.ids import IdFactory
from honeystack.events.recorder import Recorder
from honeystack.events.sensor import Sensor
from honeystack.listeners.netstack import serve
from honeystack.net.address import AddressSet
from honeystack.net.attachment import Attachment
from honeystack.net.limits import Limits
from honeystack.net.notices import Readable
from honeystack.net.settings import StackSettings
from honeystack.net.stack import Stack
from honeystack.netstack import open_netstack
from honeystack.process import rare_collections
from honeystack.reception import CaptureLimits
from honeystack.router import Router
from honeystack.services.echo import Echo
from honeystack.services.http import Http

ROWS = {
    "python": "the same Python statements, whatever honeystack is",
    "stack": "the stack alone: handshake, 100 bytes, close",
    "sensor": "sensor mode, no channel",
    "file": "sensor mode, events to a file",
    "echo": "open_netstack, echo in a Trio task",
    "service": "honeystack run, service echo, events to a file",
    "web": "honeystack run, service http, events to a file",
}
SENSOR_PORT, WEB_PORT = 4000, 80
SECRET = bytes(range(32))
SERVICES: dict[str, Any] = {"echo": Echo(), "web": Http()}
NAMES = {PORT: "echo", WEB_PORT: "web"}
CONNECTIONS = 6_000
WARM = 600  # connections before those that count


def python(count: int) -> float:
    """How fast Python is here: what other figures are compared with, from machine to machine."""
    began = time.process_time()
    table: dict[bytes, list[int]] = {}
    for number in range(count):
        key = number.to_bytes(12, "big")
        table[key] = [number]
        for turn in range(32):
            fields = struct.unpack_from("!HHII", key)
            table[key].append((fields[2] + turn) & 0xFFFFFFFF)
        del table[key]
    return time.process_time() - began


def stack(count: int) -> float:
    """Frames through the stack, without Trio; whoever owns a connection reads and closes it."""
    made, client = _stack(), Client(SENSOR_PORT, awaits="nothing")
    made.tcp.listen(None)
    client.start(count)
    began, now = time.process_time(), 100.0
    while not client.finished.is_set():
        now += 0.003
        for data, checksum, vlan in client.receive():
            made.receive_frame(data, now, checksum=checksum, vlan=vlan)
        while (notice := made.poll_notice()) is not None:
            if isinstance(notice, Readable):
                notice.connection.receive(65536, now)
                if notice.connection.eof_received:
                    notice.connection.release(now)
        client.send(made.poll_transmit(now))
        made.poll_timeout()
        made.handle_timeout(now)
    return time.process_time() - began - client.spent


async def honeypot(count: int, client: Client, *, to_file: bool = True) -> float:
    """As `honeystack run`: services echo and http on their ports, any other in sensor mode."""
    bus, limits = Bus(), Limits()
    recorder = Recorder(bus, clock=time.time, new_id=IdFactory(clock=time.time, rng=random.Random(3)))
    ports = [PortEntry((PortSpec("tcp", None, port, port),), (name,)) for port, name in NAMES.items()]
    router = Router(ports, SERVICES, recorder=recorder, capture=CaptureLimits(), rng=random.Random(2))
    with tempfile.TemporaryDirectory(prefix="hs-bench-") as folder:
        async with trio.open_nursery() as nursery:
            if to_file:
                written = File(filename=Path(folder) / "events.jsonl").run
                nursery.start_soon(partial(written, bus.subscribe("file"), sensor=Sensor("bench", "token")))
            attached = Attachment(_stack(), client)
            await nursery.start(partial(serve, attached, router, limits=limits, rng=random.Random(4)))
            began = time.process_time()
            client.start(count)
            await client.finished.wait()
            await bus.drain(10.0)
            spent = time.process_time() - began - client.spent
            nursery.cancel_scope.cancel()
    return spent


async def library(count: int) -> float:
    """A Trio server over the stack."""
    client = Client(PORT, awaits="echo")
    async with (
        open_netstack(link=client, addresses=[ADDRESS], allow_no_exclude=True) as net,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(partial(trio.serve_listeners, _talk, [await net.open_tcp_listener(PORT)]))
        began = time.process_time()
        client.start(count)
        await client.finished.wait()
        spent = time.process_time() - began - client.spent
        nursery.cancel_scope.cancel()
    return spent


async def _talk(stream: trio.abc.HalfCloseableStream) -> None:
    async with stream:
        await echo(stream)


def _stack() -> Stack:
    settings = StackSettings(mac=OUR_MAC, addresses=AddressSet([ADDRESS]), secret=SECRET)
    return Stack(settings, rng=random.Random(1))


def _client(awaits: Literal["nothing", "echo", "end"]) -> Client:
    port, said = {"nothing": (SENSOR_PORT, DATA), "echo": (PORT, DATA), "end": (WEB_PORT, GET)}[awaits]
    return Client(port, said, awaits=awaits)


STAGES: dict[str, Callable[[int], float]] = {
    "python": python,
    "stack": stack,
    "sensor": lambda count: trio.run(partial(honeypot, count, _client("nothing"), to_file=False)),
    "file": lambda count: trio.run(honeypot, count, _client("nothing")),
    "echo": lambda count: trio.run(library, count),
    "service": lambda count: trio.run(honeypot, count, _client("echo")),
    "web": lambda count: trio.run(honeypot, count, _client("end")),
}


def run(_: object, options: argparse.Namespace, say: Say) -> dict[str, list[Figures]]:
    """Each stage in a process of its own, rounds in turn."""

    def measure(name: str) -> Figures:
        command = ("taskset", "-c", "0", sys.executable, "-m", "bench.stages", name)
        return {"µs/conn": float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)}

    return in_turn(ROWS, options.rounds, measure, say)


PART = Part("stages", "in one process, no wire", ROWS, ["µs/conn"], run, "python")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.stages", description=__doc__)
    parser.add_argument("stage", choices=ROWS)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--profile", action="store_true", help="say where the time goes, by function")
    options = parser.parse_args()
    stage = STAGES[options.stage]
    stage(WARM)
    with rare_collections():
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(stage, options.connections)
            pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        else:
            print(f"{stage(options.connections) * 1e6 / options.connections:.2f}")


if __name__ == "__main__":
    main()
