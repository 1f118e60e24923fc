from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.events.encode_text import date_text, json_line, payload_text, plain, printable

any_text = st.text(st.characters(exclude_categories=()))  # surrogates too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("grün 漢字 🙂", "grün 漢字 🙂"),
        ("..\\windows", "..\\windows"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\\b\n", "a\\b\\n"),
        ('it\'s "so"\t', 'it\'s "so"\\t'),
        ("\u202eevil", "\\u202eevil"),
        ("\udcff", "\\udcff"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(any_text)
def test_what_is_printable_is_printable_and_stays_so(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"GET / HTTP/1.1\r\n", "GET / HTTP/1.1\\r\\n"),
        (b"a\\b", "a\\\\b"),
        (b"\x16\x03\x01\xff", "\\x16\\x03\\x01\\xff"),
        (b'it\'s "so"\xff\\', 'it\'s "so"\\xff\\\\'),
        ("grün".encode(), "grün"),
        ("\u202e".encode(), "\\u202e"),
        (b"", ""),
    ],
)
def test_a_payload_is_shown_with_escapes_for_what_is_no_text(data: bytes, shown: str) -> None:
    assert payload_text(data) == shown


@given(st.binary(max_size=300))
def test_a_payload_text_is_printable_and_tells_the_bytes(data: bytes) -> None:
    shown = payload_text(data)
    assert shown.isprintable()
    quoted = "'" + shown.replace("'", "\\'") + "'"
    try:
        data.decode()
    except UnicodeDecodeError:
        assert eval("b" + quoted) == data  # nosec: our own text
    else:
        assert eval(quoted).encode() == data


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (math.inf, None),
        (math.nan, None),
        (None, None),
        (b"\x00\xff", "00ff"),
        (bytearray(b"\x01"), "01"),
        (memoryview(b"\x02"), "02"),
        (["a\n", b"\x01", ("b",)], ["a\\n", "01", ["b"]]),
        ({"k\n": "v\x00"}, {"k\\n": "v\\x00"}),
        (ValueError("x\x1b"), "x\\x1b"),
    ],
)
def test_any_value_becomes_what_json_has(value: object, shown: object) -> None:
    assert plain(value) == shown


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_a_line_is_one_line_of_json_without_control_characters(value: object) -> None:
    line = json_line({"value": plain(value)})
    assert line.endswith(b"\n")
    assert line[:-1].decode().isprintable()
    assert json.loads(line) == {"value": plain(value)}


@pytest.mark.parametrize(
    ("date", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000000Z"),
        (1_700_000_000.123456, "2023-11-14T22:13:20.123456Z"),
        (1_700_000_000.9999999, "2023-11-14T22:13:21.000000Z"),
    ],
)
def test_date_text(date: float, text: str) -> None:
    assert date_text(date) == text
