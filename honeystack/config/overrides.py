"""`--set a.b=v`: single settings from the command line, laid over those of the file."""

from __future__ import annotations

from collections.abc import Iterable

from honeystack.config.errors import ConfigErrors, Source, Span
from honeystack.config.positions import Array, Entry, Node, Scalar, Table, parse_toml
from honeystack.config.structure import OPTION, Reading


def apply_overrides(root: Table, overrides: Iterable[str], reading: Reading) -> None:
    """Lay each `a.b=v` over the tree; v is a TOML value, or else a string as it stands."""
    for text in overrides:
        source = Source(OPTION, text)
        found = _as_toml(source) or _as_string(source)
        if found is None:
            reading.wrong(Span(source, 0, len(text)), "this sets nothing", "write --set listener.interface=eth1")
        else:
            _lay_over(root, *found, reading)


def _as_toml(source: Source) -> tuple[list[tuple[str, Span]], Node] | None:
    try:
        tree, problems = parse_toml(source)
    except ConfigErrors:
        return None
    return None if problems else _only_leaf(tree)


def _as_string(source: Source) -> tuple[list[tuple[str, Span]], Node] | None:
    key, equals, value = source.text.partition("=")
    found = _as_toml(Source(OPTION, f"{key}= 0")) if equals else None
    if found is None:
        return None
    start, end = len(key) + 1, len(source.text)
    path = [(name, Span(source, span.start, span.end)) for name, span in found[0]]
    return path, Scalar(Span(source, min(start, end - 1), end), value.strip())


def _only_leaf(tree: Table) -> tuple[list[tuple[str, Span]], Node] | None:
    path: list[tuple[str, Span]] = []
    node: Node = tree
    while node is tree or (isinstance(node, Table) and node.made_by == "dotted key"):
        if len(node.entries) != 1:
            return None
        [(name, entry)] = node.entries.items()
        path.append((name, entry.key))
        node = entry.node
    return None if isinstance(node, Table) and node.made_by != "inline" else (path, node)


def _lay_over(root: Table, path: list[tuple[str, Span]], node: Node, reading: Reading) -> None:
    place: Node = root
    for name, span in path[:-1]:
        following = _step(place, name, span)
        if following is None:
            reading.wrong(span, f"there is no {name!r} here to set anything in")
            return
        place = following
    name, span = path[-1]
    if isinstance(place, Table):
        place.entries[name] = Entry(span, node)
    elif isinstance(place, Array) and name.isdecimal() and int(name) < len(place.items):
        place.items[int(name)] = node
    else:
        reading.wrong(span, f"there is no {name!r} here to set")


def _step(place: Node, name: str, span: Span) -> Node | None:
    if isinstance(place, Table):
        return place.entries.setdefault(name, Entry(span, Table(span))).node
    if isinstance(place, Array) and name.isdecimal() and int(name) < len(place.items):
        return place.items[int(name)]  # port.0.services
    return None
