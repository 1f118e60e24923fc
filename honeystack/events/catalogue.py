"""What kinds of event there are. Each is declared as a module constant beside the code that records it.

    PAYLOAD = EventKind("tcp", "payload", "The first raw bytes from the peer.", {"payload": "the bytes"})

The manual, the JSON Schemas and the tests collect the constants of all modules; nothing is registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from honeystack.events.event import Event


def _frozen(fields: Mapping[str, str]) -> Mapping[str, str]:
    return dict(fields)


@attrs.frozen(eq=False)
class EventKind:
    """A category and a type, with its line in the manual and its own keys.

    `fields` maps each key to its text; a key that ends in `.*` stands for a family of keys; a text that starts
    with `int:`, `float:`, `bool:`, `list:` or `hex:` gives the JSON type of the value, otherwise it is a string.
    `severity` is debug, info, notice, warning or error.
    """

    category: str
    type: str
    text: str
    fields: Mapping[str, str] = attrs.field(factory=dict, converter=_frozen)
    severity: str = "info"

    def admits(self, key: str) -> bool:
        """Whether `key` is declared, by itself or by a family."""
        if key in self.fields:
            return True
        return any(family.endswith(".*") and key.startswith(family[:-1]) for family in self.fields)


def kinds_in(modules: Iterable[ModuleType]) -> list[EventKind]:
    """Every EventKind that the modules declare, once each, sorted by category and type."""
    found = {id(kind): kind for module in modules for kind in vars(module).values() if isinstance(kind, EventKind)}
    return sorted(found.values(), key=lambda kind: (kind.category, kind.type))


def undeclared(event: Event) -> list[str]:
    """The keys of an event that its kind does not declare: a fault of ours, for tests to find."""
    return [key for key in event.fields if not event.kind.admits(key)]
