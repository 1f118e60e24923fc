from __future__ import annotations

import attrs
import pytest

from honeystack.net.persona import Persona
from honeystack.settings import settings_of


def test_by_default_it_is_a_current_linux() -> None:
    assert Persona() == Persona(ttl=64, window_scale=7, timestamps=True, sack=True)


def test_every_choice_explains_itself_and_none_changes_later() -> None:
    assert all(about.text for _, about in settings_of(Persona).values())
    assert list(settings_of(Persona)) == [field.name for field in attrs.fields(Persona)]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Persona().ttl = 1  # type: ignore[misc]
