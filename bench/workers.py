"""What several workers cost and bring, beside one process in the same run: `python -m bench.workers`.

On a machine with fewer than four cores the load needs the core that a second worker would use. Then all processes of
the honeypot share the first core, and what counts is the CPU time for a connection, the supervisor's included: it must
stay what it is with one process. With more cores the honeypot has all but the last, and connections per second count
too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs

from bench.bed import CONFIG, INTERFACE, POT, SOURCES, TICK, Bed, bed

FEW_CORES = 4
AT_ONCE = 64  # connections that the client keeps under way
CASES = {"service echo": (7, 100), "sensor mode": (4000, 0)}  # port, bytes of the reply
CREWS = {
    "1 process": "",
    "2 workers": "workers = 2\n",
    '2 workers, spread = "flows"': 'workers = 2\nspread = "flows"\n',
}
Figures = dict[str, float]


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


def talk(world: Bed, running: Crew, seconds: float, port: int, reply: int) -> Figures:
    """Connect, 100 bytes, the reply, close; over and over."""
    load = ("talk", POT, str(port), str(SOURCES), str(AT_ONCE))
    world.load(*load, "0.5", str(reply))  # warm
    before = running.cpu_seconds()
    done, failed, took = world.load(*load, str(seconds), str(reply))
    spent = {pid: after - before.get(pid, 0.0) for pid, after in running.cpu_seconds().items()}
    own = spent[running.process.pid] * 1e6 / max(done, 1)
    whole = sum(spent.values()) * 1e6 / max(done, 1)
    return {"conn/s": done / took, "µs/conn": whole, "µs/conn supervisor": own, "failed": failed}


def run(rounds: int, seconds: float) -> dict[tuple[str, str], Figures]:
    """All in turn, several rounds; the medians."""
    taken: dict[tuple[str, str], list[Figures]] = {}
    with tempfile.TemporaryDirectory(prefix="hs-bench-") as folder, bed(Path(folder)) as world:
        for number in range(1, rounds + 1):
            for name, setting in CREWS.items():
                with crew(world, setting) as running:
                    for case, (port, reply) in CASES.items():
                        figures = talk(world, running, seconds, port, reply)
                        taken.setdefault((case, name), []).append(figures)
                        print(f"round {number}  {case:12}  {name:27}", _line(figures), flush=True)
    return {key: {f: statistics.median(one[f] for one in all_) for f in all_[0]} for key, all_ in taken.items()}


def _line(figures: Figures) -> str:
    return "  ".join(f"{name} {value:,.0f}" for name, value in figures.items())


def table(medians: dict[tuple[str, str], Figures]) -> str:
    """The medians, and in brackets the ratio to one process."""
    lines = ["| | | conn/s | µs/conn | of which the supervisor |", "|---|---|---|---|---|"]
    for (case, name), figures in medians.items():
        base = medians[case, "1 process"]
        rate, cost = (f"{figures[key]:,.0f} ({figures[key] / base[key]:.2f} ×)" for key in ("conn/s", "µs/conn"))
        own = f"{figures['µs/conn supervisor']:,.0f}" if name != "1 process" else "—"
        lines.append(f"| {case} | {name} | {rate} | {cost} | {own} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each figure")
    options = parser.parse_args()
    print("\n" + table(run(options.rounds, options.seconds)))


if __name__ == "__main__":
    main()
