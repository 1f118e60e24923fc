"""From a TOML table to an attrs class with settings: types are taken strictly, and every error is found in one pass.

Unknown keys are errors; an alias is read as its setting and noted. What a validator refuses in a list is shown at the
element that it refuses.
"""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Union

import attrs

from honeystack.config.errors import Problem, Span, nearest, problem_at, surely_meant
from honeystack.config.positions import Array, Entry, Node, Scalar, Table, plain
from honeystack.errors import ConfigError
from honeystack.settings import METADATA, Setting, settings_of

OPTION: Final = "--set"  # the name of the source of values given on the command line
INVALID: Final = object()  # stands for a value about which a problem has been told
Resolve = Mapping[str, Callable[[Node], object]]


@attrs.define
class Reading:
    """What is known and what has been found while one configuration is read."""

    folder: Path = attrs.field(factory=Path)  # what relative paths are relative to
    problems: list[Problem] = attrs.field(factory=list)
    notes: list[Problem] = attrs.field(factory=list)
    whole: bool = True  # the file parsed to its end

    def missing(self, span: Span, message: str, suggestion: str = "") -> object:
        """Tell that something is not there, unless it may stand in what did not parse."""
        return self.wrong(span, message, suggestion) if self.whole else INVALID

    def wrong(self, span: Span, message: str, suggestion: str = "") -> object:
        """Tell a problem; the answer stands for the value that is missing because of it."""
        self.problems.append(problem_at(span, message, suggestion))
        return INVALID

    def warn(self, span: Span, message: str, suggestion: str = "") -> None:
        """Tell something that is no error, but will not do what is expected of it."""
        self.notes.append(problem_at(span, message, suggestion, severity="warning"))

    def note(self, span: Span, message: str, suggestion: str = "") -> None:
        """Tell something that is no error."""
        self.notes.append(problem_at(span, message, suggestion, severity="note"))


def structure(
    plugin: type,
    table: Table,
    reading: Reading,
    *,
    where: str,
    known: Collection[str] = (),
    resolve: Resolve = types.MappingProxyType({}),
) -> Any:
    """An instance of an attrs class made from a table, or INVALID after its problems have been told.

    `where` names the section in messages; `known` are keys that the caller reads itself; `resolve` makes the value of
    single settings in the caller's way.
    """
    before, complete = len(reading.problems), True
    settings = settings_of(plugin)
    misspelt = _tell_unknown(settings, table, reading, where=where, known=known)
    values: dict[str, Any] = {}
    for name, (field, setting) in settings.items():
        entry = _entry(table, name, setting, reading)
        if entry is None:
            if field.default is attrs.NOTHING:
                complete = False
                if name not in misspelt:
                    reading.missing(table.span, f"{where} needs {name!r}: {setting.text}")
            continue
        value = resolve[name](entry.node) if name in resolve else _value(field, setting, entry, reading)
        values[str(field.alias)] = value
    if len(reading.problems) > before or not complete or any(value is INVALID for value in values.values()):
        return INVALID
    try:
        return plugin(**values)
    except (ValueError, TypeError, ConfigError) as error:
        return reading.wrong(table.span, f"{where}: {error}")


def entry_of(table: Table, plugin: type, name: str) -> Entry | None:
    """Where a setting stands in a table, under its name or one of its aliases."""
    field = next((field for field in attrs.fields(plugin) if field.name == name), None)
    if field is None or METADATA not in field.metadata:
        return None
    spellings = (name, *field.metadata[METADATA].aliases)
    return next((table.entries[spelling] for spelling in spellings if spelling in table.entries), None)


def convert(wanted: Any, node: Node, reading: Reading, *, what: str) -> Any:
    """The value of a node as a type, or INVALID after the problem has been told."""
    origin = typing.get_origin(wanted)
    if origin in (Union, types.UnionType):
        return _convert_union(wanted, node, reading, what=what)
    if origin is Literal:
        return _convert_literal(wanted, node, reading, what=what)
    if origin is tuple:
        return _convert_tuple(wanted, node, reading, what=what)
    if origin in (dict, Mapping) or origin is typing.get_origin(Mapping[str, str]):
        return _convert_mapping(wanted, node, reading, what=what)
    if _has_settings(wanted):
        if isinstance(node, Table):
            return structure(wanted, node, reading, where=what)
        return reading.wrong(node.span, f"{what} must be a table of settings")
    if wanted in _SCALARS:
        return _convert_scalar(wanted, node, reading, what=what)
    return plain(node)


