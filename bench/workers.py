"""What several workers cost and bring, beside one process in the same run.

On a machine with fewer than four cores the load needs the core that a second worker would use. Then all processes of
the honeypot share the first core, and what counts is the CPU time for a connection, the supervisor's included: it must
stay what it is with one process. With more cores the honeypot has all but the last, and connections per second count
too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from bench.bed import CONFIG, INTERFACE, POT, SOURCES, TICK, Bed
from bench.part import Figures, Part, Say, in_turn

FEW_CORES = 4
AT_ONCE = 64  # connections that the client keeps under way for each process: what a wake-up finds grows with them
CASES = {"echo": (7, 100), "sensor": (4000, 0)}  # port, bytes of the reply
CREWS = {  # settings, and processes that answer
    "1 process": ("", 1),
    "2 workers": ("workers = 2\n", 2),
    '2 workers, spread = "flows"': ('workers = 2\nspread = "flows"\n', 2),
}


@attrs.frozen
class Crew:
    """A running honeypot, whatever its number of processes."""

    process: subprocess.Popen[bytes]

    def processes(self) -> list[int]:
        """The supervisor and its children."""
        pid = self.process.pid
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def cpu_seconds(self) -> dict[int, float]:
        """What each has used until now, in user and in system mode."""
        return {pid: _cpu_seconds(pid) for pid in self.processes()}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


@contextlib.contextmanager
def crew(world: Bed, setting: str) -> Iterator[Crew]:
    """A honeypot with these settings of its listener, from its word `ready` until the block ends."""
    config = world.folder / "config.toml"
    line = f'interface = "{INTERFACE}"\n'
    config.write_text(CONFIG.replace(line, line + setting))
    (world.folder / "events.jsonl").unlink(missing_ok=True)
    argv = [sys.executable, "-m", "honeystack", "run", "-c", str(config), "--data", str(world.folder)]
    process = world.pot.start(
        *("setpriv", "--pdeathsig", "TERM", "taskset", "-c", server_cores(), *argv),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        while b"ready" not in (line_said := process.stdout.readline()):
            if not line_said:
                raise RuntimeError("the honeypot ended")
        yield Crew(process)
    finally:
        process.terminate()
        process.wait(20)


def server_cores() -> str:
    count = os.cpu_count() or 1
    return "0" if count < FEW_CORES else f"0-{count - 2}"


def talk(world: Bed, running: Crew, seconds: float, port: int, reply: int, at_once: int) -> Figures:
    """Connect, 100 bytes, the reply, close; over and over."""
    load = ("talk", POT, str(port), str(SOURCES), str(at_once))
    world.load(*load, "0.5", str(reply))  # warm
    before = running.cpu_seconds()
    done, failed, took = world.load(*load, str(seconds), str(reply))
    spent = {pid: after - before.get(pid, 0.0) for pid, after in running.cpu_seconds().items()}
    own = spent[running.process.pid] * 1e6 / max(done, 1)
    whole = sum(spent.values()) * 1e6 / max(done, 1)
    return {"conn/s": done / took, "µs/conn": whole, "µs supervisor": own, "failed": failed}


def measure(world: Bed, name: str, seconds: float) -> Figures:
    """Both cases on one start."""
    setting, processes = CREWS[name]
    with crew(world, setting) as running:
        return {
            f"{case} {key}": value
            for case, (port, reply) in CASES.items()
            for key, value in talk(world, running, seconds, port, reply, AT_ONCE * processes).items()
        }


def run(world: Bed, options: argparse.Namespace, say: Say) -> dict[str, list[Figures]]:
    """Rounds in turn."""
    return in_turn(CREWS, options.rounds, lambda name: measure(world, name, options.seconds), say)


PART = Part(
    "workers",
    "honeystack run, events to a file",
    {name: name for name in CREWS},
    [f"{case} {key}" for case in CASES for key in ("conn/s", "µs/conn", "µs supervisor")],
    run,
    "1 process",
)
