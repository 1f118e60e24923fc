from __future__ import annotations

import attrs
import pytest

from honeystack.events.sensor import Sensor


def test_a_sensor_is_named_after_the_program_and_cannot_change() -> None:
    sensor = Sensor(token="t1")
    assert (sensor.name, sensor.token) == ("honeystack", "t1")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        sensor.token = "t2"  # type: ignore[misc]
