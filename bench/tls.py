"""TLS beside Trio's own SSLListener on kernel sockets, in the same run: `python -m bench.tls`, or with the rest.

Every handshake is full, over one suite with X25519 and a P-256 certificate; the load is OpenSSL in C. The honeypot does
all that it does: a configuration of its own for each connection, fingerprints, events to a file.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.bed import CONFIG, INTERFACE, POT, SOURCES, Bed, Server, bed
from bench.part import Figures, Part, Say, in_turn, medians, table
from bench.tls_servers import CERTIFICATE, KEY, PORT

SERVERS = {
    "tls-kernel": "kernel TCP + Trio's SSLListener, echo in a task",
    "tls-library": "open_netstack + Trio's SSLListener, echo in a task",
    "tls-honeypot": "honeystack run, service echo in TLS, events to a file",
}
BASE = "tls-kernel"
AT_ONCE = 16  # handshakes that the client keeps under way
VERSIONS = {"13": "1.3", "12": "1.2"}
COLUMNS = [
    *(f"{version} {unit}" for version in VERSIONS.values() for unit in ("handshakes/s", "µs/handshake")),
    "B/connection",
    "B/half-open",
]


@contextlib.contextmanager
def serving(world: Bed, name: str) -> Iterator[Server]:
    """Run one of the servers until the block ends."""
    folder = world.folder
    if name != "tls-honeypot":
        argv = [sys.executable, "-m", "bench.tls_servers", name.removeprefix("tls-"), INTERFACE, str(folder)]
    else:
        port = f'port = "tcp/{PORT}"\ncertificate_file = "{folder / CERTIFICATE}"\nkey_file = "{folder / KEY}"\n'
        (folder / "tls.toml").write_text(CONFIG.replace('port = "tcp/7"\n', port))
        argv = [sys.executable, "-m", "honeystack", "run", "-c", str(folder / "tls.toml"), "--data", str(folder)]
    with world.running(name, *argv) as server:
        yield server


def talk(world: Bed, server: Server, seconds: float, version: str) -> Figures:
    """Handshake, 100 bytes, the reply, close: how many a second, and what one costs the server."""
    before = server.cpu_seconds()
    asked = ("talk", POT, str(PORT), str(SOURCES), str(AT_ONCE), str(seconds), version)
    done, failed, took = world.load(*asked, program="tls_load")
    spent = server.cpu_seconds() - before
    name = VERSIONS[version]
    return {
        f"{name} handshakes/s": done / took,
        f"{name} µs/handshake": spent * 1e6 / max(done, 1),
        f"{name} failed": failed,
    }


def held(world: Bed, server: Server, verb: str, count: int) -> float:
    """What the process grows by for each of so many connections."""
    before = server.resident_bytes()
    with world.held(verb, POT, str(PORT), str(SOURCES), str(count), "13", program="tls_load"):
        time.sleep(2)  # tasks settle, buffers are given back
        return (server.resident_bytes() - before) / count


def measure(world: Bed, name: str, options: argparse.Namespace) -> Figures:
    """All figures of one server, started anew for memory so that nothing freed is used again unseen."""
    figures: Figures = {}
    with serving(world, name) as server:
        for version in VERSIONS:
            talk(world, server, 0.5, version)  # warm
            figures |= talk(world, server, options.seconds, version)
    for key, verb, share in (("B/connection", "hold", 1), ("B/half-open", "half", 5)):
        with serving(world, name) as server:
            talk(world, server, 0.3, "13")
            figures[key] = held(world, server, verb, options.tls_held // share)
    return figures


def run(world: Bed, options: argparse.Namespace, say: Say) -> dict[str, list[Figures]]:
    """Rounds in turn."""
    make_certificate(world.folder)
    return in_turn(SERVERS, options.rounds, lambda name: measure(world, name, options), say)


PART = Part("tls", "server", SERVERS, COLUMNS, run, BASE)


def make_certificate(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch"),
            *(
                "-subj",
                "/CN=www.example",
                "-days",
                "2",
                "-keyout",
                str(folder / KEY),
                "-out",
                str(folder / CERTIFICATE),
            ),
        ],
        check=True,
        capture_output=True,
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tls-held", type=int, default=2000, help="TLS connections held for the memory figure")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tls", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each figure")
    add_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hs-bench-") as folder, bed(Path(folder)) as world:
        found = medians(run(world, options, lambda line: print(line, flush=True)))
    print(f"\n{table(PART, found)}")
    if any(value for figures in found.values() for key, value in figures.items() if key.endswith("failed")):
        sys.exit("handshakes have failed")


if __name__ == "__main__":
    main()
