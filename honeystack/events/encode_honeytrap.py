"""The `honeytrap` format: flat JSON, one level, keys with dots; what users of Honeytrap have already."""

from __future__ import annotations

from honeystack.events.encode_text import date_text, payload_text, plain, printable
from honeystack.events.event import Event, Payload
from honeystack.events.sensor import Sensor

# Where each part of an Identity stands, in its order.
IDENTITY_KEYS = (
    "protocol",
    "connection-id",
    "source-ip",
    "source-port",
    "source-mac",
    "destination-ip",
    "destination-port",
    "destination-mac",
    "community-id",
)
# Keys that only the recorder and the encoder fill; a field of that name is left out.
COMMON_KEYS = frozenset({"id", "date", "sensor", "token", "category", "type", "service", *IDENTITY_KEYS})


def encode_honeytrap(event: Event, sensor: Sensor) -> dict[str, object]:
    """The event as one flat object of JSON values; no value holds a control character."""
    kind = event.kind
    document: dict[str, object] = {
        "id": event.id,
        "date": date_text(event.date),
        "sensor": sensor.name,
        "token": sensor.token,
        "category": kind.category,
        "type": kind.type,
    }
    if event.service is not None:
        document["service"] = printable(event.service)
    if event.identity is not None:
        parts = zip(IDENTITY_KEYS, event.identity, strict=True)
        document.update({key: value for key, value in parts if value is not None})
    for key, value in event.fields.items():
        if isinstance(value, Payload):
            _add_payload(document, key, value)
        elif value is not None and key not in COMMON_KEYS:
            document[printable(key)] = plain(value)
    return document


def _add_payload(document: dict[str, object], key: str, payload: Payload) -> None:
    document[key] = payload_text(payload.data)
    document[f"{key}-hex"] = payload.data.hex()
    document[f"{key}-length"] = payload.length
    if payload.truncated:
        document[f"{key}-truncated"] = True
