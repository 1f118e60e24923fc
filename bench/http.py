"""HTTP without keep-alive, GET /, beside OpenCanary from PyPI, which gets an environment of its own under build/.

Both write an event for each request to a file. OpenCanary answers / with a redirect, which it logs where it is told so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.bed import CONFIG, POT, SOURCES, Bed, Server
from bench.part import Figures, Part, Say, in_turn

PORT = 80
AT_ONCE = 32  # connections under way; OpenCanary's backlog is 50
WANTED = "opencanary>=0.9,<0.10"
HOME = Path(__file__).parent.parent / "build" / "opencanary"
ROWS = {
    "opencanary": "OpenCanary, http, log to a file",
    "http": "honeystack run, service http, events to a file",
}
COLUMNS = ["requests/s", "µs/request"]
CONFIG_OF_HTTP = CONFIG.replace("service.echo", "service.web").replace('"echo"', '"http"', 1)
CONFIG_OF_HTTP = CONFIG_OF_HTTP.replace("tcp/7", f"tcp/{PORT}").replace('["echo"]', '["web"]')
CANARY = {
    "device.node_id": "bench",
    "http.enabled": True,
    "http.port": PORT,
    "http.skin": "nasLogin",
    "http.log_redirect_request": True,
}


def install() -> str | None:
    """Have OpenCanary; what went wrong, where it cannot be had."""
    if (HOME / "bin" / "twistd").exists():
        return None
    HOME.parent.mkdir(exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", str(HOME)],
        [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", WANTED],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return None


@contextlib.contextmanager
def opencanary(world: Bed) -> Iterator[Server]:
    """Run OpenCanary until the block ends."""
    log = world.folder / "opencanary.log"
    log.unlink(missing_ok=True)
    handlers = {"file": {"class": "logging.FileHandler", "filename": str(log)}}
    logger = {"class": "PyLogger", "kwargs": {"formatters": {"plain": {"format": "%(message)s"}}, "handlers": handlers}}
    (world.folder / ".opencanary.conf").write_text(json.dumps(CANARY | {"logger": logger}))
    # Twisted rotates its log by renaming it, a device as well.
    logfile = f"--logfile={world.folder / 'twistd.log'}"
    twistd = ("--nodaemon", "--pidfile=", logfile, "--python", str(HOME / "bin" / "opencanary.tac"))
    with world.running(
        "opencanary",
        *("env", f"HOME={world.folder}", str(HOME / "bin" / "python"), str(HOME / "bin" / "twistd"), *twistd),
        listens_on=PORT,
    ) as server:
        yield server


def get(world: Bed, server: Server, seconds: float) -> Figures:
    """Connect, ask, read to the end; over and over."""
    before = server.cpu_seconds()
    done, failed, took = world.load("get", POT, str(PORT), str(SOURCES), str(AT_ONCE), str(seconds))
    spent = server.cpu_seconds() - before
    return {"requests/s": done / took, "µs/request": spent * 1e6 / max(done, 1), "failed": failed}


def measure(world: Bed, name: str, seconds: float) -> Figures:
    """One row."""
    with opencanary(world) if name == "opencanary" else world.honeypot(CONFIG_OF_HTTP) as server:
        get(world, server, 0.5)  # warm
        return get(world, server, seconds)


def run(world: Bed, options: argparse.Namespace, say: Say) -> dict[str, list[Figures]]:
    """Rounds in turn; without OpenCanary where it cannot be had."""
    missing = install()
    if missing is not None:
        say(f"OpenCanary is not installed: {missing}")
    rows = [name for name in ROWS if missing is None or name != "opencanary"]
    return in_turn(rows, options.rounds, lambda name: measure(world, name, options.seconds), say)


PART = Part("http", "GET /, no keep-alive", ROWS, COLUMNS, run, "opencanary")
