from __future__ import annotations

import attrs
import pytest

from honeystack.config.sections import LISTS, TABLES, CaptureSection, HeartbeatSection, not_negative, positive
from honeystack.reception import CaptureLimits
from honeystack.settings import settings_of


@pytest.mark.parametrize("section", [*LISTS.values(), *TABLES.values()])
def test_every_key_says_what_it_is(section: type) -> None:
    assert section.__doc__
    settings = settings_of(section)
    assert set(settings) == {field.name for field in attrs.fields(section)}
    assert all(about.text for _, about in settings.values())


def test_the_defaults_of_capture_are_those_of_its_limits() -> None:
    section, limits = CaptureSection(), CaptureLimits()
    assert (section.payload_bytes, section.pause, section.idle) == (limits.payload_bytes, limits.pause, limits.idle)


@pytest.mark.parametrize(("validator", "refused"), [(not_negative, -1), (positive, 0), (positive, -0.5)])
def test_numbers_out_of_range_are_refused(validator: object, refused: float) -> None:
    field = attrs.fields(HeartbeatSection).interval
    with pytest.raises(ValueError, match="'interval'"):
        validator(None, field, refused)  # type: ignore[operator]


def test_numbers_in_range_are_not() -> None:
    field = attrs.fields(HeartbeatSection).interval
    not_negative(None, field, 0)
    positive(None, field, 0.1)
