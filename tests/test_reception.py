"""What a listener is given: the defaults are plain sensor mode."""

from __future__ import annotations

from honeystack.reception import CaptureLimits, PortPlan


def test_a_plan_without_anything_is_sensor_mode() -> None:
    assert PortPlan() == PortPlan((), False, 1.0, False)


def test_captures_are_bounded_in_size_and_time() -> None:
    limits = CaptureLimits()
    assert limits.payload_bytes == 65_536
    assert 0 < limits.pause < limits.idle
