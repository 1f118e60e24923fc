"""JSON Schema (draft 2020-12) of the events in each format, made from the kinds that all modules declare.

The version rises when a key changes its meaning or goes away; new kinds and new keys leave it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable
from types import ModuleType
from typing import Any, Literal

import honeystack
from honeystack.events.catalogue import EventKind, kinds_in
from honeystack.events.encode_ecs import DURATION, ECS_NAMES, OWN, ecs_path, own_path

VERSION = 1
FORMATS = ("honeytrap", "ecs")

Schema = dict[str, Any]

_NO_EVENTS = ("honeystack.testing", "honeystack.cli", "honeystack.__main__")  # need not be imported

_TYPES: dict[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": ["number", "null"]},
    "bool": {"type": "boolean"},
    "list": {"type": "array"},
    "hex": {"type": "string", "pattern": "^([0-9a-f]{2})*$"},
}
_PORT: Schema = {"type": "integer", "minimum": 0, "maximum": 65535}
_TEXT: Schema = {"type": "string"}
_DATE: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"}
_MAC: Schema = {"type": "string", "pattern": "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$"}
_COMMUNITY: Schema = {"type": "string", "pattern": "^1:"}

_HONEYTRAP_COMMON: dict[str, Schema] = {
    "id": {**_TEXT, "description": "unique, sortable by time"},
    "date": {**_DATE, "description": "RFC 3339, UTC"},
    "sensor": {**_TEXT, "description": "the sensor's name"},
    "token": {**_TEXT, "description": "the sensor's lasting id"},
    "service": {**_TEXT, "description": "name from the config of the service that serves"},
    "protocol": {**_TEXT, "description": "tcp, udp, icmp, icmpv6, arp, …"},
    "connection-id": {**_TEXT, "description": "same for every event of one conversation"},
    "source-ip": {**_TEXT, "description": "the peer"},
    "source-port": _PORT,
    "source-mac": _MAC,
    "destination-ip": {**_TEXT, "description": "the honeypot"},
    "destination-port": _PORT,
    "destination-mac": _MAC,
    "community-id": {**_COMMUNITY, "description": "Community ID v1"},
}
_ALWAYS = ["id", "date", "sensor", "token", "category", "type"]


def event_schema(format: Literal["honeytrap", "ecs"] | str) -> Schema:
    """The schema of one event in a format; ValueError for an unknown one."""
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    return schema_of(merged(kinds_in(all_modules())), format)


def schema_of(kinds: Iterable[EventKind], format: str) -> Schema:
    """The schema of events of these kinds."""
    describe = _ecs if format == "ecs" else _honeytrap
    definitions = {f"{kind.category}.{kind.type}": describe(kind) for kind in kinds}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:honeystack:event:{format}:{VERSION}",
        "title": f"honeystack event, format {format}, version {VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in definitions],
        "$defs": definitions,
    }


def all_modules() -> list[ModuleType]:
    """Every module of honeystack that may declare events; those whose optional package is missing are skipped."""
    found = []
    for module in pkgutil.walk_packages(honeystack.__path__, "honeystack."):
        if module.name.startswith(_NO_EVENTS):
            continue
        try:
            found.append(importlib.import_module(module.name))
        except ModuleNotFoundError as missing:
            if (missing.name or "").partition(".")[0] == "honeystack":
                raise
    return found


def merged(kinds: Iterable[EventKind]) -> list[EventKind]:
    """Kinds of one category and type as one, with the keys of all, sorted."""
    by_name: dict[tuple[str, str], EventKind] = {}
    for kind in kinds:
        name = (kind.category, kind.type)
        if other := by_name.get(name):
            text = f"{other.text} {kind.text}" if other.text != kind.text else kind.text
            kind = EventKind(*name, text, {**other.fields, **kind.fields}, other.severity)
        by_name[name] = kind
    return [by_name[name] for name in sorted(by_name)]


def _honeytrap(kind: EventKind) -> Schema:
    properties: dict[str, Schema] = {
        "category": {"const": kind.category},
        "type": {"const": kind.type},
        **_HONEYTRAP_COMMON,
    }
    patterns: dict[str, Schema] = {}
    for key, text in kind.fields.items():
        if key.endswith(".*"):
            patterns[f"^{re.escape(key[:-1])}"] = _value(text)
        elif key == "payload":
            properties |= _payload(key, text)
        else:
            properties[key] = _value(text)
    return {
        "description": kind.text,
        "type": "object",
        "properties": properties,
        **({"patternProperties": patterns} if patterns else {}),
        "required": _ALWAYS,
        "additionalProperties": False,
    }


def _payload(key: str, text: str) -> dict[str, Schema]:
    return {
        key: {**_TEXT, "description": f"{text}; backslash-escaped where not printable"},
        f"{key}-hex": {**_TYPES["hex"], "description": "the exact bytes"},
        f"{key}-length": {"type": "integer", "minimum": 0, "description": "length on the wire"},
        f"{key}-truncated": {"const": True, "description": "payload and payload-hex are cut"},
    }


def _value(text: str) -> Schema:
    """The schema of a value from the text of its key, which may begin with its type."""
    name, colon, rest = text.partition(":")
    if colon and name in _TYPES:
        return {**_TYPES[name], "description": rest.strip()}
    return {**_TEXT, "description": text}


def _ecs(kind: EventKind) -> Schema:
    schema = _object(
        {
            "@timestamp": _DATE,
            "ecs": _object({"version": _TEXT}),
            "event": _object(
                {
                    **dict.fromkeys(("id", "kind", "module"), _TEXT),
                    "action": {"const": kind.type},
                    "dataset": {"const": f"honeystack.{kind.category}"},
                    "category": {"type": "array", "items": _TEXT},
                    "type": {"type": "array", "items": _TEXT},
                    "severity": {"type": "integer"},
                }
            ),
            "log": _object({"level": _TEXT}),
            "observer": _object(dict.fromkeys(("name", "product", "type"), _TEXT)),
            "agent": _object(dict.fromkeys(("id", "type"), _TEXT)),
            "service": _object({"name": _TEXT}),
            "network": _object(dict.fromkeys(("transport", "type", "community_id", "direction"), _TEXT)),
            "source": _end(),
            "destination": _end(),
            OWN: _object({"connection_id": _TEXT}),
        }
    )
    schema["properties"]["event"]["required"] = ["id", "kind", "category", "type", "action", "dataset"]
    for key, text in kind.fields.items():
        _add(schema, kind, key, text)
    return {"description": kind.text, **schema, "required": ["@timestamp", "ecs", "event", "observer", "agent"]}


def _add(schema: Schema, kind: EventKind, key: str, text: str) -> None:
    if key == DURATION:
        _put(schema, ("event", "duration"), {"type": "integer", "description": "nanoseconds"})
    elif key == "payload":
        for part, value in _payload("payload", text).items():
            _put(schema, (*own_path(kind, key), part.removeprefix("payload-").replace("payload", "text")), value)
    elif key.endswith(".*"):
        family = _put(schema, own_path(kind, key[:-2]), {"type": "object", "properties": {}})
        family["additionalProperties"] = _value(text)
        for name, path in _named_members(kind, key[:-1]):
            _put(schema, path, _value(text) | {"description": name})
    else:
        _put(schema, ecs_path(kind, key), _value(text))


def _named_members(kind: EventKind, front: str) -> list[tuple[str, tuple[str, ...]]]:
    """Members of a family that ECS has a name for."""
    return [(name, ecs_path(kind, name)) for name in ECS_NAMES if name.startswith(front) and name not in kind.fields]


def _put(schema: Schema, path: tuple[str, ...], value: Schema) -> Schema:
    """Describe the value at a path; what is described already stays. Returns the description."""
    here = schema
    for part in path[:-1]:
        here = here["properties"].setdefault(part, _object({}))
        here.setdefault("properties", {})
    found: Schema = here["properties"].setdefault(path[-1], value)
    return found


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _end() -> Schema:
    mac = {"type": "string", "pattern": "^[0-9A-F]{2}(-[0-9A-F]{2}){5}$"}
    return _object({"address": _TEXT, "ip": _TEXT, "port": _PORT, "mac": mac})
