"""Measure, beside references in the same run and in turn; tables, and JSON in bench/results/."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench import connections, growth, history, http, quiet, stages, tls, workers
from bench.bed import bed
from bench.part import Figures, Part, Say, medians, scatter, table

ROUNDS = 5


PARTS = [
    connections.PART,
    http.PART,
    tls.PART,
    growth.CONNECTIONS_PART,
    growth.SOURCES_PART,
    quiet.PART,
    quiet.START_PART,
    stages.PART,
    workers.PART,
]


def run(parts: list[Part], options: argparse.Namespace, say: Say) -> tuple[dict[str, Figures], dict[str, Figures]]:
    """The medians of all rows, and how far they scatter."""
    found: dict[str, Figures] = {}
    errors: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="hs-bench-") as folder, bed(Path(folder)) as world:
        for part in parts:
            taken = part.run(world, options, say)
            found |= medians(taken)
            errors |= scatter(taken, part.base)
    return found, errors


def compare(parts: list[Part], found: dict[str, Figures], errors: dict[str, Figures]) -> list[str]:
    """What is worse than in the run that is stored."""
    before = history.stored()
    return [
        line
        for part in parts
        for line in history.fallen(part, found, before["medians"], errors, before.get("scatter", {}))
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure; all if none: {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="whose medians count; with fewer nothing is stored")
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each figure")
    parser.add_argument("--idle", type=int, default=5000, help="connections held for the memory figure")
    tls.add_options(parser)
    parser.add_argument("--check", action="store_true", help="store nothing; fail where a ratio has become worse")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians there too")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(names):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    return options


def main() -> None:
    options = arguments()
    parts = [part for part in PARTS if part.name in options.parts or not options.parts]
    found, errors = run(parts, options, lambda line: print(line, flush=True))
    for part in parts:
        print(f"\n{table(part, found)}")
    if options.json is not None:
        options.json.write_text(json.dumps({"medians": found, "scatter": errors}, indent=1, ensure_ascii=False))
    if options.check:
        worse = compare(parts, found, errors)
        sys.exit("\n".join(["", "worse than before:", *worse]) if worse else 0)
    if len(parts) == len(PARTS) and options.rounds >= ROUNDS:  # less is for whoever works at it
        history.store(found, errors)


if __name__ == "__main__":
    main()
