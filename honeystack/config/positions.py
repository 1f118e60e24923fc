"""TOML with the place of every key and value.

tomlkit reads the syntax but its values carry no positions, so a subclass of its Parser notes where each key and value
begins and ends, and the tree is built here, by the rules of TOML 1.0 for tables, dotted keys and arrays of tables.
The methods that are overridden are private to tomlkit; a contract test holds us to the versions that have them.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import attrs
from tomlkit import items
from tomlkit.container import Container
from tomlkit.exceptions import (
    EmptyKeyError,
    EmptyTableNameError,
    InvalidControlChar,
    ParseError,
    TOMLKitError,
    UnexpectedCharError,
    UnexpectedEofError,
)
from tomlkit.parser import Parser

from honeystack.config.errors import ConfigErrors, Problem, Source, Span, problem_at


@attrs.frozen
class Scalar:
    """A string, number, boolean or date."""

    span: Span
    value: object


@attrs.frozen
class Array:
    """A list of values, or of the tables that `[[name]]` begins."""

    span: Span
    items: list[Node] = attrs.field(factory=list)
    of_tables: bool = False


class Entry(NamedTuple):
    """A key and its value."""

    key: Span
    node: Node


@attrs.define(eq=False)
class Table:
    """Keys and values; the span is that of the header, of the inline table, or of the key that implied it."""

    span: Span
    entries: dict[str, Entry] = attrs.field(factory=dict)
    made_by: Literal["header", "implication", "dotted key", "inline"] = "header"


Node = Scalar | Array | Table


class KeyPart(NamedTuple):
    """One part of a dotted key."""

    name: str
    span: Span


class BrokenSyntax(ConfigErrors):
    """The problems up to where a document does not parse; `start` is where the item begins that does not, an offset."""

    def __init__(self, problems: list[Problem], start: int) -> None:
        super().__init__(problems)
        self.start = start


def parse_toml(source: Source, text: str | None = None) -> tuple[Table, list[Problem]]:
    """The tree of a document, and the keys that are there twice. Raises BrokenSyntax where the syntax is broken.

    `text` is what is read in place of the source's own, which it has to be as long as: positions are those of both.
    """
    reader = _Reader(source, source.text if text is None else text)
    try:
        reader.read()
    except (TOMLKitError, ValueError, RecursionError) as error:
        place = reader.failed_at()
        bare_word = place.text.isalpha() and source.text[: place.start].rstrip(" \t").endswith("=")
        problem = problem_at(
            place, _sentence(error, found=place.text), "a string stands in quotes" if bare_word else ""
        )
        raise BrokenSyntax([*reader.problems, problem], reader.item_at) from error
    return reader.root, reader.problems


def plain(node: Node) -> Any:
    """The values without their positions."""
    if isinstance(node, Table):
        return {name: plain(entry.node) for name, entry in node.entries.items()}
    if isinstance(node, Array):
        return [plain(item) for item in node.items]
    return node.value


class _Reader(Parser):
    """tomlkit's parser for the syntax; what it passes is kept in `_frames`, one list per value that is open."""

    def __init__(self, source: Source, text: str) -> None:
        super().__init__(text)
        self.source = source
        self.text = text
        self.item_at = 0  # where the header or the line begins that is read
        self.root = Table(Span(source, 0, 0))
        self.problems: list[Problem] = []
        self._parts: list[KeyPart] = []
        self._frames: list[list[Any]] = [[]]
        self._failed_at = len(text)

    def read(self) -> None:
        table = self.root
        while not self.end():
            self.item_at = self._idx
            item = None if self._current == "[" else self._parse_item()
            if item is None:  # tomlkit stops in front of a header
                table = self._read_header()
            elif item[0] is not None:
                self._insert(table, *self._frames[0])
            self._frames[0].clear()

    def _read_header(self) -> Table:
        start = self._idx
        self.inc(exception=UnexpectedEofError)
        of_tables = self._current == "["
        if of_tables:
            self.inc(exception=UnexpectedEofError)
        try:
            self._parse_key()
        except EmptyKeyError:
            raise self.parse_error(EmptyTableNameError) from None
        for _ in range(2 if of_tables else 1):
            if self.end():
                raise self.parse_error(UnexpectedEofError)
            if self._current != "]":
                raise self.parse_error(UnexpectedCharError, self._current)
            self.inc()
        span = Span(self.source, start, self._idx)
        self._parse_comment_trail()
        return self._open(self._frames[0][0], span, of_tables=of_tables)

    def failed_at(self) -> Span:
        """The place of the last syntax error; what is missing at the end is missing behind the last word."""
        at_end = self._failed_at >= len(self.text)
        offset = len(self.text.rstrip()) if at_end else self._failed_at
        return Span(self.source, offset, offset if at_end else offset + 1)

    # What tomlkit calls

    def parse_error(self, exception: type[ParseError] = ParseError, *args: Any, **kwargs: Any) -> ParseError:
        # tomlkit counts lines by other line ends than TOML has, and steps back before the error is seen
        self._failed_at = self._idx
        return super().parse_error(exception, *args, **kwargs)

    def _parse_key(self) -> items.Key:
        self._parts = []
        key = super()._parse_key()
        self._frames[-1].append(self._parts)
        return key

    def _parse_simple_key(self) -> items.Key:
        start = self._idx
        key = super()._parse_simple_key()
        self._parts.append(KeyPart(key.key, self._trimmed(start)))
        return key

    def _parse_value(self) -> items.Item:
        start = self._idx
        self._frames.append([])
        item = super()._parse_value()
        inner = self._frames.pop()
        self._frames[-1].append(self._node(item, inner, self._trimmed(start)))
        return item

    def _parse_inline_table(self) -> items.InlineTable:
        self.inc(exception=UnexpectedEofError)
        self._skip_blank()
        while self._current != "}":
            self._parse_key_value(False)
            self._skip_blank()
            if self._current == ",":
                self.inc(exception=UnexpectedEofError)
                self._skip_blank()
            elif self._current != "}":
                raise self.parse_error(UnexpectedCharError, self._current)
        self.inc()
        return items.InlineTable(Container(True), items.Trivia())

    def _skip_blank(self) -> None:
        self.consume(" \t\n\r")
        while self._current == "#":
            self._parse_comment_trail(parse_trail=False)
            self.consume(" \t\n\r")

    # The tree

    def _node(self, item: items.Item, inner: list[Any], span: Span) -> Node:
        if isinstance(item, items.Array):
            return Array(span, inner)
        if isinstance(item, items.InlineTable):
            table = Table(span, made_by="inline")
            for parts, node in zip(inner[::2], inner[1::2], strict=True):
                self._insert(table, parts, node)
            return table
        return Scalar(span, item.unwrap())

    def _insert(self, table: Table, parts: list[KeyPart], node: Node) -> None:
        for part in parts[:-1]:
            entry = table.entries.setdefault(part.name, Entry(part.span, Table(part.span, made_by="dotted key")))
            if not isinstance(entry.node, Table) or entry.node.made_by != "dotted key":
                return self._twice(part, entry)
            table = entry.node
        last = parts[-1]
        if last.name in table.entries:
            return self._twice(last, table.entries[last.name])
        table.entries[last.name] = Entry(last.span, node)
        return None

    def _open(self, parts: list[KeyPart], span: Span, *, of_tables: bool) -> Table:
        """The table that a header begins; a header that may not stand here begins one outside the tree."""
        table = self.root
        for part in parts[:-1]:
            entry = table.entries.setdefault(part.name, Entry(part.span, Table(span, made_by="implication")))
            node = entry.node.items[-1] if isinstance(entry.node, Array) and entry.node.of_tables else entry.node
            if not isinstance(node, Table) or node.made_by == "inline":
                self._twice(part, entry)
                return Table(span)
            table = node
        if of_tables:
            return self._open_element(table, parts[-1], span)
        return self._open_table(table, parts[-1], span)

    def _open_table(self, table: Table, part: KeyPart, span: Span) -> Table:
        entry = table.entries.setdefault(part.name, Entry(part.span, Table(span, made_by="implication")))
        if not isinstance(entry.node, Table) or entry.node.made_by != "implication":
            self._twice(part, entry)
            return Table(span)
        entry.node.made_by, entry.node.span = "header", span
        return entry.node

    def _open_element(self, table: Table, part: KeyPart, span: Span) -> Table:
        entry = table.entries.setdefault(part.name, Entry(part.span, Array(span, of_tables=True)))
        element = Table(span)
        if not isinstance(entry.node, Array) or not entry.node.of_tables:
            self._twice(part, entry)
            return element
        entry.node.items.append(element)
        return element

    def _twice(self, part: KeyPart, first: Entry) -> None:
        self.problems.append(problem_at(part.span, f"{part.name!r} is there twice; the first one is at {first.key}"))

    def _trimmed(self, start: int) -> Span:
        stretch = self.source.text[start : self._idx]
        return Span(self.source, start + len(stretch) - len(stretch.lstrip(" \t")), start + len(stretch.rstrip(" \t")))


def _sentence(error: Exception, *, found: str) -> str:
    if isinstance(error, RecursionError):
        return "this is nested too deeply"
    if isinstance(error, UnexpectedEofError | UnexpectedCharError | EmptyKeyError) and found in ("", "\r", "\n"):
        return "the line ends too early" if found else "the file ends too early"
    if isinstance(error, InvalidControlChar) and found in ("\r", "\n"):
        return "the line ends before the string does"
    if isinstance(error, EmptyKeyError) and found.isalnum():
        return f"{found!r} stands in quotes where a key has it"
    message = str(error).partition(" at line ")[0]
    return message[:1].lower() + message[1:]
