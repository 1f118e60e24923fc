from __future__ import annotations

import pytest

from honeystack import errors


@pytest.mark.parametrize("name", ["Malformed", "StateError", "ConfigError", "Unavailable", "CaptureError"])
def test_everything_raised_on_purpose_can_be_caught_as_one(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.HoneystackError)


def test_whose_fault_it_is_cannot_be_confused() -> None:
    kinds = [errors.Malformed, errors.StateError, errors.ConfigError, errors.Unavailable, errors.CaptureError]
    assert not any(issubclass(one, other) for one in kinds for other in kinds if one is not other)
