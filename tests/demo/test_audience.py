from __future__ import annotations

import io
import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.demo.attacks import Expected
from honeystack.demo.audience import Audience, event_in, line_of, losses, printer, totals

CONNECT = {"category": "tcp", "type": "connect", "connection-id": "a", "source-ip": "192.0.2.9", "source-port": 5}
CLOSE = {**CONNECT, "type": "close", "tcp.reason": "fin"}


def lines(*events: object) -> list[bytes]:
    return [json.dumps(event).encode() + b"\n" for event in events]


def watch(output: Iterable[bytes]) -> tuple[Audience, list[str]]:
    shown: list[str] = []
    audience = Audience(output, shown.append)
    audience.ended.join()
    return audience, shown


def test_events_are_kept_and_shown_and_log_lines_are_neither() -> None:
    audience, shown = watch([b"info  starting\n", *lines(CONNECT), b"[1, 2]\n", b"{}\n", *lines(CLOSE)])
    assert audience.events == [CONNECT, CLOSE]
    assert len(shown) == 2
    assert not audience.ready.is_set()


def test_the_word_ready_in_a_log_line_is_the_start() -> None:
    audience, _ = watch([b"notice  ready  interface=eth0\n"])
    assert audience.ready.is_set()


def test_the_word_ready_in_an_event_is_not() -> None:
    audience, _ = watch(lines({**CONNECT, "payload": "ready"}))
    assert not audience.ready.is_set()


def test_what_was_expected_and_came_is_not_missing() -> None:
    audience, _ = watch(lines(CONNECT, CLOSE))
    close, request = Expected("tcp", "close"), Expected("http", "request")
    assert audience.wait_for([close], since=0, within=0) == []
    assert audience.wait_for([close, request], since=0, within=0) == [request]
    assert audience.wait_for([close], since=2, within=0) == [close]


@given(st.binary())
def test_any_line_is_an_event_or_nothing(line: bytes) -> None:
    found = event_in(line)
    assert found is None or "category" in found


def test_a_line_says_who_spoke_to_whom_and_what() -> None:
    line = line_of({**CLOSE, "destination-port": 80, "payload": "x" * 100, "service": None})
    assert line.startswith("tcp/close ")
    assert "192.0.2.9:5 → :80" in line
    assert "tcp.reason=fin" in line
    assert "x…" in line
    assert "service" not in line


@pytest.mark.parametrize(
    ("event", "who"),
    [
        ({"source-ip": "2001:db8::1", "source-port": 7}, "[2001:db8::1]:7"),
        ({"source-ip": "192.0.2.1"}, "192.0.2.1"),
        ({}, "-"),
    ],
)
def test_each_kind_of_source_has_its_form(event: dict[str, object], who: str) -> None:
    assert line_of({"category": "a", "type": "b", **event}).split()[1] == who


def test_fingerprints_are_shown_with_the_hello_only() -> None:
    hello = {"category": "tcp", "type": "tls", "tls.stage": "hello", "ja4": "t13d"}
    assert "ja4=t13d" in line_of(hello)
    assert "ja4" not in line_of({**hello, "tls.stage": "established"})


def test_totals_count_each_kind() -> None:
    assert totals([CONNECT, CLOSE, CONNECT]) == ["     1  tcp/close", "     2  tcp/connect"]


def test_a_connection_without_its_end_and_a_drop_are_losses() -> None:
    assert losses([CONNECT, CLOSE]) == []
    dropped = {"category": "sensor", "type": "drop", "count": 3}
    found = losses([CONNECT, dropped])
    assert len(found) == 2
    assert "no tcp/close" in found[0]
    assert "drop" in found[1]


def test_colour_is_only_where_it_is_wanted() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    printer(plain, colour=False)("word", "good")
    printer(coloured, colour=True)("word", "good")
    assert plain.getvalue() == "word\n"
    assert coloured.getvalue() == "\x1b[32mword\x1b[0m\n"
