"""How a plugin declares its settings: attrs fields that carry their text, aliases and kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

METADATA = "honeystack"


@attrs.frozen
class Setting:
    """What a field of a plugin says about itself to the config loader, `list` and the JSON Schema."""

    text: str
    aliases: tuple[str, ...] = ()
    unit: str | None = None
    example: object = None


def setting(
    text: str,
    *,
    default: Any = attrs.NOTHING,
    factory: Callable[[], Any] | None = None,
    aliases: tuple[str, ...] = (),
    unit: str | None = None,
    example: object = None,
    validator: Callable[[Any, Any, Any], None] | None = None,
) -> Any:
    """An attrs field for one setting; `text` is its line in the manual.

    Types that the config loader understands: bool, int, float, str, Path (relative to the config file),
    Literal, tuple[X, ...], dict[str, X], X | None. A validator raises ValueError with a sentence for the operator.
    """
    about = {METADATA: Setting(text, aliases, unit, example)}
    if factory is not None:
        return attrs.field(factory=factory, validator=validator, metadata=about, kw_only=True)
    return attrs.field(default=default, validator=validator, metadata=about, kw_only=True)


def settings_of(plugin: type) -> dict[str, tuple[attrs.Attribute[Any], Setting]]:
    """The settings of an attrs class by name, in the order of declaration."""
    fields = attrs.fields(attrs.resolve_types(plugin))
    return {field.name: (field, field.metadata[METADATA]) for field in fields if METADATA in field.metadata}


def not_negative(_: Any, field: attrs.Attribute[Any], value: float) -> None:
    """A validator for counts and durations that may be zero."""
    if value < 0:
        raise ValueError(f"{field.name!r} cannot be negative")


def positive(_: Any, field: attrs.Attribute[Any], value: float) -> None:
    """A validator for counts and durations that may not be zero."""
    if value <= 0:
        raise ValueError(f"{field.name!r} must be greater than zero")
