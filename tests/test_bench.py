"""What the bench says of its figures; the figures themselves are no test."""

from __future__ import annotations

from bench.__main__ import fallen, table


def test_the_table_has_each_figure_beside_its_ratio_to_kernel_sockets() -> None:
    kernel = {"conn/s": 1000.0, "µs/conn": 300.0, "SYN/s": 0.0, "B/idle": 9000.0}
    capture = {"conn/s": 4000.0, "µs/conn": 75.0}
    lines = table({"kernel": kernel, "capture": capture}).splitlines()
    assert lines[2].count("(1.00 ×)") == 3
    assert "| 4,000 (4.00 ×) | 75 (0.25 ×) | — |" in lines[3]


def test_only_ratios_that_became_worse_are_told() -> None:
    stored = {"kernel": {"conn/s": 1000.0, "µs/conn": 300.0}, "capture": {"conn/s": 4000.0, "µs/conn": 75.0}}
    slow_machine = {"kernel": {"conn/s": 500.0, "µs/conn": 600.0}, "capture": {"conn/s": 2000.0, "µs/conn": 150.0}}
    assert fallen(slow_machine, stored) == []
    slow_machine["capture"] = {"conn/s": 1500.0, "µs/conn": 200.0}
    assert fallen(slow_machine, stored) == [
        "capture conn/s: 3.00 × kernel, was 4.00 ×",
        "capture µs/conn: 0.33 × kernel, was 0.25 ×",
    ]
