"""The `ecs` format: nested JSON with the field names of the Elastic Common Schema, version 8.

What ECS has a name for stands there; all else stands under `honeystack`, with `_` for `-`. A family of keys whose
members a peer names (`http.header.*`) is an object of one level, to be mapped as `flattened`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from honeystack.events.catalogue import EventKind
from honeystack.events.encode_text import date_text, payload_text, plain, printable
from honeystack.events.event import Event, Identity, Payload
from honeystack.events.sensor import Sensor

ECS_VERSION = "8.11.0"
OWN = "honeystack"

# Our keys that ECS has a name for.
ECS_NAMES = {
    "message": "message",
    "error": "error.message",
    "tcp.bytes-in": "source.bytes",
    "tcp.bytes-out": "destination.bytes",
    "tcp.packets-in": "source.packets",
    "tcp.packets-out": "destination.packets",
    "tcp.reason": "event.reason",
    "tls.sni": "tls.client.server_name",
    "tls.version": "tls.version",
    "tls.ciphersuite": "tls.cipher",
    "tls.error": "error.message",
    "tls.next-protocol": "tls.next_protocol",
    "tls.resumed": "tls.resumed",
    "tls.client.subject": "tls.client.subject",
    "tls.client.issuer": "tls.client.issuer",
    "tls.client.serial": "tls.client.x509.serial_number",
    "tls.client.names": "tls.client.x509.alternative_names",
    "tls.client.not-before": "tls.client.not_before",
    "tls.client.not-after": "tls.client.not_after",
    "tls.client.sha256": "tls.client.hash.sha256",
    "ja3.digest": "tls.client.ja3",
    "ja4": "honeystack.ja4.digest",  # ECS has no name for it, and `ja4.raw` needs an object here
    "http.method": "http.request.method",
    "http.url": "url.original",
    "http.host": "url.domain",
    "http.version": "http.version",
    "http.body": "http.request.body.content",
    "http.status": "http.response.status_code",
    "http.header.user-agent": "user_agent.original",
    "http.header.referer": "http.request.referrer",
    "http.header.content-type": "http.request.mime_type",
    "username": "user.name",
}
DURATION = "tcp.duration-ms"  # becomes event.duration, which ECS counts in nanoseconds

_TRANSPORTS = {"icmpv6": "ipv6-icmp", "icmp6": "ipv6-icmp"}  # the names of IANA
_SEVERITIES = {"debug": 1, "info": 2, "notice": 3, "warning": 4, "error": 5}
_TYPES = {
    "connect": ["connection", "start"],
    "close": ["connection", "end"],
    "tls": ["connection", "protocol"],
    "request": ["connection", "protocol", "access"],
    "start": ["start"],
    "stop": ["end"],
    "reload": ["change"],
    "drop": ["info"],
    "fault": ["error"],
}
_HOST_CATEGORIES = ("sensor", "heartbeat")  # about ourselves, not about traffic


def encode_ecs(event: Event, sensor: Sensor) -> dict[str, object]:
    """The event as a nested object of JSON values; no value holds a control character."""
    kind = event.kind
    document: dict[str, Any] = {
        "@timestamp": date_text(event.date),
        "ecs": {"version": ECS_VERSION},
        "event": _event(event),
        "log": {"level": kind.severity},
        "observer": {"name": sensor.name, "product": "honeystack", "type": "honeypot"},
        "agent": {"id": sensor.token, "type": "honeystack"},
    }
    if event.service is not None:
        document["service"] = {"name": printable(event.service)}
    if event.identity is not None:
        _add_identity(document, event.identity)
    for key, value in event.fields.items():
        if isinstance(value, Payload):
            for part, content in _payload(value).items():
                _put(document, (*own_path(kind, key), part), content)
        elif key == DURATION and isinstance(value, int | float):
            document["event"]["duration"] = round(value * 1_000_000)
        elif value is not None:
            _put(document, ecs_path(kind, key), plain(value))
    return document


@lru_cache(maxsize=4096)  # peers name some keys: bounded
def ecs_path(kind: EventKind, key: str) -> tuple[str, ...]:
    """Where a key of a kind stands in the document."""
    name = ECS_NAMES.get(key)
    return tuple(name.split(".")) if name else own_path(kind, key)


def own_path(kind: EventKind, key: str) -> tuple[str, ...]:
    """Where a key stands under `honeystack`."""
    if key not in kind.fields:
        for family in kind.fields:
            if family.endswith(".*") and key.startswith(family[:-1]):
                member = key[len(family) - 1 :].replace(".", "_")
                return (OWN, *_parts(family[:-2]), printable(member))
    return (OWN, *_parts(key))


def _parts(key: str) -> list[str]:
    return printable(key).replace("-", "_").split(".")


def _event(event: Event) -> dict[str, object]:
    category, type_ = event.kind.category, event.kind.type
    categories = ["network", "web"] if category == "http" else ["network"]
    return {
        "id": event.id,
        "kind": "metric" if category == "heartbeat" else "event",
        "category": ["host"] if category in _HOST_CATEGORIES else categories,
        "type": _TYPES.get(type_, ["info"]),
        "action": type_,
        "dataset": f"honeystack.{category}",
        "module": "honeystack",
        "severity": _SEVERITIES.get(event.kind.severity, 2),
    }


def _add_identity(document: dict[str, Any], identity: Identity) -> None:
    if identity.connection_id is not None:
        document[OWN] = {"connection_id": identity.connection_id}
    network: dict[str, object] = {"transport": _TRANSPORTS.get(identity.protocol, identity.protocol)}
    if identity.source_ip is not None:
        network["type"] = "ipv6" if ":" in identity.source_ip else "ipv4"
    if identity.community_id is not None:
        network["community_id"] = identity.community_id
    network["direction"] = "inbound"
    document["network"] = network
    document["source"] = _end(identity.source_ip, identity.source_port, identity.source_mac)
    document["destination"] = _end(identity.destination_ip, identity.destination_port, identity.destination_mac)


def _end(ip: str | None, port: int | None, mac: str | None) -> dict[str, object]:
    end: dict[str, object] = {}
    if ip is not None:
        end["address"] = end["ip"] = ip
    if port is not None:
        end["port"] = port
    if mac is not None:
        end["mac"] = mac.upper().replace(":", "-")  # as ECS writes it: RFC 7042
    return end


def _payload(payload: Payload) -> dict[str, object]:
    body: dict[str, object] = {
        "text": payload_text(payload.data),
        "hex": payload.data.hex(),
        "length": payload.length,
    }
    if payload.truncated:
        body["truncated"] = True
    return body


def _put(document: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Set a value at its path; what is there already stays, so that no field can displace the identity."""
    here = document
    for part in path[:-1]:
        deeper = here.setdefault(part, {})
        if not isinstance(deeper, dict):  # a key that is also the beginning of another
            deeper = here[part] = {"value": deeper}
        here = deeper
    last = path[-1]
    if isinstance(here.get(last), dict):
        here[last].setdefault("value", value)
    else:
        here.setdefault(last, value)
