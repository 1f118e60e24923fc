from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.events.catalogue import EventKind
from honeystack.events.encode_people import WIDTH, encode_people
from honeystack.events.event import Identity, Payload
from tests.events.samples import IDENTITY, KIND, event

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def test_a_line_says_when_what_who_and_the_rest() -> None:
    made = event({"http.method": "GET", "http.url": "/a", "x": b"\x01", "tcp.rtt-ms": 1.5, "y": None})
    assert encode_people(made, colour=False) == (
        "22:13:20.500 http/request       1.2.3.4:1122 → 5.6.7.8:80                    "
        "[http01] GET /a x=01 tcp.rtt-ms=1.5"
    )


def test_colour_adds_nothing_but_colour() -> None:
    made = event({"http.method": "GET"})
    coloured = encode_people(made, colour=True)
    assert coloured != encode_people(made, colour=False)
    assert COLOURS.sub("", coloured) == encode_people(made, colour=False)


@pytest.mark.parametrize("severity", ["debug", "info", "notice", "warning", "error"])
def test_each_severity_has_a_colour(severity: str) -> None:
    kind = EventKind("tcp", "connect", "x", severity=severity)
    assert COLOURS.search(encode_people(event(kind=kind), colour=True))


@pytest.mark.parametrize(
    ("identity", "shown"),
    [
        (IDENTITY._replace(source_ip="2001:db8::1", destination_ip=None), "[2001:db8::1]:1122 → 02:00:00:00:00:01"),
        (IDENTITY._replace(source_port=None, destination_port=None), "1.2.3.4 → 5.6.7.8"),
        (Identity("arp"), "? → ?"),
        (None, ""),
    ],
)
def test_who_it_is(identity: Identity | None, shown: str) -> None:
    line = encode_people(event(identity=identity, service=None), colour=False)
    assert line[32:] == shown


def test_a_payload_is_shown_with_its_length_and_cut() -> None:
    line = encode_people(event({"payload": Payload(b"\x00" + b"a" * 1000, 5000)}), colour=False)
    assert "5000 bytes: \\x00aaa" in line
    assert line.endswith("…")
    assert len(line) == 77 + WIDTH


def test_lists_and_names_are_short_and_what_is_long_is_left_out() -> None:
    made = event(
        {"http.tags": ["a", "b\n"], "ja3.string": "771,4865", "tls.client.hello.payload": "1603"}, service=None
    )
    assert encode_people(made, colour=False).endswith("5.6.7.8:80                    tags=a,b\\n")


@given(
    st.dictionaries(
        st.text() | st.sampled_from(["message", "http.url"]),
        st.text() | st.binary() | st.integers() | st.builds(Payload, st.binary(), st.integers(0, 9)),
    )
)
def test_whatever_a_peer_says_is_one_line_without_control_characters(fields: dict[str, object]) -> None:
    assert encode_people(event(fields, kind=KIND), colour=False).isprintable()
    assert COLOURS.sub("", encode_people(event(fields, kind=KIND), colour=True)).isprintable()
