"""What two houses answered to one probe, side by side: which answers pair, and in what they differ.

Answers pair that are of one sort, in the order in which they came, and those that have most in common. What has no
partner is named by its sort, so that the page of differences says what was sent more or less, and nothing hides behind
it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import attrs

from tests.live.packets import Fields

Pair = tuple["Answer | None", "Answer | None"]


@attrs.define
class Answer:
    """One frame that came back, `at` so many seconds after the probe began."""

    at: float
    fields: Fields


def differences(kernel: list[Answer], ours: list[Answer]) -> list[str]:
    """In what the answers differ, in words: `2.window: 509 / 510`, `3.extra ack: ...`; nothing where they are alike."""
    found = []
    for number, (one, other) in enumerate(paired(_merged(kernel), _merged(ours)), 1):
        if one is not None and other is not None:
            found += [f"{number}.{line}" for line in _between(one, other)]
        elif one is not None:
            found.append(f"{number}.missing {sort(one)}: {_said(one)}")
        elif other is not None:
            found.append(f"{number}.extra {sort(other)}: {_said(other)}")
    return found


def sort(answer: Answer) -> str:
    """What kind of answer it is: those of two kinds never pair."""
    fields = answer.fields
    if fields["kind"] == "arp":
        return f"arp {fields['operation']}"
    if fields["kind"] in ("icmp", "icmpv6"):
        return f"{fields['kind']} {fields['type']}"
    if fields["kind"] != "tcp":
        return str(fields["kind"])
    flags = str(fields["flags"])
    for letter, name in (("R", "reset"), ("S", "syn"), ("F", "end")):
        if letter in flags:
            return name
    return "ack" if str(fields["data"]).startswith("0:") else "data"


def paired(kernel: list[Answer], ours: list[Answer]) -> Iterator[Pair]:
    """Both lists in order, as many pairs as can be and the most alike; None stands for what is not there."""
    rows, columns = range(len(kernel) + 1), range(len(ours) + 1)
    best = [[0.0 for _ in columns] for _ in rows]  # the most that the answers from here on have in common
    for i, j in itertools.product(reversed(rows[:-1]), reversed(columns[:-1])):
        best[i][j] = max(best[i + 1][j], best[i][j + 1], _alike(kernel[i], ours[j]) + best[i + 1][j + 1])
    i = j = 0
    while i < len(kernel) or j < len(ours):
        if i < len(kernel) and best[i][j] == best[i + 1][j]:
            yield kernel[i], None
            i += 1
        elif j < len(ours) and best[i][j] == best[i][j + 1]:
            yield None, ours[j]
            j += 1
        else:
            yield kernel[i], ours[j]
            i, j = i + 1, j + 1


def _alike(one: Answer, other: Answer) -> float:
    """How much two answers have in common; those of two sorts nothing."""
    if sort(one) != sort(other):
        return -1.0
    names = {**one.fields, **other.fields}
    same = sum(one.fields.get(name) == other.fields.get(name) for name in names)
    return 1 + same / len(names) + same_time(one, other)


def same_time(one: Answer, other: Answer) -> bool:
    return abs(one.at - other.at) <= 0.15 + 0.12 * max(one.at, other.at)


def _between(one: Answer, other: Answer) -> Iterator[str]:
    if not same_time(one, other):
        yield f"time: {one.at:.2f} / {other.at:.2f}"
    for field in {**one.fields, **other.fields}:
        left, right = one.fields.get(field), other.fields.get(field)
        if left != right:
            yield f"{field}: {left} / {right}"


def _said(answer: Answer) -> str:
    shown = ("flags", "seq", "ack", "window", "data", "body", "content")
    return " ".join([f"{answer.at:.2f}", *(f"{answer.fields[name]}" for name in shown if name in answer.fields)])


def _merged(answers: list[Answer]) -> list[Answer]:
    """Without acknowledgements that the next segment repeats at once: that depends on how quickly a program runs."""
    kept = [
        answer
        for answer, following in itertools.pairwise(answers)
        if not (
            answer.fields.get("flags") in ("A", "AE")
            and str(answer.fields["data"]).startswith("0:")
            and following.at - answer.at < 0.06
            and str(following.fields.get("flags")).strip("FPR") == answer.fields["flags"]
            and answer.fields["options"] == following.fields["options"]
            and all(answer.fields[field] == following.fields[field] for field in ("seq", "ack", "window"))
        )
    ]
    return kept + answers[-1:]
