"""From a section with a `type` to the plugin that it configures: ours, an installed package's, or a Python file's."""

from __future__ import annotations

import hashlib
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from honeystack import registry
from honeystack.config.errors import Span, nearest, surely_meant
from honeystack.config.positions import Scalar, Table
from honeystack.config.structure import INVALID, Reading, Resolve, structure
from honeystack.errors import ConfigError, Unavailable
from honeystack.settings import settings_of

# Words of Honeytrap for things that have another name here.
TYPE_ALIASES: Final[dict[tuple[str, str], str]] = {("services", "copy"): "proxy"}


def read_plugin(
    kind: registry.Kind,
    table: Table,
    reading: Reading,
    *,
    where: str,
    resolve: Resolve,
    check: Callable[[Table, type, Reading], None] | None = None,
) -> Any:
    """The instance that a section describes, or INVALID after its problems have been told.

    `check` looks at the section too, once its plugin is known.
    """
    entry = table.entries.get("type")
    known = ", ".join(registry.names(kind))
    if entry is None:
        return reading.missing(table.span, f"{where} needs a type", f"known: {known}")
    if not isinstance(entry.node, Scalar) or not isinstance(entry.node.value, str):
        return reading.wrong(entry.node.span, "'type' must be a string in quotes", f"known: {known}")
    before = len(reading.problems)
    plugin = _find(kind, entry.node.value, entry.node.span, reading)
    if plugin is INVALID:
        return INVALID
    instance = structure(plugin, table, reading, where=where, known=("type",), resolve=resolve)
    if check is not None:
        check(table, plugin, reading)
    return instance if len(reading.problems) == before else INVALID


def load_plugin_file(kind: registry.Kind, path: Path) -> type[Any]:
    """The one class in a Python file that is marked as a plugin of a kind. Raises ConfigError whatever it does."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"there is no Python file {path} ({error.strerror})") from error
    # The same file gives the same class, so that a reload sees what has changed and nothing else.
    digest = hashlib.sha256(str(path.resolve()).encode() + b"\0" + source).hexdigest()
    name = f"honeystack_file_{digest[:16]}"
    module = sys.modules.get(name) or _executed(name, path, source)
    found = [plugin for plugin in registry.marked(module, kind) if plugin.__module__ == name]
    if len(found) != 1:
        raise ConfigError(f"{path} must hold one class marked @{kind.removesuffix('s')}(…); it holds {len(found)}")
    return found[0]


def _executed(name: str, path: Path, source: bytes) -> types.ModuleType:
    """Not by the import system, which would leave a __pycache__ beside the configuration."""
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # attrs looks there for the names that annotations use
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"{path} does not import: {_last_line(error, path)}") from error
    return module


def _find(kind: registry.Kind, name: str, span: Span, reading: Reading) -> Any:
    noun = kind.removesuffix("s")
    if name.endswith(".py"):
        return _guarded(lambda: load_plugin_file(kind, reading.folder / name), span, reading)
    known = registry.names(kind)
    alias = TYPE_ALIASES.get((kind, name))
    if alias in known and name not in known:
        reading.note(span, f"{noun} type {name!r} is read as {alias!r}, which is the canonical spelling")
        name = str(alias)
    if name not in known:
        reading.wrong(span, f"there is no {noun} type {name!r}", nearest(name, known))
        meant = surely_meant(name, known)  # the section's other settings are checked as those of that type
        return INVALID if meant is None else _guarded(lambda: registry.load(kind, meant), span, reading)
    return _guarded(lambda: registry.load(kind, name), span, reading)


def _guarded(load: Callable[[], type[Any]], span: Span, reading: Reading) -> Any:
    try:
        plugin = load()
        settings_of(plugin)
    except (ConfigError, Unavailable) as error:
        return reading.wrong(span, str(error))
    except (attrs.exceptions.NotAnAttrsClassError, NameError) as error:
        return reading.wrong(span, f"this plugin's settings cannot be read: {error}")
    return plugin


def _last_line(error: Exception, path: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    number = error.lineno if isinstance(error, SyntaxError) else (lines or [None])[-1]
    return f"line {number}: {type(error).__name__}: {error}" if number else f"{type(error).__name__}: {error}"
