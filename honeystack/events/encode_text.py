r"""Text and JSON that are safe to show: no control character of a peer's ever reaches a terminal or breaks a line.

A string that is wholly printable stays as it is. In any other, what is not printable is backslash-escaped as Python
and most languages write it: \n, \r, \t, \x1b, \u202e. A payload's text also doubles the backslash, so that the
bytes can be told from it; its exact bytes stand in `payload-hex` anyway.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def printable(text: str) -> str:
    """`text` with what is not printable escaped, backslashes untouched."""
    if text.isprintable():
        return text
    return "\\".join(_escaped(part) for part in text.split("\\"))


def payload_text(data: bytes) -> str:
    """Bytes as text: printable ASCII and UTF-8 stand for themselves, all else is backslash-escaped."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        # repr is the one escaper of bytes that runs in C; it escapes a quote only where there are both kinds
        return "'".join(repr(part)[2:-1] for part in data.split(b"'"))
    if text.isprintable() and "\\" not in text:
        return text
    return _escaped(text)


def plain(value: object) -> object:
    """A value of an event as JSON may hold it: strings printable, bytes as hex, numbers finite."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return value.hex()
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {printable(str(key)): plain(item) for key, item in value.items()}
    return printable(str(value))


def json_line(document: dict[str, object]) -> bytes:
    """One encoded event as one line of UTF-8 with its newline."""
    return _ENCODER.encode(document).encode() + b"\n"


def date_text(date: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC with microseconds."""
    return datetime.fromtimestamp(date, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _escaped(text: str) -> str:
    return "'".join(repr(part)[1:-1] for part in text.split("'"))
