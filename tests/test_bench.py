"""What the bench says of its figures; the figures themselves are no test."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import history, stages
from bench.__main__ import PARTS
from bench.history import TOLERANCE, UNKNOWN, fallen, tolerance
from bench.part import Figures, Part, in_turn, medians, scatter, table
from bench.profile import WAITING, listing
from bench.profiled import since


def part(*rows: str, base: str | None = "kernel") -> Part:
    def never(*_: object) -> dict[str, list[Figures]]:
        raise AssertionError("nothing is measured here")

    names = rows or ("kernel", "capture")
    return Part("some", "server", {name: name for name in names}, ["conn/s", "µs/conn", "SYN/s", "B/idle"], never, base)


def test_the_table_has_each_figure_beside_its_ratio_to_the_base() -> None:
    kernel = {"conn/s": 1000.0, "µs/conn": 300.0, "SYN/s": 0.0, "B/idle": 9000.0}
    capture = {"conn/s": 4000.0, "µs/conn": 75.0}
    lines = table(part(), {"kernel": kernel, "capture": capture}).splitlines()
    assert lines[2].count("(1.00 ×)") == 3
    assert "| 4,000 (4.00 ×) | 75 (0.25 ×) | — |" in lines[3]


def test_a_column_that_nobody_has_and_a_row_that_was_not_measured_are_left_out() -> None:
    lines = table(part(base=None), {"capture": {"conn/s": 4000.0}}).splitlines()
    assert lines == ["| server | conn/s |", "|---|---|", "| capture | 4,000 |"]


def test_rows_are_measured_in_turn_and_said() -> None:
    measured: list[str] = []
    said: list[str] = []

    def measure(name: str) -> Figures:
        measured.append(name)
        return {"conn/s": float(len(measured))}

    taken = in_turn(["a", "b"], 2, measure, said.append)
    assert measured == ["a", "b", "a", "b"]
    assert taken == {"a": [{"conn/s": 1.0}, {"conn/s": 3.0}], "b": [{"conn/s": 2.0}, {"conn/s": 4.0}]}
    assert len(said) == 4
    assert "round 2" in said[3]


def test_the_median_is_of_the_rounds_that_have_the_figure() -> None:
    assert medians({"a": [{"x": 1.0}, {"x": 9.0, "y": 5.0}, {"x": 2.0}]}) == {"a": {"x": 2.0, "y": 5.0}}


def test_scatter_is_of_ratios_so_that_a_slow_round_of_all_is_none() -> None:
    slow_and_fast = {"kernel": [{"x": 10.0}, {"x": 20.0}], "capture": [{"x": 30.0}, {"x": 60.0}]}
    assert scatter(slow_and_fast, "kernel")["capture"] == {"x": 0.0}
    assert scatter(slow_and_fast, None)["capture"]["x"] > 0.2
    assert scatter({"a": [{"x": 1.0}]}, None) == {}


def test_only_ratios_that_became_worse_are_told() -> None:
    stored = {"kernel": {"conn/s": 1000.0, "µs/conn": 300.0}, "capture": {"conn/s": 4000.0, "µs/conn": 75.0}}
    slow_machine = {"kernel": {"conn/s": 500.0, "µs/conn": 600.0}, "capture": {"conn/s": 2000.0, "µs/conn": 150.0}}
    assert fallen(part(), slow_machine, stored, {}, {}) == []
    slow_machine["capture"] = {"conn/s": 1500.0, "µs/conn": 200.0}
    assert fallen(part(), slow_machine, stored, {}, {}) == [
        "capture conn/s: 3.00 × kernel, was 4.00 × (10% is allowed)",
        "capture µs/conn: 0.33 × kernel, was 0.25 × (10% is allowed)",
    ]


def test_a_part_without_a_base_has_nothing_to_compare() -> None:
    assert fallen(part(base=None), {"capture": {"µs/conn": 9.0}}, {"capture": {"µs/conn": 1.0}}, {}, {}) == []


@pytest.mark.parametrize("key", ["failed", "SYN/s sent"])
def test_what_is_no_speed_is_not_compared(key: str) -> None:
    before = {"kernel": {key: 1.0}, "capture": {key: 1.0}}
    assert fallen(part(), {"kernel": {key: 1.0}, "capture": {key: 9.0}}, before, {}, {}) == []


@pytest.mark.parametrize(
    ("errors", "right"),
    [
        ((None, None), lambda allowed: allowed == UNKNOWN),
        ((0.001, 0.001), lambda allowed: allowed == TOLERANCE),
        ((0.03, None), lambda allowed: 0.08 < allowed < 0.1),
        ((0.03, 0.04), lambda allowed: 0.14 < allowed < 0.16),
    ],
)
def test_what_is_allowed_grows_with_the_scatter(
    errors: tuple[float | None, ...], right: Callable[[float], bool]
) -> None:
    assert right(tolerance(*errors))


def test_a_run_is_kept_and_found_again_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "RESULTS", tmp_path / "results")
    assert history.stored()["medians"] == {}
    for speed in (1000.123456789, 2000.0):
        history.store({"kernel": {"conn/s": speed}}, {"kernel": {"conn/s": 0.0123456}})
    found = history.stored()
    assert found["medians"] == {"kernel": {"conn/s": 2000.0}}
    assert found["scatter"] == {"kernel": {"conn/s": 0.012}}
    assert found["machine"]["cores"] == os.cpu_count()
    lines = (tmp_path / "results" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["medians"]["kernel"]["conn/s"] for line in lines] == [1000.12, 2000.0]


def test_every_part_has_its_base_among_its_rows_and_a_name_of_its_own() -> None:
    assert len({part.name for part in PARTS}) == len(PARTS)
    assert all(part.base is None or part.base in part.rows for part in PARTS)
    rows = [name for part in PARTS for name in part.rows]
    assert len(set(rows)) == len(rows), "results are kept by row"


def test_a_profile_has_what_came_between_two_marks() -> None:
    before = {"start": (1, 5.0, 9.0), "work": (10, 1.0, 2.0)}
    now = {"start": (1, 5.0, 9.0), "work": (30, 4.0, 6.0), "new": (5, 1.0, 1.5)}
    between = since(before, now)
    assert between == {"start": (0, 0.0, 0.0), "work": (20, 3.0, 4.0), "new": (5, 1.0, 1.5)}
    lines = listing({**between, WAITING[0]: (1, 99.0, 99.0)}, 10, 2).splitlines()
    assert [line.rpartition("   ")[2] for line in lines[1:]] == ["work", "new"]
    assert lines[1].split()[:3] == ["300000.00", "400000.00", "2.00"]


def test_the_client_in_memory_is_answered_as_a_real_one_would_be() -> None:
    assert stages.STAGES["stack"](3) > 0
    assert stages.STAGES["file"](3) > 0
    assert stages.STAGES["echo"](3) > 0
    assert stages.STAGES["service"](3) > 0
    assert stages.STAGES["web"](3) > 0