def kind_name(wanted: Any) -> str:
    """A type in the operator's words."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(kind_name(one) for one in arguments if one is not type(None)))
    if origin is Literal:
        return " or ".join(_toml(choice) for choice in arguments)
    if origin is tuple:
        return "a list" if arguments[0] in (Any, object) else f"a list, each {kind_name(arguments[0])}"
    if origin is not None or _has_settings(wanted):
        return "a table"
    return _SCALARS.get(wanted, "a value")


_SCALARS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string in quotes",
    Path: "a path in quotes",
}


def _tell_unknown(
    settings: Mapping[str, Any], table: Table, reading: Reading, *, where: str, known: Collection[str]
) -> set[str | None]:
    """Returns the settings that unknown keys are surely meant for, which are therefore not missing."""
    spellings = {word for name, (_, setting) in settings.items() for word in (name, *setting.aliases)} | set(known)
    offered = [*settings, *known]
    unknown = [name for name in table.entries if name not in spellings]
    for name in unknown:
        reading.wrong(table.entries[name].key, f"{where} has no setting {name!r}", nearest(name, offered))
    return {surely_meant(name, offered) for name in unknown}


def _entry(table: Table, name: str, setting: Setting, reading: Reading) -> Entry | None:
    present = [spelling for spelling in (name, *setting.aliases) if spelling in table.entries]
    overriding = [spelling for spelling in present if table.entries[spelling].key.source.name == OPTION]
    spellings = overriding[-1:] or present  # `--set` may use another spelling than the file
    if spellings and name not in present and not overriding:
        key = table.entries[spellings[0]].key
        reading.note(key, f"{spellings[0]!r} is read as {name!r}, which is the canonical spelling")
    if len(spellings) > 1:
        first, second = sorted((table.entries[spelling] for spelling in present[:2]), key=lambda entry: entry.key.start)
        reading.wrong(second.key, f"this is the same setting as the one at {first.key}", f"keep {name!r} alone")
    return table.entries[spellings[0]] if spellings else None


def _value(field: attrs.Attribute[Any], setting: Setting, entry: Entry, reading: Reading) -> Any:
    node = entry.node
    is_alias = entry.key.text.strip("\"'") in setting.aliases
    if is_alias and field.type is str and isinstance(node, Array) and len(node.items) == 1:
        node = node.items[0]  # interfaces = ["eth0"] for interface = "eth0"
    value = convert(field.type, node, reading, what=repr(field.name))
    if value is not INVALID and field.validator is not None:
        return _validated(field, value, node, reading)
    return value


def _validated(field: attrs.Attribute[Any], value: Any, node: Node, reading: Reading) -> Any:
    """Ask a list's validator about each element alone first, so that the caret stands under the one it refuses."""
    if isinstance(node, Array) and isinstance(value, tuple):
        refused = [(item, _refusal(field, (one,))) for item, one in zip(node.items, value, strict=True)]
        told = [reading.wrong(item.span, reason) for item, reason in refused if reason]
        if told:
            return INVALID
    reason = _refusal(field, value)
    return reading.wrong(node.span, reason) if reason else value


def _refusal(field: attrs.Attribute[Any], value: Any) -> str | None:
    assert field.validator is not None
    try:
        field.validator(None, field, value)
    except (ValueError, TypeError, ConfigError) as error:
        # attrs' own validators give the field and the value as further arguments
        return str(error.args[0]) if error.args else str(error)
    except AttributeError:
        return None  # it looks at other settings of the instance, and is asked again when that is made
    return None


