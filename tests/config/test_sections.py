from __future__ import annotations

import attrs
import pytest

from honeystack.config.sections import LISTS, TABLES, CaptureSection
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
