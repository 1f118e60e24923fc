"""`honeystack list`: the plugins of a kind, one line each, and their settings."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, cast

import attrs
import click

from honeystack import registry
from honeystack.config.structure import kind_name
from honeystack.errors import Unavailable
from honeystack.settings import Setting, settings_of
from honeystack.tls.servers import shipped_servers

TLS_PROFILES = "tls-profiles"  # for `tls_fingerprint = "mimic:NAME"`


@click.command("list")
@click.argument("kind", type=click.Choice([*registry.KINDS, TLS_PROFILES]))
@click.option("-q", "--names", "names_only", is_flag=True, help="Only the names.")
def command(kind: str, names_only: bool) -> None:
    """What can be configured: each type with one line, and its settings; or the servers that TLS can look like."""
    if kind == TLS_PROFILES:
        for server in shipped_servers().values():
            click.echo(server.name if names_only else f"{server.name}: {server.about}\n    JARM {server.jarm}")
        return
    kind = cast("registry.Kind", kind)
    for name in registry.names(kind):
        click.echo(name if names_only else _described(kind, name))


def _described(kind: registry.Kind, name: str) -> str:
    try:
        plugin = registry.load(kind, name)
    except Unavailable as missing:
        return f"{name}: not available here: {missing}"
    return "\n".join([f"{name}: {_first_line(plugin)}", *(f"    {line}" for line in _settings(plugin))])


def _settings(plugin: type, prefix: str = "") -> Iterator[str]:
    for name, (field, about) in settings_of(plugin).items():
        if inspect.isclass(field.type) and attrs.has(field.type):
            yield from _settings(field.type, f"{prefix}{name}.")
        else:
            yield prefix + _setting(field, about)


def _first_line(plugin: type) -> str:
    return (inspect.getdoc(plugin) or "no description").partition("\n")[0]


def _setting(field: attrs.Attribute[Any], about: Setting) -> str:
    unit = f", {about.unit}" if about.unit else ""
    alias = f" (alias: {', '.join(about.aliases)})" if about.aliases else ""
    kind = "the name of a director" if field.name == "director" else kind_name(field.type)
    return f"{field.name} = {kind}{unit}{_default(field)}: {about.text}{alias}"


def _default(field: attrs.Attribute[Any]) -> str:
    if field.default is attrs.NOTHING:
        return ", required"
    if field.default is None or field.default == () or not isinstance(field.default, _SHOWN):
        return ""
    return f", default {json.dumps(str(field.default) if isinstance(field.default, PurePath) else field.default)}"


_SHOWN = (bool, int, float, str, PurePath, tuple)
