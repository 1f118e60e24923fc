"""Which events a channel gets: `[[filter]]` tables of regular expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import attrs

from honeystack.errors import ConfigError
from honeystack.events.event import Event


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen
class EventFilter:
    """One `[[filter]]`: expressions are searched for, as Honeytrap does; `^http$` takes `http` alone.

    One expression of a list suffices; every list that is given must be met, and no excluding one. An event
    without a service meets no `services`. Raises ConfigError for what is no regular expression.
    """

    channels: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    services: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    categories: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    types: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    exclude_services: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    exclude_categories: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    exclude_types: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    _wanted: tuple[re.Pattern[str] | None, ...] = attrs.field(init=False, repr=False, eq=False)
    _unwanted: tuple[re.Pattern[str] | None, ...] = attrs.field(init=False, repr=False, eq=False)
    # Services, categories and types come from the config and the code, never from a peer: this cannot grow for long.
    _known: dict[tuple[str | None, str, str], bool] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        wanted = (self.services, self.categories, self.types)
        unwanted = (self.exclude_services, self.exclude_categories, self.exclude_types)
        object.__setattr__(self, "_wanted", tuple(map(_compiled, wanted)))
        object.__setattr__(self, "_unwanted", tuple(map(_compiled, unwanted)))

    def takes(self, event: Event) -> bool:
        """Whether the event passes this filter, whatever the channel."""
        key = (event.service, event.kind.category, event.kind.type)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._decide(key)
        return known

    def _decide(self, key: tuple[str | None, str, str]) -> bool:
        wanted = all(not p or (text is not None and p.search(text)) for p, text in zip(self._wanted, key, strict=True))
        return wanted and not any(
            p and text is not None and p.search(text) for p, text in zip(self._unwanted, key, strict=True)
        )


def filter_for(channel: str, filters: Iterable[EventFilter]) -> Callable[[Event], bool] | None:
    """What a channel takes: what any filter that names it takes; None, which is all, where none names it."""
    mine = [each for each in filters if channel in each.channels]
    if not mine:
        return None
    if len(mine) == 1:
        return mine[0].takes
    return lambda event: any(each.takes(event) for each in mine)


def _compiled(expressions: tuple[str, ...]) -> re.Pattern[str] | None:
    if not expressions:
        return None
    for expression in expressions:
        try:
            re.compile(expression)
        except re.error as error:
            raise ConfigError(f"{expression!r} is no regular expression: {error}") from error
    return re.compile("|".join(f"(?:{expression})" for expression in expressions))
