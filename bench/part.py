"""A part of the bench: some rows that are measured in turn, so that a slow minute of the machine hits all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

Figures = dict[str, float]
Say = Callable[[str], None]


@attrs.frozen
class Part:
    """What is measured, beside what, and what the table shows of it."""

    name: str
    title: str
    rows: Mapping[str, str]  # name → what the table calls it
    columns: Sequence[str]
    run: Callable[[Any, Any, Say], dict[str, list[Figures]]]  # bed, options → for each row the figures of each round
    base: str | None = None  # the row that all others are compared with


def in_turn(rows: Iterable[str], rounds: int, measure: Callable[[str], Figures], say: Say) -> dict[str, list[Figures]]:
    """Measure every row once, and then all of them again."""
    taken: dict[str, list[Figures]] = {name: [] for name in rows}
    for number in range(1, rounds + 1):
        for name, figures in taken.items():
            figures.append(measure(name))
            said = "  ".join(f"{key} {number_text(value)}" for key, value in figures[-1].items())
            say(f"round {number}  {name:12} {said}")
    return taken


def medians(taken: Mapping[str, Sequence[Figures]]) -> dict[str, Figures]:
    """The median of each figure of each row; a figure that a round lacks does not count."""
    found: dict[str, Figures] = {}
    for name, rounds in taken.items():
        keys = dict.fromkeys(key for figures in rounds for key in figures)
        found[name] = {key: statistics.median(one[key] for one in rounds if key in one) for key in keys}
    return found


def scatter(taken: Mapping[str, Sequence[Figures]], base: str | None) -> dict[str, Figures]:
    """The relative standard error of each median, of its ratio to the base in the same round where there is one.

    A round in which both were slow says nothing against either, hence the ratios; the median absolute deviation stands
    for the standard deviation, as one bad round is to count as one. 1.4826 and 1.2533: a normal distribution's.
    """
    found: dict[str, Figures] = {}
    for name, rounds in taken.items():
        beside = taken[base] if base is not None and base != name else None
        for key in rounds[0] if rounds else ():
            values = [one.get(key, 0.0) for one in rounds]
            if beside is not None and key in beside[0]:
                values = [ours / (theirs.get(key) or 1.0) for ours, theirs in zip(values, beside, strict=True)]
            middle = statistics.median(values)
            if middle and len(values) > 1:
                deviation = statistics.median(abs(value - middle) for value in values) / abs(middle)
                found.setdefault(name, {})[key] = 1.4826 * 1.2533 * deviation / len(values) ** 0.5
    return found


def table(part: Part, figures: Mapping[str, Figures]) -> str:
    """The medians, and in brackets the ratio to the part's base."""
    columns = [key for key in part.columns if any(key in figures.get(name, {}) for name in part.rows)]
    lines = [f"| {part.title} | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    base = figures.get(part.base or "", {})
    for name, label in part.rows.items():
        if name in figures:
            cells = [_cell(figures[name].get(key), base.get(key)) for key in columns]
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float | None, base: float | None) -> str:
    if value is None:
        return "—"
    return number_text(value) + (f" ({value / base:.2f} ×)" if base else "")


def number_text(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.2f}"
