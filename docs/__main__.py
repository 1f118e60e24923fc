"""Writes the generated pages: `python -m docs`, or `make docs`. A test holds that what is committed is fresh.

The catalogue of events comes from the EventKind constants, the settings from the plugins' fields, the schemas from
both.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from honeystack import registry
from honeystack.config.schema import config_schema
from honeystack.config.sections import LISTS, TABLES
from honeystack.config.structure import kind_name
from honeystack.events.catalogue import EventKind, kinds_in
from honeystack.events.schema import all_modules, event_schema, merged
from honeystack.settings import Setting, settings_of

HERE = Path(__file__).parent
FORMATS = ("honeytrap", "ecs")
TYPES = {"int": "integer", "float": "number", "bool": "true or false", "list": "list", "hex": "hex"}
NOTE = "<!-- Written by `make docs`; edit what it is made from. -->"

EVENTS_HEAD = f"""{NOTE}
# Events

Every kind of event, with the keys that it has besides the common ones. A channel writes them in a `format`:
`honeytrap` (flat JSON, what these tables name) or `ecs` (Elastic Common Schema); JSON Schemas are in
[schemas/](schemas/), and from `honeystack schema event`.

Keys of every event: `id` (unique, sorts by time), `date` (RFC 3339, UTC, microseconds), `sensor`, `token`, `category`,
`type`. Of every event with a peer: `protocol`, `source-ip`, `source-port`, `source-mac`, `destination-ip`,
`destination-port`, `destination-mac`, `community-id`, and `connection-id`, the same for all events of one
conversation. The peer is the source. `service` is there when one is serving.

`payload` is the text with what cannot be printed escaped; beside it stand `payload-hex`, the exact bytes, and
`payload-length`, the length on the wire. Where an event keeps less than that, `payload-truncated` is true.
"""
SETTINGS_HEAD = f"""{NOTE}
# Settings

Every section of `config.toml` and every plugin. What the sections do together is in
[configuration.md](configuration.md); `honeystack list` shows the same for what is installed.
"""


def documents() -> dict[str, str]:
    """Every generated file: its path under docs/, and what belongs into it."""
    schemas = {f"schemas/event.{name}.json": event_schema(name) for name in FORMATS}
    return {
        "events.md": events_page(merged(kinds_in(all_modules()))),
        "settings.md": settings_page(),
        **{path: as_json(schema) for path, schema in schemas.items()},
        "schemas/config.json": as_json(config_schema()),
    }


def as_json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def events_page(kinds: Iterable[EventKind]) -> str:
    parts = [EVENTS_HEAD]
    for kind in kinds:
        parts.append(f"## `{kind.category}` / `{kind.type}`\n\n{kind.text}\n")
        if kind.fields:
            rows = [f"| `{key}` | {describe(text)} |" for key, text in kind.fields.items()]
            parts.append("\n".join(["| key | value |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def describe(text: str) -> str:
    """A field's text with its type in words."""
    kind, colon, rest = text.partition(":")
    return cell(f"{rest.strip()} ({TYPES[kind]})" if colon and kind in TYPES else text)


def settings_page() -> str:
    parts = [SETTINGS_HEAD]
    parts += [section(f"[[{name}]]", plugin) for name, plugin in LISTS.items()]
    parts += [section(f"[{name}]", plugin) for name, plugin in TABLES.items()]
    for kind in registry.KINDS:
        word = kind.removesuffix("s")
        where = "[listener]" if word == "listener" else f"[{word}.NAME]"
        for name in registry.names(kind):
            parts.append(section(f'{where} type = "{name}"', registry.load(kind, name)))
    return "\n".join(parts)


def section(title: str, plugin: type) -> str:
    """A heading, the class's docstring and its settings, nested ones behind a dot."""
    rows = ["| setting | default | |", "|---|---|---|", *setting_rows(plugin, "")]
    return "\n".join([f"## `{title}`", "", inspect.getdoc(plugin) or "", "", *(rows if len(rows) > 2 else []), ""])


def setting_rows(plugin: type, prefix: str) -> list[str]:
    rows: list[str] = []
    for name, (field, setting) in settings_of(plugin).items():
        nested = field.type if inspect.isclass(field.type) and attrs.has(field.type) else None
        if nested is not None and settings_of(nested):
            rows += setting_rows(nested, f"{prefix}{name}.")
            continue
        rows.append(f"| `{prefix}{name}` | {default_of(field)} | {explain(field, setting)} |")
    return rows


def default_of(field: attrs.Attribute[Any]) -> str:
    default = field.default
    if default is attrs.NOTHING:
        return "required"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    if default is None or default in ((), {}):
        return "none"
    if isinstance(default, Path):
        default = str(default)
    return cell(f"`{json.dumps(default, ensure_ascii=False, default=str)}`")


def explain(field: attrs.Attribute[Any], setting: Setting) -> str:
    unit = f", in {setting.unit}" if setting.unit else ""
    aliases = f"; alias {', '.join(f'`{alias}`' for alias in setting.aliases)}" if setting.aliases else ""
    example = "" if setting.example is None else f"; for example `{json.dumps(setting.example, ensure_ascii=False)}`"
    return cell(f"{setting.text} ({kind_name(field.type)}{unit}){example}{aliases}")


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    for path, text in documents().items():
        target = HERE / path
        target.parent.mkdir(exist_ok=True)
        if not target.exists() or target.read_text() != text:
            target.write_text(text)
            print(f"wrote docs/{path}")


if __name__ == "__main__":
    main()
