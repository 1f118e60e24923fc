"""What the bench says of its figures; the figures themselves are no test."""

from __future__ import annotations

from bench.__main__ import table


def test_the_table_has_each_figure_beside_its_ratio_to_kernel_sockets() -> None:
    kernel = {"conn/s": 1000.0, "µs/conn": 300.0, "SYN/s": 0.0, "B/idle": 9000.0}
    capture = {"conn/s": 4000.0, "µs/conn": 75.0}
    lines = table({"kernel": kernel, "capture": capture}).splitlines()
    assert lines[2].count("(1.00 ×)") == 3
    assert "| 4,000 (4.00 ×) | 75 (0.25 ×) | — | — |" in lines[3]
