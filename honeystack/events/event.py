"""The one event type: what leaves the house. Immutable, with its conversation's identity stamped once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import attrs

from honeystack.events.catalogue import EventKind


class Payload(NamedTuple):
    """Bytes from a peer inside an event; `length` is the length on the wire, `data` may be cut."""

    data: bytes
    length: int

    @property
    def truncated(self) -> bool:
        return self.length > len(self.data)

    @classmethod
    def cut(cls, data: bytes, limit: int, length: int | None = None) -> Payload:
        """`data` cut to `limit` bytes; `length` where more was on the wire than `data` holds."""
        return cls(bytes(data[:limit]), len(data) if length is None else length)


class Identity(NamedTuple):
    """Whose event it is. The peer is the source; we are the destination. Absent parts are None."""

    protocol: str
    connection_id: str | None = None
    source_ip: str | None = None
    source_port: int | None = None
    source_mac: str | None = None
    destination_ip: str | None = None
    destination_port: int | None = None
    destination_mac: str | None = None
    community_id: str | None = None


@attrs.frozen(slots=True)
class Event:
    """One thing that happened.

    `date` is seconds since the epoch, UTC. `fields` holds the kind's own keys with their dotted names;
    values are str, int, float, bool, bytes (written as hex), lists of these, or a Payload under "payload".
    """

    id: str
    date: float
    kind: EventKind
    fields: Mapping[str, object]
    identity: Identity | None = None
    service: str | None = None

    @property
    def category(self) -> str:
        return self.kind.category

    @property
    def type(self) -> str:
        return self.kind.type
