"""What is wrong with a configuration, and exactly where: file, line, column, caret, and the word that was meant."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from typing import Literal

import attrs

from honeystack.errors import ConfigError

Severity = Literal["error", "warning", "note"]
_PAINTS: dict[Severity, str] = {"error": "\x1b[31m", "warning": "\x1b[33m", "note": "\x1b[36m"}


@attrs.frozen(eq=False)
class Source:
    """A text with a name: the config file, or one `--set` option."""

    name: str
    text: str = attrs.field(repr=False)

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Both counted from one, in characters."""
        line = self.text.count("\n", 0, offset)
        return line + 1, offset - self.text.rfind("\n", 0, offset)

    def line(self, number: int) -> str:
        """The text of a line, counted from one."""
        return self.text.split("\n")[number - 1].rstrip("\r")


@attrs.frozen
class Span:
    """A stretch of a source, as offsets; `end` is the first character behind it."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def __str__(self) -> str:
        line, column = self.source.line_and_column(self.start)
        return f"{self.source.name}:{line}:{column}"


@attrs.frozen
class Problem:
    """One thing to tell the operator about one place; warnings and notes leave the configuration usable."""

    file: str
    line: int
    column: int
    text: str  # the whole line
    length: int  # of what is underlined
    message: str
    suggestion: str = ""
    severity: Severity = "error"

    def render(self, *, colour: bool = False) -> str:
        """`file:line:column: message`, the line, a caret under the place, and the suggestion."""
        kind = "" if self.severity == "error" else f"{self.severity}: "
        head, caret = f"{self.file}:{self.line}:{self.column}: {kind}{self.message}", self._caret()
        if colour:
            head, caret = f"\x1b[1m{head}\x1b[0m", f"{_PAINTS[self.severity]}{caret}\x1b[0m"
        lines = [head, f"    {_printable(self.text)}", f"    {caret}"]
        return "\n".join([*lines, f"    {self.suggestion}"] if self.suggestion else lines)

    def _caret(self) -> str:
        before = self.text[: self.column - 1]
        indent = "".join("\t" if letter == "\t" else " " * _width(letter) for letter in before)
        return indent + "^" * max(1, sum(map(_width, self.text[self.column - 1 :][: self.length])))


def problem_at(span: Span, message: str, suggestion: str = "", *, severity: Severity = "error") -> Problem:
    """A problem about a stretch of a source; the caret stays on the line where the stretch begins."""
    line, column = span.source.line_and_column(span.start)
    text = span.source.line(line)
    length = max(1, min(span.end - span.start, len(text) - column + 1))
    return Problem(span.source.name, line, column, text, length, message, suggestion, severity)


class ConfigErrors(ConfigError):
    """All that is wrong with a configuration, at once, in the order of the file."""

    def __init__(self, problems: Iterable[Problem], notes: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.notes = tuple(notes)
        super().__init__("\n".join(problem.render() for problem in self.problems))


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence that names the word that was probably meant, else all words that are known."""
    words = sorted(known)
    close = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.55)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(words)}" if words else ""


def surely_meant(word: str, known: Iterable[str]) -> str | None:
    """The word that was meant, where there is hardly a doubt: what stands under it can be read as if it were right."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.75)
    return close[0] if close else None


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\t" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _width(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
