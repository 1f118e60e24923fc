"""Plugins by kind and name: one decorator, one class, one file; or an entry point of another package.

The name in the config is the file's name and the decorator's argument. Naming plugins imports none of them.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeVar

from honeystack.errors import ConfigError, Unavailable

Kind = Literal["services", "channels", "listeners", "directors"]
KINDS: tuple[Kind, ...] = ("services", "channels", "listeners", "directors")

_PLUGIN = "__honeystack_plugin__"
_Class = TypeVar("_Class", bound=type)


def service(name: str) -> Callable[[_Class], _Class]:
    """Mark a class as the service `name`."""
    return _mark("services", name)


def channel(name: str) -> Callable[[_Class], _Class]:
    """Mark a class as the channel `name`."""
    return _mark("channels", name)


def listener(name: str) -> Callable[[_Class], _Class]:
    """Mark a class as the listener `name`."""
    return _mark("listeners", name)


def director(name: str) -> Callable[[_Class], _Class]:
    """Mark a class as the director `name`."""
    return _mark("directors", name)


def plugin_name(plugin: type) -> str:
    """The name a marked class was registered under."""
    name: str = getattr(plugin, _PLUGIN)[1]
    return name


def names(kind: Kind) -> list[str]:
    """All plugins of one kind, ours and those of installed packages, sorted; imports none of them."""
    ours = (module.name for module in pkgutil.iter_modules(_folder(kind)))
    return sorted({name for name in ours if not name.startswith("_")} | set(_foreign(kind)))


def load(kind: Kind, name: str) -> type[Any]:
    """The class of one plugin.

    Raises ConfigError for an unknown name (with the nearest right one), Unavailable where an optional
    dependency of that plugin is missing.
    """
    foreign = _foreign(kind)
    if name in foreign:
        return _import(kind, name, foreign[name].load)
    if name not in names(kind):
        raise ConfigError(f"unknown {kind.removesuffix('s')} {name!r}{_nearest(name, names(kind))}")
    module = f"honeystack.{kind}.{name}"
    return _import(kind, name, lambda: _marked(importlib.import_module(module), kind, name))


def marked(module: Any, kind: Kind) -> list[type[Any]]:
    """The classes in a module that are marked as plugins of a kind."""
    things = dict.fromkeys(thing for thing in vars(module).values() if isinstance(thing, type))
    return [thing for thing in things if vars(thing).get(_PLUGIN, ("", ""))[0] == kind]


def _mark(kind: Kind, name: str) -> Callable[[_Class], _Class]:
    def mark(plugin: _Class) -> _Class:
        setattr(plugin, _PLUGIN, (kind, name))
        return plugin

    return mark


def _folder(kind: Kind) -> list[str]:
    return list(importlib.import_module(f"honeystack.{kind}").__path__)


def _foreign(kind: Kind) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"honeystack.{kind}")}


def _import(kind: Kind, name: str, importer: Callable[[], Any]) -> type[Any]:
    try:
        plugin: type[Any] = importer()
    except ModuleNotFoundError as missing:
        if (missing.name or "honeystack").partition(".")[0] == "honeystack":
            raise  # a fault of ours, not of the machine
        raise Unavailable(
            f"the {kind.removesuffix('s')} {name!r} needs the Python package {missing.name!r}: "
            f"pip install {missing.name}"
        ) from missing
    return plugin


def _marked(module: Any, kind: Kind, name: str) -> type[Any]:
    for plugin in marked(module, kind):
        if plugin_name(plugin) == name:
            return plugin
    raise ConfigError(f"{module.__name__} declares no {kind.removesuffix('s')} named {name!r}")


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
