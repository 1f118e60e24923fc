"""The recorder makes events: it stamps id, date and identity once, so that nothing a peer says can change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from honeystack.events.catalogue import EventKind
from honeystack.events.event import Event, Identity


class Publisher(Protocol):
    """Where finished events go: the bus, or a list in a test. Never blocks."""

    def publish(self, event: Event) -> None: ...


class Recorder:
    """Makes an Event of a kind and its fields and publishes it; never waits and never raises for a peer's data."""

    def __init__(self, publisher: Publisher, *, clock: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._publisher = publisher
        self._clock = clock
        self._new_id = new_id

    def new_id(self) -> str:
        """A fresh id, unique and sortable by time: for events and for connections."""
        return self._new_id()

    def record(
        self,
        kind: EventKind,
        fields: Mapping[str, object],
        *,
        identity: Identity | None = None,
        service: str | None = None,
    ) -> None:
        """Publish one event, dated now."""
        self._publisher.publish(Event(self._new_id(), self._clock(), kind, fields, identity, service))
