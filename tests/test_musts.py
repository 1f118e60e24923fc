"""Every MUST of RFC 9293 has a place in the code and a test, or a reason why not."""

from __future__ import annotations

import pytest

from docs.musts import MUSTS, Marked, Must, files, marks, numbers_in, printed, table

TABLE = table()
KNOWN = {must.number for must in MUSTS}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"MUST-{row.must.number}")
def test_a_must_has_code_and_test_or_a_reason(row: Marked) -> None:
    if row.must.waived:
        assert not (row.code and row.tests), "it is kept and shown: take the reason away"
        return
    assert row.code, "no line of code names it"
    assert row.tests, "no test names it"


def test_the_appendix_is_complete_and_in_order() -> None:
    assert [must.number for must in MUSTS] == list(range(1, 70))


@pytest.mark.parametrize("folder", ["honeystack", "tests"])
def test_no_mark_names_what_there_is_not(folder: str) -> None:
    assert set(marks(files(folder))) <= KNOWN


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("# MUST-13", [13]),
        ("# RFC 9293 §3.6.1, MUST-13 and MUST-12", [13, 12]),
        ("x = 1  # MUST-1", [1]),
        ('text = "MUST-1"', []),
        ("# MUST", []),
        ("# MUST-4x", []),
    ],
)
def test_marks_are_found_in_comments(line: str, numbers: list[int]) -> None:
    assert numbers_in(line) == numbers


def test_the_table_shows_places_and_reasons() -> None:
    rows = [
        Marked(Must(1, "3.1", "one"), ["a.py:1", "b.py:2"], []),
        Marked(Must(2, "3.2", "two", "nobody asks"), [], []),
    ]
    assert printed(rows).splitlines()[2:] == [
        "| 1 | 3.1 | one | `a.py:1`<br>`b.py:2` | — |",
        "| 2 | 3.2 | two | waived: nobody asks | |",
    ]
