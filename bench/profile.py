"""Where the time of a short connection goes: `make profile`, or `python -m bench.profile`.

First what each stage costs in one process; then `honeystack run` under cProfile, on the wire, while the bench's load
opens short connections: for each function its own time, in µs for a connection. cProfile makes each call dearer by
about a third of a microsecond, so small functions look larger than they are. What compiled modules do is in callers.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench import http, stages
from bench.bed import CONFIG, PORT, POT, SOURCES, Bed, bed
from bench.connections import AT_ONCE
from bench.part import medians, table
from bench.profiled import Totals

CASES = {  # configuration, and what the load is asked for: its verb, the port, and what follows the seconds
    "echo": (CONFIG, "talk", PORT, ["100"]),
    "sensor": (CONFIG, "talk", stages.SENSOR_PORT, ["0"]),
    "http": (http.CONFIG_OF_HTTP, "get", http.PORT, []),
}
WAITING = ("<method 'poll' of 'select.epoll' objects>", "<built-in method time.sleep>")


def live(world: Bed, case: str, seconds: float) -> tuple[Totals, int]:
    """A profile of the honeypot under load, and the connections that it had meanwhile."""
    text, verb, port, more = CASES[case]
    config, found = world.folder / "config.toml", world.folder / "profile"
    config.write_text(text)
    argv = ["-m", "bench.profiled", str(found), "run", "-c", str(config), "--data", str(world.folder)]
    load = (verb, POT, str(port), str(SOURCES), str(AT_ONCE))
    with world.running("honeypot", sys.executable, *argv) as server:
        world.load(*load, "0.5", *more)  # warm
        server.process.send_signal(signal.SIGUSR2)
        done = world.load(*load, str(seconds), *more)[0]
        server.process.send_signal(signal.SIGUSR2)
        time.sleep(1)
    return json.loads(found.read_text()), int(done)


def listing(profile: Totals, connections: int, top: int) -> str:
    """The functions with the most time of their own."""
    rows = sorted((row for row in profile.items() if row[0] not in WAITING), key=lambda row: -row[1][1])
    lines = ["   own µs   with callees    calls   function, for one connection"]
    for name, (calls, own, whole) in rows[:top]:
        each = 1e6 / connections
        lines.append(f"{own * each:9.2f} {whole * each:14.2f} {calls / connections:8.2f}   {name}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--case", choices=CASES, default="echo", help="which service, or sensor mode")
    parser.add_argument("--seconds", type=float, default=5.0, help="of load under the profiler")
    parser.add_argument("--rounds", type=int, default=3, help="for the stages")
    parser.add_argument("--top", type=int, default=45, help="functions to list")
    options = parser.parse_args()
    taken = stages.run(None, options, lambda line: print(line, flush=True))
    print(f"\n{table(stages.PART, medians(taken))}\n")
    with tempfile.TemporaryDirectory(prefix="hs-bench-") as folder, bed(Path(folder)) as world:
        profile, connections = live(world, options.case, options.seconds)
    print(listing(profile, connections, options.top))


if __name__ == "__main__":
    main()
