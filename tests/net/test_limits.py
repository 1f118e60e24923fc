from __future__ import annotations

import attrs
import pytest

from honeystack.net.limits import Limits
from honeystack.settings import settings_of


def test_every_bound_has_a_name_a_reason_and_a_positive_default() -> None:
    found = settings_of(Limits)
    assert list(found) == [field.name for field in attrs.fields(Limits)]
    assert all(about.text for _, about in found.values())
    assert all(value > 0 for value in attrs.asdict(Limits()).values())


def test_bytes_and_seconds_are_named_as_units() -> None:
    for name, (_, about) in settings_of(Limits).items():
        if "buffer" in name or "memory" in name:
            assert about.unit == "bytes"
        if "seconds" in name:
            assert about.unit == "seconds"


def test_bounds_are_set_by_name_and_do_not_change() -> None:
    limits = Limits(half_open=7)
    assert limits.half_open == 7
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        limits.half_open = 8  # type: ignore[misc]
