from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.events.catalogue import EventKind
from honeystack.events.encode_ecs import DURATION, ECS_NAMES, ecs_path, encode_ecs, own_path
from honeystack.events.encode_text import json_line
from honeystack.events.event import Identity
from tests.events.samples import IDENTITY, KIND, SENSOR, event, payload_event


def test_an_event_bears_the_names_of_ecs() -> None:
    document = encode_ecs(
        event({"http.method": "GET", "tcp.rtt-ms": 1.25, "http.header.x.y": "1\n", "x": None}), SENSOR
    )
    assert document == {
        "@timestamp": "2023-11-14T22:13:20.500000Z",
        "ecs": {"version": "8.11.0"},
        "event": {
            "id": "id-000001",
            "kind": "event",
            "category": ["network", "web"],
            "type": ["connection", "protocol", "access"],
            "action": "request",
            "dataset": "honeystack.http",
            "module": "honeystack",
            "severity": 2,
        },
        "log": {"level": "info"},
        "observer": {"name": "honeystack", "product": "honeystack", "type": "honeypot"},
        "agent": {"id": "token-1", "type": "honeystack"},
        "service": {"name": "http01"},
        "network": {
            "transport": "tcp",
            "type": "ipv4",
            "community_id": "1:wCb3OG7yAFWelaUydu0D+125CLM=",
            "direction": "inbound",
        },
        "source": {"address": "1.2.3.4", "ip": "1.2.3.4", "port": 1122, "mac": "02-00-00-00-00-02"},
        "destination": {"address": "5.6.7.8", "ip": "5.6.7.8", "port": 80, "mac": "02-00-00-00-00-01"},
        "http": {"request": {"method": "GET"}},
        "honeystack": {
            "connection_id": "connection-1",
            "tcp": {"rtt_ms": 1.25},
            "http": {"header": {"x_y": "1\\n"}},
        },
    }


def test_an_event_of_nobody_has_no_ends() -> None:
    document = encode_ecs(event(identity=None, service=None), SENSOR)
    assert not {"source", "destination", "network", "service", "honeystack"} & set(document)


def test_what_a_frame_does_not_know_is_left_out() -> None:
    document = encode_ecs(event(identity=Identity("icmpv6", source_ip="2001:db8::1")), SENSOR)
    assert document["network"] == {"transport": "ipv6-icmp", "type": "ipv6", "direction": "inbound"}
    assert document["destination"] == {}
    assert "honeystack" not in document
    assert "type" not in encode_ecs(event(identity=Identity("arp")), SENSOR)["network"]  # type: ignore[operator]


def test_an_event_about_ourselves_is_of_the_host() -> None:
    beat = EventKind("heartbeat", "info", "x")
    document = encode_ecs(event(kind=beat, identity=None), SENSOR)
    assert document["event"]["kind"] == "metric"  # type: ignore[index]
    assert document["event"]["category"] == ["host"]  # type: ignore[index]


def test_the_duration_is_in_nanoseconds() -> None:
    close = EventKind("tcp", "close", "x", {DURATION: "int: ms"}, "strange")
    document = encode_ecs(event({DURATION: 1.5}, kind=close), SENSOR)
    assert document["event"]["duration"] == 1_500_000  # type: ignore[index]
    assert document["event"]["severity"] == 2  # type: ignore[index]


@given(st.binary(max_size=500))
def test_any_payload_comes_back_from_its_hex(data: bytes) -> None:
    line = json_line(encode_ecs(payload_event(data), SENSOR))
    assert line[:-1].decode().isprintable()
    payload = json.loads(line)["honeystack"]["payload"]
    assert bytes.fromhex(payload["hex"]) == data
    assert payload["length"] == len(data)
    assert "truncated" not in payload


def test_a_cut_payload_says_so() -> None:
    document = encode_ecs(payload_event(b"abc", 1000), SENSOR)
    assert document["honeystack"]["payload"] == {  # type: ignore[index]
        "text": "abc",
        "hex": "616263",
        "length": 1000,
        "truncated": True,
    }


@pytest.mark.parametrize("order", [("x", "x.y"), ("x.y", "x")])
def test_a_key_that_begins_another_gives_way(order: tuple[str, str]) -> None:
    kind = EventKind("a", "b", "c", {"x": "one", "x.y": "two"})
    document = encode_ecs(event(dict.fromkeys(order, "v"), kind=kind), SENSOR)
    assert document["honeystack"]["x"] == {"value": "v", "y": "v"}  # type: ignore[index]


def test_a_declared_member_of_a_family_is_no_longer_of_it() -> None:
    kind = EventKind("a", "b", "c", {"f.*": "family", "f.known-one": "own"})
    assert own_path(kind, "f.known-one") == ("honeystack", "f", "known_one")
    assert own_path(kind, "f.other-one.x") == ("honeystack", "f", "other-one_x")
    assert ecs_path(KIND, "tls.sni") == ("tls", "client", "server_name")


@pytest.mark.parametrize("key", ["connection-id", "connection_id"])
def test_no_field_displaces_the_identity(key: str) -> None:
    document = encode_ecs(event({key: "forged"}), SENSOR)
    assert document["honeystack"]["connection_id"] == "connection-1"  # type: ignore[index]


keys = st.text() | st.sampled_from([*ECS_NAMES, DURATION, "http", "http.header.a", "http.header.", "a.b", "a"])
values = st.text() | st.binary() | st.integers(0, 2**40) | st.floats() | st.lists(st.text(), max_size=3)


@given(st.dictionaries(keys, values, max_size=10))
def test_whatever_a_peer_says_is_one_line_and_leaves_the_identity(fields: dict[str, object]) -> None:
    line = json_line(encode_ecs(event(fields), SENSOR))
    assert line[:-1].decode().isprintable()
    document = json.loads(line)
    assert document["source"]["ip"] == IDENTITY.source_ip
    assert document["event"]["id"] == "id-000001"
