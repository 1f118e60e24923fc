"""Short connections, bulk, a flood of SYNs and idle connections, beside servers on kernel sockets.

conn/s is with 64 connections under way; µs alone, one after the other. In sensor mode there is no reply.
"""

from __future__ import annotations

import argparse
import shutil
import time

from bench.bed import INTERFACE, PORT, POT, SOURCES, Bed, Server
from bench.part import Figures, Part, Say, in_turn
from bench.servers import SINK, SOURCE

ROWS = {
    "kernel": "kernel TCP + Trio, echo in a task",
    "asyncio": "kernel TCP + asyncio streams, echo in a task",
    "go": "kernel TCP + Go, echo in a goroutine",
    "library": "open_netstack + Trio, echo in a task",
    "honeypot": "honeystack run, service echo, events to a file",
    "capture": "honeystack run, sensor mode, events to a file",
}
STREAMS = ("kernel", "library")  # have servers of bulk data
COLUMNS = ["conn/s", "µs/conn", "µs alone", "down Gbit/s", "up Gbit/s", "SYN/s", "µs/SYN", "B/idle"]
AT_ONCE = 64  # connections that the client keeps under way


def talk(world: Bed, server: Server, seconds: float, *, reply: int, port: int = PORT) -> Figures:
    """Connect, 100 bytes, the reply, close: how many a second, what one costs, and how long one alone takes."""
    before = server.cpu_seconds()
    done, failed, took = world.load("talk", POT, str(port), str(SOURCES), str(AT_ONCE), str(seconds), str(reply))
    spent = server.cpu_seconds() - before
    figures = {"conn/s": done / took, "µs/conn": spent * 1e6 / max(done, 1), "failed": failed}
    if reply:
        done, _, took = world.load("talk", POT, str(port), str(SOURCES), "1", str(seconds / 3), str(reply))
        figures["µs alone"] = took * 1e6 / max(done, 1)
    return figures


def bulk(world: Bed, server: Server, seconds: float) -> Figures:
    """One connection as fast as it goes, each way: Gbit/s, and what a megabyte costs."""
    figures: Figures = {}
    for name, verb, port in (("down", "pull", SOURCE), ("up", "push", SINK)):
        before = server.cpu_seconds()
        moved, took = world.load(verb, POT, str(port), str(SOURCES), str(seconds))
        figures[f"{name} Gbit/s"] = moved * 8e-9 / took
        figures[f"{name} µs/MB"] = (server.cpu_seconds() - before) * 1e12 / max(moved, 1)
    return figures


def flood(world: Bed, server: Server, seconds: float) -> Figures:
    """SYNs as fast as they go: how many a second are answered, and what one costs (a kernel's own work is not seen)."""
    before = server.cpu_seconds()
    world.count_answers()
    world.pot.run("sh", "-c", "echo 2 > /proc/sys/net/ipv4/tcp_syncookies")  # Linux at its best: without any state
    # A flood's interrupts leave the server's core, or nothing would run on it at all; and what both cores send must not
    # meet in one queue of 1000 frames (net.core.netdev_max_backlog).
    world.receive_apart(apart=False)
    try:
        sent, took = world.load("syns", INTERFACE, world.pot_mac(), POT, str(PORT), str(seconds))
        time.sleep(0.3)  # what waits in the server's ring
        answered = world.answered()
        figures = {"SYN/s": answered / took, "SYN/s sent": sent / took}
        if server.name != "kernel":
            figures["µs/SYN"] = (server.cpu_seconds() - before) * 1e6 / max(answered, 1)
        return figures
    finally:
        world.receive_apart()
        world.let_answers_pass()
        world.pot.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/tcp_syncookies")


def idle(world: Bed, server: Server, count: int) -> Figures:
    """What the process grows by for one connection that has said nothing."""
    before = server.resident_bytes()
    with world.held("hold", POT, str(PORT), str(SOURCES), str(count)):
        time.sleep(2)  # tasks settle, buffers are given back
        return {"B/idle": (server.resident_bytes() - before) / count}


def measure(world: Bed, name: str, options: argparse.Namespace) -> Figures:
    """All figures of one server, started anew for each so that none inherits the other's memory."""
    capture = name == "capture"
    program = "honeypot" if capture else name
    port, reply = (4000, 0) if capture else (PORT, 100)
    with world.server(program) as server:
        talk(world, server, 0.5, reply=reply, port=port)  # warm
        figures = talk(world, server, options.seconds, reply=reply, port=port)
        if name in STREAMS:
            figures |= bulk(world, server, options.seconds)
    if capture:
        return figures
    with world.server(program) as server:
        figures |= idle(world, server, options.idle)
    if name not in ("asyncio", "go"):  # the kernel answers a flood for them as it does for Trio
        with world.server(program) as server:
            figures |= flood(world, server, options.seconds)
    return figures


def run(world: Bed, options: argparse.Namespace, say: Say) -> dict[str, list[Figures]]:
    """Rounds in turn; without a Go compiler, without that row."""
    rows = [name for name in ROWS if name != "go" or shutil.which("go")]
    return in_turn(rows, options.rounds, lambda name: measure(world, name, options), say)


PART = Part("connections", "server", ROWS, COLUMNS, run, "kernel")
