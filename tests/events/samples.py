"""Events that the tests of encoders, channels and schemas share."""

from __future__ import annotations

from collections.abc import Mapping

from honeystack.events.catalogue import EventKind
from honeystack.events.event import Event, Identity, Payload
from honeystack.events.sensor import Sensor

SENSOR = Sensor("honeystack", "token-1")
IDENTITY = Identity(
    "tcp",
    "connection-1",
    "1.2.3.4",
    1122,
    "02:00:00:00:00:02",
    "5.6.7.8",
    80,
    "02:00:00:00:00:01",
    "1:wCb3OG7yAFWelaUydu0D+125CLM=",
)
KIND = EventKind(
    "http",
    "request",
    "A request.",
    {"http.method": "the method", "http.header.*": "a header", "payload": "raw", "tcp.rtt-ms": "float: ms", "x": "any"},
)


def event(
    fields: Mapping[str, object] | None = None,
    *,
    kind: EventKind = KIND,
    number: int = 1,
    date: float = 1_700_000_000.5,
    identity: Identity | None = IDENTITY,
    service: str | None = "http01",
) -> Event:
    return Event(f"id-{number:06}", date, kind, fields or {}, identity, service)


def payload_event(data: bytes, length: int | None = None) -> Event:
    return event({"payload": Payload(data, len(data) if length is None else length)})
