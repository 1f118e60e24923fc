"""What is kept of a run, and whether a later one is worse."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio

import honeystack
from bench.part import Figures, Part
from honeystack.compiled import is_compiled

RESULTS = Path(__file__).parent / "results"
TOLERANCE = 0.05  # what later work may cost
UNKNOWN = 0.10  # where no scatter is stored
SURE = 3.0  # standard errors that two medians differ by chance in one of some hundred comparisons
NO_MEASURE = ("failed", "sent", "packets")  # ends of names of figures that are no speed


def store(medians: Mapping[str, Figures], scatter: Mapping[str, Figures]) -> None:
    """Keep a run as the latest, which later ones are compared with, and in the history."""
    result = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "medians": _rounded(medians, 6),
        "scatter": _rounded(scatter, 2),
    }
    RESULTS.mkdir(exist_ok=True)
    _latest().write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    with (RESULTS / "history.jsonl").open("a") as history:
        history.write(json.dumps(result, ensure_ascii=False) + "\n")


def stored() -> dict[str, Any]:
    """The latest run that was kept, of compiled ones if this is compiled; without figures where there was none."""
    latest = _latest()
    found: dict[str, Any] = json.loads(latest.read_text()) if latest.exists() else {"medians": {}}
    return found


def fallen(
    part: Part,
    now: Mapping[str, Figures],
    before: Mapping[str, Figures],
    scatter_now: Mapping[str, Figures],
    scatter_before: Mapping[str, Figures],
) -> list[str]:
    """Which ratios to the part's base are worse by more than chance and than we allow; without a base there is none."""
    lines: list[str] = []
    if part.base is None:
        return lines
    for name in part.rows:
        for key, was in before.get(name, {}).items():
            value = now.get(name, {}).get(key)
            if name == part.base or not (value and was) or key.endswith(NO_MEASURE):
                continue
            ratio, ratio_before = _ratio(part, now, name, key), _ratio(part, before, name, key)
            if not (ratio and ratio_before):
                continue
            worse = ratio_before / ratio if key.endswith("/s") else ratio / ratio_before
            allowed = tolerance(scatter_now.get(name, {}).get(key), scatter_before.get(name, {}).get(key))
            if worse > 1 + allowed:
                told = f"{ratio:.2f} × {part.base}, was {ratio_before:.2f} ×"
                lines.append(f"{name} {key}: {told} ({allowed:.0%} is allowed)")
    return lines


def tolerance(*errors: float | None) -> float:
    """By how much a figure may be worse, given the standard errors of both medians: no less than 5 %."""
    known = [error for error in errors if error is not None]
    if not known:
        return UNKNOWN
    return max(TOLERANCE, SURE * sum(error * error for error in known) ** 0.5)


def machine() -> dict[str, object]:
    return {
        "honeystack": honeystack.__version__,
        "compiled": is_compiled(),
        "python": platform.python_version(),
        "trio": trio.__version__,
        "kernel": ".".join(platform.release().split(".")[:2]),
        "cores": os.cpu_count(),
    }


def _latest() -> Path:
    return RESULTS / ("latest-compiled.json" if is_compiled() else "latest.json")


def _ratio(part: Part, figures: Mapping[str, Figures], name: str, key: str) -> float | None:
    base = figures.get(part.base or "", {}).get(key)
    return figures[name][key] / base if base else None


def _rounded(rows: Mapping[str, Figures], digits: int) -> dict[str, Figures]:
    return {name: {key: float(f"{value:.{digits}g}") for key, value in row.items()} for name, row in rows.items()}