def _convert_union(wanted: Any, node: Node, reading: Reading, *, what: str) -> Any:
    choices = [choice for choice in typing.get_args(wanted) if choice is not type(None)]
    fitting = [choice for choice in choices if _fits(choice, node)]
    if not fitting and len(choices) > 1:
        return reading.wrong(node.span, f"{what} must be {kind_name(wanted)}")
    return convert((fitting or choices)[0], node, reading, what=what)


def _fits(wanted: Any, node: Node) -> bool:
    origin = typing.get_origin(wanted)
    if origin is Literal:
        return isinstance(node, Scalar) and _choice(wanted, node.value) is not INVALID
    if origin is tuple:
        return isinstance(node, Array)
    if origin is not None or _has_settings(wanted):
        return isinstance(node, Table)
    return isinstance(node, Scalar) and _is_scalar(wanted, node.value)


def _convert_literal(wanted: Any, node: Node, reading: Reading, *, what: str) -> Any:
    value = node.value if isinstance(node, Scalar) else None
    choice = _choice(wanted, value)
    if choice is not INVALID:
        return choice
    words = [one for one in typing.get_args(wanted) if isinstance(one, str)]
    meant = nearest(value, words) if isinstance(value, str) else ""
    suggestion = "" if meant.startswith("known") else meant  # the message names them all
    return reading.wrong(node.span, f"{what} must be {kind_name(wanted)}", suggestion)


def _choice(wanted: Any, value: object) -> Any:
    """The literal that equals a value, types included: 1 is not true."""
    return next((one for one in typing.get_args(wanted) if type(one) is type(value) and one == value), INVALID)


def _convert_tuple(wanted: Any, node: Node, reading: Reading, *, what: str) -> Any:
    if not isinstance(node, Array):
        text = node.span.text
        hint = f"write [{text}]" if isinstance(node, Scalar) and "\n" not in text else ""
        return reading.wrong(node.span, f"{what} must be {kind_name(wanted)}", hint)
    element = typing.get_args(wanted)[0]
    values = tuple(convert(element, item, reading, what=f"each of {what}") for item in node.items)
    return INVALID if any(value is INVALID for value in values) else values


def _convert_mapping(wanted: Any, node: Node, reading: Reading, *, what: str) -> Any:
    if not isinstance(node, Table):
        return reading.wrong(node.span, f"{what} must be a table")
    element = typing.get_args(wanted)[1]
    values = {
        name: convert(element, entry.node, reading, what=f"{name!r} in {what}") for name, entry in node.entries.items()
    }
    return INVALID if any(value is INVALID for value in values.values()) else values


def _convert_scalar(wanted: Any, node: Node, reading: Reading, *, what: str) -> Any:
    value = node.value if isinstance(node, Scalar) else None
    if not _is_scalar(wanted, value):
        alone = ", and one alone" if isinstance(node, Array) and len(node.items) > 1 else ""
        return reading.wrong(node.span, f"{what} must be {_SCALARS[wanted]}{alone}", _rewritten(wanted, node))
    if wanted is float:
        return float(value)  # type: ignore[arg-type]
    if wanted is Path:
        return reading.folder / Path(str(value)).expanduser()
    return value


def _is_scalar(wanted: Any, value: object) -> bool:
    if wanted is bool:
        return isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    return isinstance(value, str) and (wanted is not Path or (value != "" and "\0" not in value))


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def _rewritten(wanted: Any, node: Node) -> str:
    """The value as it would be right, where that is plain to see."""
    value = node.value if isinstance(node, Scalar) else None
    if wanted is bool and isinstance(value, str):
        word = {"yes": "true", "on": "true", "true": "true", "1": "true"}.get(value.lower(), "false")
        return f"write {word}" if value.lower() in ("yes", "on", "true", "1", "no", "off", "false", "0") else ""
    if wanted in (int, float) and isinstance(value, str) and value.strip().isdecimal():
        return f"write {value.strip()} without quotes"
    if wanted in (str, Path) and isinstance(value, bool | int | float):
        return f'write "{_toml(value)}"'
    return ""


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _has_settings(wanted: Any) -> bool:
    return inspect.isclass(wanted) and attrs.has(wanted) and bool(settings_of(wanted))
