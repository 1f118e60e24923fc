"""How what a packet costs grows with connections and with sources, and what memory a connection takes.

Connections: so many are held, which have said nothing, and short ones come and go beside them. Then each says 100 bytes
and becomes a conversation with a task, and 100 bytes and their echo go over one after the other in a shuffled order,
ten at once: two packets in, the bytes and the acknowledgement of their echo. Sources: UDP datagrams, and SYNs that are
never followed up, at a steady rate; every packet is another flow, whatever the number of sources.
"""

from __future__ import annotations

import argparse
import time

from bench.bed import CONFIG, PORT, POT, Bed
from bench.connections import talk
from bench.part import Figures, Part, Say, in_turn

CONNECTIONS = {f"connections {count}": count for count in (10, 1_000, 10_000, 100_000)}
SOURCES = {f"sources {count}": count for count in (1, 1_000, 1_000_000)}
FIRST_SOURCE = "198.18.0.0"
RATE = 8_000  # packets a second, well below what the server can take: a loss would look like speed
LIMITS = "[listener.limits]\nconnections = 200000\nconnections_per_source = 20000\n"
PATIENCE = "[capture]\nidle = 900.0\n"  # so many connections take their time
CONFIG_OF_MANY = CONFIG.replace("[service.echo]\n", f"{LIMITS}{PATIENCE}[service.echo]\nidle = 900.0\n")
SETTLED = 5_000  # connections from which on memory is a connection's and not the start's


def over_connections(world: Bed, count: int, seconds: float) -> Figures:
    """Memory of so many connections, before and after each has spoken; and what a packet on any of them costs."""
    with world.honeypot(CONFIG_OF_MANY) as server:
        with world.chat(10) as ask:
            ask("all")
        talk(world, server, 1.0, reply=100)  # all code has run, and memory is as large as it gets
        empty = server.resident_bytes()
        with world.chat(count) as ask:
            time.sleep(1)
            idle = server.resident_bytes()
            beside = talk(world, server, seconds, reply=100)["µs/conn"]
            ask("all")
            time.sleep(1)
            parked = server.resident_bytes()
            before = server.cpu_seconds()
            done, _ = ask(f"for {seconds}")
            spoken = (server.cpu_seconds() - before) * 1e6 / (2 * done)
            figures = {"µs/conn beside": beside, "µs/packet": spoken, "packets": 2.0 * done}
        if count >= SETTLED:
            figures |= {"B/idle": (idle - empty) / count, "B/parked": (parked - empty) / count}
        return figures


def over_sources(world: Bed, count: int, seconds: float) -> Figures:
    """What a datagram and a SYN cost that come from so many sources."""
    figures: Figures = {}
    for kind in ("udp", "syn"):
        with world.honeypot(CONFIG_OF_MANY) as server:
            world.packets(kind, FIRST_SOURCE, POT, PORT, count, RATE, 1.0)  # tables are full
            before = server.cpu_seconds()
            sent = world.packets(kind, FIRST_SOURCE, POT, PORT, count, RATE, seconds)
            time.sleep(0.5)
            figures[f"µs/{kind}"] = (server.cpu_seconds() - before) * 1e6 / sent
    return figures


def run_connections(world: Bed, options: argparse.Namespace, say: Say) -> dict[str, list[Figures]]:
    """Rounds in turn."""
    return in_turn(
        CONNECTIONS, options.rounds, lambda name: over_connections(world, CONNECTIONS[name], options.seconds), say
    )


def run_sources(world: Bed, options: argparse.Namespace, say: Say) -> dict[str, list[Figures]]:
    """Rounds in turn."""
    return in_turn(SOURCES, options.rounds, lambda name: over_sources(world, SOURCES[name], options.seconds), say)


CONNECTIONS_PART = Part(
    "held",
    "connections held",
    {name: f"{count:,}" for name, count in CONNECTIONS.items()},
    ["µs/conn beside", "µs/packet", "B/idle", "B/parked"],
    run_connections,
    "connections 10",
)
SOURCES_PART = Part(
    "sources",
    "sources",
    {name: f"{count:,}" for name, count in SOURCES.items()},
    ["µs/udp", "µs/syn"],
    run_sources,
    "sources 1",
)
