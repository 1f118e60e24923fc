from __future__ import annotations

import attrs
import pytest

from honeystack.settings import Setting, not_negative, positive, setting, settings_of


def refuse(_: object, field: attrs.Attribute[int], value: int) -> None:
    if value < 0:
        raise ValueError("below zero")


@attrs.frozen
class Plugin:
    """A plugin."""

    first: str = setting("the first", aliases=("one",), example="x")
    size: int = setting("its size", default=3, unit="bytes", validator=refuse)
    words: list[str] = setting("words", factory=list)
    other: int = attrs.field(default=0)


def test_settings_come_in_order_with_what_they_say_about_themselves() -> None:
    settings = settings_of(Plugin)
    assert list(settings) == ["first", "size", "words"]
    assert settings["first"][1] == Setting("the first", ("one",), None, "x")
    assert settings["size"][1] == Setting("its size", (), "bytes", None)


def test_types_are_resolved() -> None:
    assert settings_of(Plugin)["words"][0].type == list[str]


def test_a_setting_without_default_is_required_and_by_name() -> None:
    with pytest.raises(TypeError):
        Plugin()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Plugin("x")  # type: ignore[misc]


def test_defaults_are_not_shared() -> None:
    assert Plugin(first="a").words is not Plugin(first="a").words


def test_the_validator_is_asked() -> None:
    with pytest.raises(ValueError, match="below zero"):
        Plugin(first="a", size=-1)


@pytest.mark.parametrize(("validator", "refused"), [(not_negative, -1), (positive, 0), (positive, -0.5)])
def test_numbers_out_of_range_are_refused(validator: object, refused: float) -> None:
    field = attrs.fields(Plugin).size
    with pytest.raises(ValueError, match="'size'"):
        validator(None, field, refused)  # type: ignore[operator]


def test_numbers_in_range_are_not() -> None:
    field = attrs.fields(Plugin).size
    not_negative(None, field, 0)
    positive(None, field, 0.1)
