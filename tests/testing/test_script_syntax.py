"""Scripts as text: what is read, and how errors name their place."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.testing.script_syntax import (
    ANY_TIME,
    Arrival,
    Call,
    Departure,
    Event,
    IcmpArrival,
    ScriptError,
    When,
    parse_script,
    script_versions,
)


def only_event(text: str, *, version: int = 4) -> Event:
    (event,) = parse_script(text, version=version).events
    return event


@pytest.mark.parametrize(
    ("time", "when"),
    [
        ("0", When(0, 0, relative=False)),
        ("1.5", When(1.5, 1.5, relative=False)),
        ("+.2", When(0.2, 0.2, relative=True)),
        ("+.2~+.3", When(0.2, 0.3, relative=True, exact=False)),
        ("1~2", When(1, 2, relative=False, exact=False)),
        ("*", When(0, ANY_TIME, relative=True, exact=False)),
    ],
)
def test_every_form_of_time_is_read(time: str, when: When) -> None:
    assert only_event(f"{time} nothing").when == when


def test_an_arrival_has_modifiers_and_places() -> None:
    what = only_event("0 < S 0:0(0) win 5 <mss 9> badsum more from multicast to broadcast").what
    assert isinstance(what, Arrival)
    assert what.modifiers == {"badsum", "more"}
    assert (what.source, what.destination) == ("multicast", "broadcast")
    assert what.segment.window == 5


def test_a_departure_may_have_stars() -> None:
    what = only_event("0 > . *:*(0) ack 1").what
    assert isinstance(what, Departure)
    assert what.segment.seq is None


def test_an_icmp_error() -> None:
    assert only_event("0 < icmp too-big mtu 600 seq 1").what == IcmpArrival("too-big", 600, 1)
    assert only_event("0 < icmp time-exceeded").what == IcmpArrival("time-exceeded", 0, 0)


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("accept", Call("accept", ())),
        ("send 10", Call("send", ("10",))),
        ("send 10 takes 5", Call("send", ("10", "takes", "5"))),
        ("receive eof", Call("receive", ("eof",))),
        ("closed timeout", Call("closed", ("timeout",))),
        ("counter paws 1", Call("counter", ("paws", "1"))),
    ],
)
def test_every_user_call_is_read(text: str, call: Call) -> None:
    assert only_event(f"+0 {text}").what == call


def test_comments_and_empty_lines_are_nothing() -> None:
    script = parse_script("# about\n\n0 accept # now\n  \n+1 close")
    assert [event.line for event in script.events] == [3, 5]


def test_settings_are_read() -> None:
    text = "--mtu=1280\n--peer_isn=0xff\n--our_isn=5\n--keep_alive=7200\n--listen=off\n--limit.half_open=3\n"
    text += "--limit.half_open_seconds=2.5\n--persona.sack=off\n--versions=6\n0 accept"
    settings = parse_script(text).settings
    assert (settings.mtu, settings.peer_isn, settings.our_isn, settings.keep_alive) == (1280, 255, 5, 7200)
    assert (settings.listen, settings.limits.half_open, settings.limits.half_open_seconds) == (False, 3, 2.5)
    assert (settings.persona.sack, settings.versions) == (False, (6,))
    assert script_versions(text) == (6,)


@pytest.mark.parametrize(
    ("version", "words"),
    [(4, ["1460", "536", "1448", "64240", "65160"]), (6, ["1440", "1220", "1428", "64800", "64260"])],
)
def test_names_stand_for_what_differs_between_versions(version: int, words: list[str]) -> None:
    names = ("MSS", "DEFAULT_MSS", "FULL", "WIN", "WIN_TS")
    for name, word in zip(names, words, strict=True):
        what = only_event(f"0 > . 0:0(0) win {{{name}}}", version=version).what
        assert isinstance(what, Departure)
        assert str(what.segment.window) == word


@pytest.mark.parametrize(
    ("sum", "result"), [("1+2*3", 7), ("MSS-460", 1000), ("7//2", 3), ("1<<4", 16), ("256>>4", 16)]
)
def test_sums_are_calculated(sum: str, result: int) -> None:
    what = only_event(f"0 > . 0:0(0) win {{{sum}}}").what
    assert isinstance(what, Departure)
    assert what.segment.window == result


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("0 accept\nx", 2, "TIME and what happens"),
        ("soon accept", 1, "no time"),
        ("+3~+2 accept", 1, "ends before it begins"),
        ("0 jump", 1, "no user call"),
        ("0 send many", 1, "send is followed by"),
        ("0 accept now", 1, "followed by nothing"),
        ("0 < S 0:0(1)", 1, "does not hold"),
        ("0 < S 0:0(0) win 5 lost", 1, "'lost' is neither"),
        ("0 < S 0:0(0) win 5 from home", 1, "'from' is neither"),
        ("0 < . *:*(0)", 1, "not [*]"),
        ("0 > . 1:1(0) badsum", 1, "'badsum' is too much"),
        ("0 < icmp gone", 1, "one of host-unreachable"),
        ("0 > . 0:0(0) win {MSS+X}", 1, "cannot be calculated"),
        ("0 > . 0:0(0) win {MSS+}", 1, "invalid syntax"),
        ("0 > . 0:0(0) win {2**99}", 1, "cannot be calculated"),
        ("--mtu", 1, "--name=value"),
        ("0 accept\n--mtu=5", 2, "before the first event"),
        ("--size=5\n0 accept", 1, "there is no setting 'size'"),
        ("--limit.size=5\n0 accept", 1, "size"),
        ("--mtu=wide\n0 accept", 1, "invalid literal"),
    ],
)
def test_an_error_names_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(ScriptError, match=why) as caught:
        parse_script(text, name="some.pkt")
    assert caught.value.line == line
    assert str(caught.value).startswith(f"some.pkt:{line}: ")


@given(st.text(st.characters(min_codepoint=10, max_codepoint=126), max_size=60))
def test_any_text_is_a_script_or_an_error(text: str) -> None:
    with contextlib.suppress(ScriptError):
        parse_script(text)


@given(st.text("0123456789+.<>SFRPacksendlow*{}:()- ~", max_size=40))
def test_nearly_any_event_is_read_or_an_error(text: str) -> None:
    with contextlib.suppress(ScriptError):
        parse_script(f"0 {text}")
