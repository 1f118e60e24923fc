"""Measure, beside a Trio server on kernel sockets in the same run, in turn; a table, and JSON in bench/results/."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import trio

import honeystack
from bench import tls
from bench.bed import INTERFACE, PORT, POT, SOURCES, Bed, Server, bed
from bench.servers import SINK, SOURCE

SERVERS = {
    "kernel": "kernel TCP + Trio, echo in a task",
    "library": "open_netstack + Trio, echo in a task",
    "honeypot": "honeystack run, service echo, events to a file",
    "capture": "honeystack run, sensor mode, events to a file",
}
COLUMNS = ["conn/s", "µs/conn", "µs alone", "down Gbit/s", "up Gbit/s", "SYN/s", "B/idle"]
AT_ONCE = 64  # connections that the client keeps under way
TOLERANCE = 1.15  # between two runs of the same code; medians of few rounds scatter by more than the 5 % we allow
RESULTS = Path(__file__).parent / "results"
Figures = dict[str, float]


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


def flood(world: Bed, seconds: float) -> Figures:
    """SYNs as fast as they go: how many a second are answered."""
    world.count_answers()
    world.pot.run("sh", "-c", "echo 2 > /proc/sys/net/ipv4/tcp_syncookies")  # Linux at its best: without any state
    world.receive_apart(pot=False)  # a flood's interrupts leave the server's core, or nothing would run on it at all
    try:
        sent, took = world.load("syns", INTERFACE, world.pot_mac(), POT, str(PORT), str(seconds))
        time.sleep(0.3)  # what waits in the server's ring
        return {"SYN/s": world.answered() / took, "SYN/s sent": sent / took}
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
        if name in ("kernel", "library"):
            figures |= bulk(world, server, options.seconds)
    if not capture:
        with world.server(program) as server:
            figures |= idle(world, server, options.idle)
        with world.server(program):
            figures |= flood(world, options.seconds)
    return figures


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Figures]:
    """Rounds in turn, so that a slow minute of the machine hits all of them; the medians."""
    rounds: dict[str, list[Figures]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory(prefix="hs-bench-") as folder, bed(Path(folder)) as world:
        for number in range(options.rounds):
            for name, taken in rounds.items():
                taken.append(measure(world, name, options))
                figures = "  ".join(f"{key} {number_text(value)}" for key, value in taken[-1].items())
                say(f"round {number + 1}  {name:9} {figures}")
        over_tls = tls.run(world, options, say)
    return over_tls | {
        name: {key: statistics.median(figures[key] for figures in taken) for key in taken[0]}
        for name, taken in rounds.items()
    }


def table(
    medians: dict[str, Figures],
    servers: dict[str, str] = SERVERS,
    columns: Sequence[str] = COLUMNS,
) -> str:
    """The medians of some servers, and in brackets the ratio to the first of them."""
    lines = ["| server | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    base = medians[next(iter(servers))]
    for name, figures in medians.items():
        if name not in servers:
            continue
        cells = [
            f"{number_text(figures[key])} ({figures[key] / base[key]:.2f} ×)" if key in figures and base[key] else "—"
            for key in columns
        ]
        lines.append(f"| {servers[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def number_text(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.2f}"


def fallen(medians: dict[str, Figures], stored: dict[str, Figures]) -> list[str]:
    """Which ratios to kernel sockets are worse by more than the tolerance than those that are stored."""
    lines = []
    for name, figures in stored.items():
        for key, value in figures.items():
            beside = tls.BASE if name in tls.SERVERS else "kernel"
            base, kernel, now = stored[beside].get(key), medians[beside].get(key), medians[name].get(key)
            if name == beside or not (value and base and kernel and now) or key.endswith(("failed", "sent")):
                continue
            worse = (value / base) / (now / kernel)
            if not key.endswith(("/s",)):
                worse = 1 / worse
            if worse > TOLERANCE:
                lines.append(f"{name} {key}: {now / kernel:.2f} × kernel, was {value / base:.2f} ×")
    return lines


def machine() -> dict[str, object]:
    return {
        "honeystack": honeystack.__version__,
        "python": platform.python_version(),
        "trio": trio.__version__,
        "kernel": ".".join(platform.release().split(".")[:2]),
        "cores": os.cpu_count(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each figure")
    parser.add_argument("--idle", type=int, default=5000, help="connections held for the memory figure")
    tls.add_options(parser)
    parser.add_argument("--check", action="store_true", help="store nothing; fail where a ratio has become worse")
    options = parser.parse_args()
    medians = run(options, lambda line: print(line, flush=True))
    print(f"\n{table(medians)}\n\n{table(medians, tls.SERVERS, tls.COLUMNS)}")
    latest = RESULTS / "latest.json"
    if options.check:
        worse = fallen(medians, json.loads(latest.read_text())["medians"])
        sys.exit("\n".join(["", "worse than before:", *worse]) if worse else 0)
    result = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "medians": medians}
    RESULTS.mkdir(exist_ok=True)
    latest.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    with (RESULTS / "history.jsonl").open("a") as history:
        history.write(json.dumps(result, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
