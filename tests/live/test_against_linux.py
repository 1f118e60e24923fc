"""The same probes to a Linux kernel and to honeystack: no difference that docs/differences.md does not explain.

Twice: to a program that uses the stack as a library, and to the same program's services behind `honeystack run`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.live.battery import all_probes
from tests.live.comparison import differences
from tests.live.street import PACE, Probe, Street, ask, street

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.punctual]

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"


@attrs.frozen
class Row:
    """A row of the table: which probes differ, and in which fields."""

    pattern: str
    fields: frozenset[str]

    def explains(self, probe: str, differing: set[str]) -> bool:
        return fnmatch.fnmatchcase(probe, self.pattern) and differing <= self.fields


def rows() -> list[Row]:
    found = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| [^|]{9,} \|$", PAGE.read_text(), re.MULTILINE)
    return [Row(pattern, frozenset(field.strip() for field in fields.split(","))) for pattern, fields in found]


def fields_of(difference: list[str]) -> set[str]:
    return {line.partition(":")[0].partition(".")[2] for line in difference}


def unexplained(difference: list[str], probe: str) -> bool:
    return bool(difference) and not any(row.explains(probe, fields_of(difference)) for row in rows())


@pytest.fixture(scope="module", params=["library", "run"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with street(tmp_path_factory.mktemp("ours") if request.param == "run" else None) as built:
        yield built


def compared(place: Street, probes: dict[str, Probe], first: int, pace: float) -> dict[str, list[str]]:
    found = ask(place, probes, first=first, pace=pace)
    return {name: differences(found["kernel"][name], found["ours"][name]) for name in probes}


@pytest.fixture(scope="module")
def found(place: Street) -> dict[str, list[str]]:
    """How the answers to each probe differ; what nothing explains is asked again, since time is compared too.

    A machine with more to do than this delays one house or the other, and no such delay comes at the same place five
    times; what the houses do does.
    """
    probes = all_probes()
    found = compared(place, probes, 256, PACE)
    for again in range(1, 5):
        doubtful = {name: probes[name] for name in probes if unexplained(found[name], name)}
        found |= compared(place, doubtful, 256 + again * len(probes), 3 * PACE)  # with more time for each
    return found


def test_the_battery_is_large_and_most_of_it_has_the_same_answer(found: dict[str, list[str]]) -> None:
    assert len(found) > 3000
    assert sum(not difference for difference in found.values()) > 0.95 * len(found)


def test_every_difference_is_explained(found: dict[str, list[str]]) -> None:
    missing = {name: difference for name, difference in found.items() if unexplained(difference, name)}
    assert missing == {}


def test_no_row_explains_what_does_not_differ(found: dict[str, list[str]]) -> None:
    differing = [(name, fields_of(difference)) for name, difference in found.items() if difference]
    stale = [row.pattern for row in rows() if not any(row.explains(*one) for one in differing)]
    assert stale == []
    assert len(rows()) == PAGE.read_text().count("\n| `"), "a row that the test cannot read"
