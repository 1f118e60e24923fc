from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.events.encode_honeytrap import COMMON_KEYS, encode_honeytrap
from honeystack.events.encode_text import json_line
from tests.events.samples import SENSOR, event, payload_event


def test_an_event_is_flat_and_complete() -> None:
    assert encode_honeytrap(event({"http.method": "GET", "tcp.rtt-ms": 1.25, "x": None}), SENSOR) == {
        "id": "id-000001",
        "date": "2023-11-14T22:13:20.500000Z",
        "sensor": "honeystack",
        "token": "token-1",
        "category": "http",
        "type": "request",
        "service": "http01",
        "protocol": "tcp",
        "connection-id": "connection-1",
        "source-ip": "1.2.3.4",
        "source-port": 1122,
        "source-mac": "02:00:00:00:00:02",
        "destination-ip": "5.6.7.8",
        "destination-port": 80,
        "destination-mac": "02:00:00:00:00:01",
        "community-id": "1:wCb3OG7yAFWelaUydu0D+125CLM=",
        "http.method": "GET",
        "tcp.rtt-ms": 1.25,
    }


def test_an_event_of_nobody_has_no_identity() -> None:
    document = encode_honeytrap(event(identity=None, service=None), SENSOR)
    assert set(document) == {"id", "date", "sensor", "token", "category", "type"}


@given(st.binary(max_size=500))
def test_any_payload_comes_back_from_its_hex(data: bytes) -> None:
    line = json_line(encode_honeytrap(payload_event(data), SENSOR))
    assert line[:-1].decode().isprintable()
    document = json.loads(line)
    assert bytes.fromhex(document["payload-hex"]) == data
    assert document["payload-length"] == len(data)
    assert "payload-truncated" not in document


def test_a_cut_payload_says_so_and_keeps_its_length() -> None:
    document = encode_honeytrap(payload_event(b"abc", 1000), SENSOR)
    assert document["payload"] == "abc"
    assert document["payload-length"] == 1000
    assert document["payload-truncated"] is True


@pytest.mark.parametrize("key", sorted(COMMON_KEYS))
def test_no_field_displaces_what_the_recorder_stamped(key: str) -> None:
    honest = encode_honeytrap(event(), SENSOR)
    assert encode_honeytrap(event({key: "forged"}), SENSOR) == honest
    assert key not in encode_honeytrap(event({key: "forged"}, identity=None, service=None), SENSOR) or key in (
        *("id", "date", "sensor", "token", "category", "type"),
    )


@given(st.dictionaries(st.text(), st.text() | st.binary() | st.integers() | st.lists(st.text()), max_size=8))
def test_whatever_a_peer_says_is_one_line_without_control_characters(fields: dict[str, object]) -> None:
    document = encode_honeytrap(event(fields), SENSOR)
    line = json_line(document)
    assert line[:-1].decode().isprintable()
    assert json.loads(line)["source-ip"] == "1.2.3.4"
