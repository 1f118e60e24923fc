"""Events come out of the bytes as they went in, and nothing else comes out."""

from __future__ import annotations

import enum
import ipaddress
import marshal
from pathlib import PurePosixPath
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.events.catalogue import EventKind
from honeystack.events.encode_ecs import encode_ecs
from honeystack.events.encode_honeytrap import encode_honeytrap
from honeystack.events.encode_marshal import pack_events, unpack_events
from honeystack.events.event import Event, Identity, Payload
from honeystack.events.sensor import Sensor

KIND = EventKind("http", "request", "A request.", {"http.*": "its parts"}, "notice")
IDENTITY = Identity("tcp", "c-1", "198.51.100.7", 4000, None, "203.0.113.4", 80, None, "1:x=")

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = scalars | st.lists(scalars, max_size=3) | st.builds(Payload, st.binary(), st.integers(0, 1 << 40))
events = st.builds(
    Event,
    st.text(min_size=1),
    st.floats(0, 1e10),
    st.just(KIND),
    st.dictionaries(st.text(), values, max_size=5),
    st.none() | st.just(IDENTITY),
    st.none() | st.text(),
)


@given(st.lists(events, max_size=4))
def test_whole_events_go_there_and_come_back(sent: list[Event]) -> None:
    got = unpack_events(pack_events(sent))
    assert [(e.id, e.date, e.fields, e.identity, e.service) for e in got] == [
        (e.id, e.date, e.fields, e.identity, e.service) for e in sent
    ]
    assert all((e.category, e.type, e.kind.severity) == ("http", "request", "notice") for e in got)
    assert all(list(there.fields) == list(here.fields) for there, here in zip(got, sent, strict=True))


@given(events)
def test_channels_write_the_same(event: Event) -> None:
    sensor = Sensor("pot", "token")
    [got] = unpack_events(pack_events([event]))
    assert encode_honeytrap(got, sensor) == encode_honeytrap(event, sensor)
    assert encode_ecs(got, sensor) == encode_ecs(event, sensor)


class Colour(enum.IntEnum):
    RED = 1


class Ratio(float):
    """A float of another class."""


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (Colour.RED, 1),
        (Ratio(0.5), 0.5),
        ([bytearray(b"ab"), Colour.RED], [b"ab", 1]),
        (memoryview(b"ab"), b"ab"),
        (frozenset({Colour.RED}), [1]),
        ((Colour.RED, "x"), (1, "x")),
        ([PurePosixPath("/etc")], ["/etc"]),
        ({"a": ipaddress.ip_address("192.0.2.1")}, {"a": "192.0.2.1"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_other_classes_are_told_as_the_nearest(odd: object, told: object) -> None:
    [got] = unpack_events(pack_events([Event("1", 0.0, KIND, {"odd": odd, "payload": Payload(b"x", 1)})]))
    assert got.fields == {"odd": told, "payload": Payload(b"x", 1)}


def test_fields_may_be_any_mapping() -> None:
    [got] = unpack_events(pack_events([Event("1", 0.0, KIND, MappingProxyType({"n": 1}))]))
    assert got.fields == {"n": 1}


def test_an_event_that_was_packed_is_as_it_was() -> None:
    fields = {"payload": Payload(b"abc", 9), "n": 1}
    event = Event("1", 0.0, KIND, fields)
    pack_events([event])
    assert event.fields is fields
    assert fields["payload"] == Payload(b"abc", 9)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no",
        marshal.dumps(3),
        marshal.dumps(["text"]),
        marshal.dumps([(1, 2)]),
        marshal.dumps([("1", 0.0, "c", "t", "info", None, ("tcp",), {}, {"p": 3})]),
        marshal.dumps([("1", 0.0, "c", "t", "info", None, (1,) * 99, {}, {})]),
        marshal.dumps([("1", 0.0, ["c"], "t", "info", None, None, {}, {})]),
        marshal.dumps([("1", 0.0, "c", "t", "info", None, None, {}, "p")]),
    ],
)
def test_anything_else_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        unpack_events(data)


@given(events, st.integers(0, 10_000))
def test_a_piece_of_it_is_malformed(event: Event, cut: int) -> None:
    whole = pack_events([event])
    with pytest.raises(Malformed):
        unpack_events(whole[: cut % len(whole)])
