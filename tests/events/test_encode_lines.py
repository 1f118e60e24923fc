from __future__ import annotations

import enum
import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from honeystack.events import encode_lines
from honeystack.events.catalogue import EventKind
from honeystack.events.encode_honeytrap import COMMON_KEYS, encode_honeytrap
from honeystack.events.encode_lines import HoneytrapLines
from honeystack.events.encode_text import json_line
from honeystack.events.event import Event, Identity, Payload
from honeystack.events.sensor import Sensor
from tests.events.samples import IDENTITY, SENSOR, event, payload_event


class Weekday(enum.IntEnum):
    MONDAY = 1


class Name(str):
    __slots__ = ()


KEYS = (
    st.sampled_from(["a", "http.url", "payload", "payload-hex", "x\n", "x\\n", "id", "source-ip", "ä", '"']) | st.text()
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20)
PAYLOADS = st.builds(Payload, st.binary(max_size=60), st.integers(0, 100))
VALUES = (
    SCALARS
    | PAYLOADS
    | st.lists(SCALARS, max_size=3)
    | st.lists(st.text(), max_size=3)
    | st.dictionaries(st.text(), SCALARS, max_size=3)
)
TEXTS = st.none() | st.text()
IDENTITIES = st.none() | st.builds(
    Identity,
    st.text(),
    TEXTS,
    TEXTS,
    st.none() | st.integers(0, 65535),
    TEXTS,
    TEXTS,
    st.none() | st.integers(0, 65535),
)


def the_long_way(made: Event, sensor: Sensor = SENSOR) -> bytes:
    return json_line(encode_honeytrap(made, sensor))


@given(
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.floats(-1e9, 4e9),
    IDENTITIES,
    st.none() | st.text(),
    st.text(),
    st.builds(Sensor, st.text(), st.text()),
)
@example({}, 0.9999999, None, None, "", SENSOR)
@example({}, 1.0000005, None, None, "", SENSOR)
@example({}, 0.0000025, None, None, "", SENSOR)
def test_a_line_is_what_the_long_way_gives(
    fields: dict[str, object], date: float, identity: Identity | None, service: str | None, text: str, sensor: Sensor
) -> None:
    lines = HoneytrapLines(sensor)
    made = Event(text, date, EventKind(text, "type", ""), fields, identity, service)
    assert lines(made) == lines(made) == the_long_way(made, sensor)


@pytest.mark.parametrize(
    "fields",
    [
        {"payload": Payload(b"GET / HTTP/1.0\r\n\r\n", 18)},
        {"payload": Payload(b"\x16\x03\x01 'and' \"both\" \\", 99)},
        {"tcp.rtt-ms": 0.25, "tcp.syn.df": True, "tcp.packets-in": 5, "tcp.syn.options": "mss,sok,ts,nop,ws"},
        {"day": Weekday.MONDAY, "name": Name("x"), "never": float("nan"), "far": float("inf")},
        {"payload": Payload(b"a", 1), "payload-length": 77},
        {"other": Payload(b"a", 1)},
        {"a\n": 1, "a\\n": 2},
        {"evil": '\x1b[2J\u202e"\\\n', "empty": ""},
        dict.fromkeys(COMMON_KEYS, "forged"),
    ],
)
def test_what_sensors_tell_is_the_same_either_way(fields: Mapping[str, object]) -> None:
    made = event(fields)
    assert HoneytrapLines(SENSOR)(made) == the_long_way(made)


@given(st.lists(st.tuples(st.floats(0, 1e9), st.sampled_from(["a", "b", None]), st.integers(0, 3)), max_size=20))
def test_one_encoder_mixes_nothing_up(told: list[tuple[float, str | None, int]]) -> None:
    lines = HoneytrapLines(SENSOR)
    for date, service, port in told:
        identity = IDENTITY._replace(source_port=port)
        made = Event("id", date, EventKind(f"c{port}", "t", ""), {"port": port, "service": "x"}, identity, service)
        assert lines(made) == the_long_way(made)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode_lines, "REMEMBERED", 3)
    lines = HoneytrapLines(SENSOR)
    for number in range(20):
        made = event({f"key{number}": number}, identity=IDENTITY._replace(source_port=number), service=f"s{number}")
        assert lines(made) == the_long_way(made)
        assert max(len(lines._heads), len(lines._identities), len(lines._keys)) <= 3


def test_each_line_is_json_and_printable() -> None:
    line = HoneytrapLines(SENSOR)(payload_event(bytes(range(256))))
    assert line.endswith(b"\n")
    assert line[:-1].decode().isprintable()
    assert bytes.fromhex(json.loads(line)["payload-hex"]) == bytes(range(256))
