"""Events as bytes for another process of the same honeypot, which runs the same Python.

Not for strangers: a row is trusted to hold what `pack_events` has put there. Of an event's kind go along the parts that
channels and encoders look at. JSON would take three times as long.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from honeystack.errors import Malformed
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Event, Identity, Payload

_PLAIN = (str, int, float, bool, bytes, type(None))


def pack_events(events: Iterable[Event]) -> bytes:
    """All the events in one piece; values that are none of an event's are told as text."""
    rows = [_row(event) for event in events]
    try:
        return marshal.dumps(rows)
    except ValueError:
        return marshal.dumps([_portable(row) for row in rows])


def unpack_events(data: bytes) -> list[Event]:
    """The events of `pack_events`. Raises Malformed for anything else."""
    try:
        return [_event(*row) for row in marshal.loads(data)]
    except (ValueError, TypeError, EOFError, AttributeError) as error:
        raise Malformed(f"these are no events: {error}") from error


def _row(event: Event) -> tuple[Any, ...]:
    kind, identity, fields = event.kind, event.identity, event.fields
    payloads = {key: (value.data, value.length) for key, value in fields.items() if type(value) is Payload}
    if payloads:
        fields = {key: None if key in payloads else value for key, value in fields.items()}  # each keeps its place
    elif type(fields) is not dict:
        fields = dict(fields)
    stamp = None if identity is None else tuple(identity)
    return (event.id, event.date, kind.category, kind.type, kind.severity, event.service, stamp, fields, payloads)


def _event(
    id: str,
    date: float,
    category: str,
    type: str,
    severity: str,
    service: str | None,
    stamp: tuple[Any, ...] | None,
    fields: dict[str, object],
    payloads: dict[str, tuple[bytes, int]],
) -> Event:
    for key, payload in payloads.items():
        fields[key] = Payload(*payload)
    identity = None if stamp is None else Identity._make(stamp)
    return Event(id, date, _kind(category, type, severity), fields, identity, service)


@lru_cache(1024)
def _kind(category: str, type: str, severity: str) -> EventKind:
    return EventKind(category, type, "", {}, severity)


def _portable(value: object) -> object:
    """The value in types that marshal knows."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, tuple):
        return tuple(_portable(part) for part in value)
    if isinstance(value, list | set | frozenset):
        return [_portable(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _portable(part) for key, part in value.items()}
    return float(value) if isinstance(value, float) else str(value)
