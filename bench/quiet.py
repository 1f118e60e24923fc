"""What the honeypot costs while nothing is asked of it: idle, starting, and beside traffic that is left to the host.

Excluded traffic comes at 200,000 packets a second. That our process takes no CPU time for it shows in its own clock;
that it is not even woken, in how often it waits and goes on: an idle one does so too, for its heartbeat and its tables.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable

from bench.bed import INTERFACE, POT, Bed, Server
from bench.part import Figures, Part, Say, in_turn

POT6, CLIENT6 = "2001:db8::1", "2001:db8::2"
EXCLUDED_PORT, OPEN_PORT = 8022, 4000
STRANGER, STRANGER6 = "198.18.0.0", "2001:db8:1::"  # their networks are not excluded
FRIEND, FRIEND6 = "198.19.0.0", "2001:db8:2::"  # these are
RATE = 200_000.0  # packets a second
SOURCES = 1_000
CONFIG = f"""
[listener]
type = "netstack"
interface = "{INTERFACE}"
exclude_ports = ["{EXCLUDED_PORT}"]
exclude_addresses = ["{FRIEND}/16", "{FRIEND6}/48"]
[channel.console]
type = "console"
[[filter]]
channel = ["console"]
"""
ROWS = {
    "nothing": "no traffic at all",
    "udp port 4": f"UDP to an excluded port, {RATE:,.0f}/s",
    "tcp port 4": "SYNs to an excluded port",
    "udp address 4": "UDP of excluded addresses",
    "tcp address 4": "SYNs of excluded addresses",
    "udp port 6": "IPv6, UDP to an excluded port",
    "tcp port 6": "IPv6, SYNs to an excluded port",
    "udp address 6": "IPv6, UDP of excluded addresses",
    "tcp address 6": "IPv6, SYNs of excluded addresses",
}
COLUMNS = ["% of a core", "wake-ups/s", "packets/s sent"]
STARTS = {"honeystack": "honeystack run, default settings"}
IDLE_SECONDS = 12.0  # a heartbeat may fall into it


def spent(server: Server, work: Callable[[], float]) -> Figures:
    """What the server does while `work` goes on, which gives its seconds."""
    before, woken = server.run_seconds(), server.wake_ups()
    took = work()
    return {
        "% of a core": 100 * (server.run_seconds() - before) / took,
        "wake-ups/s": (server.wake_ups() - woken) / took,
    }


def excluded(world: Bed, server: Server, name: str, seconds: float) -> Figures:
    """Flood with what is left to the host."""
    protocol, what, version = name.split()
    target = POT if version == "4" else POT6
    source = {"port4": STRANGER, "port6": STRANGER6, "address4": FRIEND, "address6": FRIEND6}[what + version]
    port = EXCLUDED_PORT if what == "port" else OPEN_PORT
    kind = "syn" if protocol == "tcp" else "udp"
    sent = 0

    def work() -> float:
        nonlocal sent
        began = time.monotonic()
        sent = world.packets(kind, source, target, port, SOURCES, RATE, seconds)
        return time.monotonic() - began

    return spent(server, work) | {"packets/s sent": sent / seconds}


def measure(world: Bed, server: Server, name: str, seconds: float) -> Figures:
    """One row."""
    time.sleep(1)
    if name != "nothing":
        return excluded(world, server, name, seconds)

    def work() -> float:
        time.sleep(IDLE_SECONDS)
        return IDLE_SECONDS

    return spent(server, work)


def run(world: Bed, options: argparse.Namespace, say: Say) -> dict[str, list[Figures]]:
    """All rows on one honeypot, rounds in turn."""
    for host, interface_address in ((world.pot, POT6), (world.client, CLIENT6)):
        host.run("ip", "address", "replace", f"{interface_address}/64", "dev", INTERFACE, "nodad")
    world.pot.run("ip", "-6", "route", "replace", "2001:db8::/32", "via", CLIENT6)
    world.client.run(
        "ip", "-6", "route", "replace", "blackhole", "2001:db8::/32"
    )  # or it would answer the host's answers
    with world.honeypot(CONFIG) as server:
        time.sleep(2)
        return in_turn(ROWS, options.rounds, lambda name: measure(world, server, name, options.seconds), say)


def start(world: Bed) -> Figures:
    """How long a start and a look at the help take, imports and Python itself included."""
    with world.honeypot(CONFIG) as server:
        ready = server.start_seconds
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "honeystack", "--help"], check=True, capture_output=True)
    helped = time.monotonic() - began
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, capture_output=True)
    return {"s to ready": ready, "s of imports": time.monotonic() - began, "s of --help": helped}


IMPORTS = "import honeystack.cli.run, honeystack.honeypot, honeystack.listeners.netstack, honeystack.channels.console"


def run_start(world: Bed, options: argparse.Namespace, say: Say) -> dict[str, list[Figures]]:
    """Starts, one after the other."""
    return in_turn(STARTS, options.rounds, lambda _: start(world), say)


PART = Part("quiet", "while there is", ROWS, COLUMNS, run)
START_PART = Part("start", "start", STARTS, ["s to ready", "s of imports", "s of --help"], run_start)
