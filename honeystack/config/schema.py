"""JSON Schema of the configuration, made from the settings that plugins and sections declare."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Literal, Union

import attrs

from honeystack import registry
from honeystack.config.sections import LISTS, TABLES
from honeystack.errors import Unavailable
from honeystack.settings import Setting, settings_of

_Schema = dict[str, Any]
_SCALARS: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}


def config_schema() -> _Schema:
    """The schema of `config.toml`, for editors: `#:schema honeystack.json` on the first line of a config."""
    properties: _Schema = {
        "listener": _plugins("listeners"),
        "service": _named("services"),
        "director": _named("directors"),
        "channel": _named("channels"),
    }
    properties |= {name: {"type": "array", "items": _section(section)} for name, section in LISTS.items()}
    properties |= {name: _section(section) for name, section in TABLES.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "honeystack configuration",
        "type": "object",
        "properties": properties,
        "required": ["listener"],
        "additionalProperties": False,
    }


def type_schema(wanted: Any) -> _Schema:
    """The schema of one type that a setting may have."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (Union, types.UnionType):
        choices = [type_schema(one) for one in arguments if one is not type(None)]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": type_schema(arguments[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": type_schema(arguments[1])}
    if inspect.isclass(wanted) and attrs.has(wanted):
        return _section(wanted)
    return {"type": _SCALARS[wanted]} if wanted in _SCALARS else {}


def _named(kind: registry.Kind) -> _Schema:
    return {"type": "object", "additionalProperties": _plugins(kind)}


def _plugins(kind: registry.Kind) -> _Schema:
    from_file: _Schema = {
        "description": f"the {kind.removesuffix('s')} in a Python file beside the configuration",
        "type": "object",
        "properties": {"type": {"type": "string", "pattern": r"\.py$"}},
        "required": ["type"],
    }
    return {"type": "object", "anyOf": [*(_plugin(kind, name) for name in registry.names(kind)), from_file]}


def _plugin(kind: registry.Kind, name: str) -> _Schema:
    try:
        schema = _section(registry.load(kind, name), director=kind == "services")
    except Unavailable as missing:
        return {"description": str(missing), "type": "object", "properties": {"type": {"const": name}}}
    schema["properties"] = {"type": {"const": name}, **schema["properties"]}
    schema["required"] = ["type", *schema.get("required", ())]
    return schema


def _section(section: type, *, director: bool = False) -> _Schema:
    settings = settings_of(section)
    properties: _Schema = {}
    for name, (field, about) in settings.items():
        wanted = str if director and name == "director" else field.type  # an instance to the service, a name here
        properties[name] = _described(type_schema(wanted), field, about)
        # The singular's plural alias takes a list of one.
        listed = [{"type": "array", "items": {"type": "string"}, "maxItems": 1}] if wanted is str else []
        for alias in about.aliases:
            canonical = {"anyOf": [type_schema(wanted), *listed]} if listed else type_schema(wanted)
            properties[alias] = {"description": f"the same as {name!r}", "deprecated": True, **canonical}
    schema: _Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if section.__doc__:
        schema = {"description": inspect.cleandoc(section.__doc__).partition("\n\n")[0], **schema}
    return schema | _required(settings)


def _described(schema: _Schema, field: attrs.Attribute[Any], about: Setting) -> _Schema:
    unit = f" ({about.unit})" if about.unit else ""
    schema = {"description": about.text + unit, **schema}
    default = field.default
    if isinstance(default, bool | int | float | str | PurePath | tuple):
        schema["default"] = str(default) if isinstance(default, PurePath) else default
    if about.example is not None:
        schema["examples"] = [about.example]
    return schema


def _required(settings: Mapping[str, tuple[attrs.Attribute[Any], Setting]]) -> _Schema:
    """What has no default is required, under any of its spellings."""
    needed = {name: about for name, (field, about) in settings.items() if field.default is attrs.NOTHING}
    plain = [name for name, about in needed.items() if not about.aliases]
    spelled = [
        {"anyOf": [{"required": [spelling]} for spelling in (name, *about.aliases)]}
        for name, about in needed.items()
        if about.aliases
    ]
    return ({"required": plain} if plain else {}) | ({"allOf": spelled} if spelled else {})
