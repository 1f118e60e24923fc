"""Reading on behind broken syntax, so that one missing quote does not hide what else is wrong."""

from __future__ import annotations

import re
from typing import Final

from honeystack.config.errors import Problem, Source
from honeystack.config.positions import BrokenSyntax, Table, parse_toml

MOST_BROKEN: Final = 100  # so many are told; whoever has more reads no further
_HEADER: Final = re.compile(r"^[ \t]*\[\[?[ \t]*[A-Za-z_]", re.MULTILINE)
_LETTER: Final = re.compile(r"[^\n]")


def parse_parts(source: Source) -> tuple[Table, list[Problem], bool]:
    """The tree of what parses, what is wrong with the rest, and whether there is no such rest.

    From a line that does not parse on, nothing is read until the next header: what stands between may mean anything.
    """
    text, broken = source.text, list[Problem]()
    while True:
        try:
            root, twice = parse_toml(source, text)
            return root, [*broken, *twice], not broken
        except BrokenSyntax as error:
            broken.append(error.problems[-1])
            if len(broken) == MOST_BROKEN:
                raise
            text = _without_section(text, error.start)


def _without_section(text: str, start: int) -> str:
    """The text with blanks from an item on, as far as the next header behind the item's first line."""
    line_end = text.find("\n", start + len(text[start:]) - len(text[start:].lstrip()))
    header = _HEADER.search(text, line_end + 1) if line_end >= 0 else None
    end = header.start() if header else len(text)
    return text[:start] + _LETTER.sub(" ", text[start:end]) + text[end:]
