from __future__ import annotations

import importlib
import json
import pkgutil
import types
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.events import heartbeat, schema, supervisor
from honeystack.events.catalogue import EventKind, kinds_in, undeclared
from honeystack.events.encode_ecs import ecs_path, encode_ecs
from honeystack.events.encode_honeytrap import encode_honeytrap
from honeystack.events.encode_text import json_line
from honeystack.events.event import Event, Payload
from honeystack.events.schema import FORMATS, all_modules, event_schema, merged, schema_of
from honeystack.events.sensor import Sensor
from tests.events.samples import IDENTITY, KIND, SENSOR, event

ENCODERS: dict[str, Callable[[Event, Sensor], dict[str, object]]] = {
    "honeytrap": encode_honeytrap,
    "ecs": encode_ecs,
}
KINDS = merged(kinds_in(all_modules()))
VALUES: dict[str, st.SearchStrategy[object]] = {
    "int": st.integers(0, 2**40),
    "float": st.floats(),
    "bool": st.booleans(),
    "list": st.lists(st.text(max_size=5), max_size=3),
    "hex": st.binary(max_size=10),
}
payloads = st.builds(lambda data, more: Payload(data, len(data) + more), st.binary(max_size=20), st.integers(0, 2))


@pytest.fixture(scope="module")
def validators() -> dict[str, jsonschema.Draft202012Validator]:
    return {name: jsonschema.Draft202012Validator(event_schema(name)) for name in FORMATS}


def value_for(key: str, text: str) -> st.SearchStrategy[object]:
    return payloads if key == "payload" else VALUES.get(text.partition(":")[0], st.text(max_size=20))


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any event that its kind admits, with any of its keys absent."""
    kind = draw(st.sampled_from(KINDS))
    fields: dict[str, object] = {}
    for key, text in kind.fields.items():
        if draw(st.booleans()):
            member = draw(st.text(min_size=1, max_size=8)) if key.endswith("*") else ""
            fields[key.removesuffix("*") + member] = draw(value_for(key, text))
    identity = draw(st.sampled_from([None, IDENTITY, IDENTITY._replace(source_port=None, community_id=None)]))
    return event(fields, kind=kind, identity=identity, service=draw(st.sampled_from([None, "http01"])))


@given(events())
def test_every_event_is_as_the_schemas_say(validators: dict[str, jsonschema.Draft202012Validator], made: Event) -> None:
    assert undeclared(made) == []
    for name, encode in ENCODERS.items():
        validators[name].validate(json.loads(json_line(encode(made, SENSOR))))


@pytest.mark.parametrize("name", FORMATS)
def test_the_schemas_are_schemas_with_a_version(name: str) -> None:
    made = event_schema(name)
    jsonschema.Draft202012Validator.check_schema(made)
    assert made["$id"] == f"urn:honeystack:event:{name}:1"
    assert json.loads(json.dumps(made)) == made
    assert len(made["oneOf"]) == len(made["$defs"]) == len(KINDS)


def test_what_the_contract_names_is_there() -> None:
    known = set(event_schema("honeytrap")["$defs"])
    assert {"heartbeat.info", "sensor.drop", "tcp.connect", "tcp.close", "portscan.portscan"} <= known


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"unknown": 1}, "honeytrap"),
        ({"category": "other"}, "honeytrap"),
        ({"source-port": 70_000}, "honeytrap"),
        ({"date": "yesterday"}, "honeytrap"),
        ({"payload-hex": "0"}, "honeytrap"),
        ({"tcp.rtt-ms": "1"}, "honeytrap"),
        ({"@timestamp": "yesterday"}, "ecs"),
        ({"source": {"port": -1}}, "ecs"),
        ({"honeystack": {"unknown": 1}}, "ecs"),
    ],
)
def test_what_is_wrong_does_not_pass(change: dict[str, Any], wrong: str) -> None:
    validator = jsonschema.Draft202012Validator(schema_of([KIND], wrong))
    good = ENCODERS[wrong](event({"http.method": "GET", "payload": Payload(b"a", 1)}), SENSOR)
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, **change})


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ValueError, match="unknown format 'xml'; known: honeytrap, ecs"):
        event_schema("xml")


def test_kinds_of_one_name_are_one_with_all_their_keys() -> None:
    one, other = EventKind("a", "b", "One.", {"x": "x"}, "warning"), EventKind("a", "b", "Two.", {"y": "y"})
    (found,) = merged([one, other])
    assert (found.text, set(found.fields), found.severity) == ("One. Two.", {"x", "y"}, "warning")
    assert merged([one, EventKind("a", "b", "One.")])[0].text == "One."


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.category}/{kind.type}")
def test_in_ecs_no_key_is_the_beginning_of_another(kind: EventKind) -> None:
    leaves = {ecs_path(kind, key): key for key in kind.fields if not key.endswith(".*")}
    for path, key in leaves.items():
        longer = [other for begin, other in leaves.items() if len(begin) > len(path) and begin[: len(path)] == path]
        assert not longer, f"{key} and {longer} cannot both stand in one document"


def test_modules_whose_optional_package_is_missing_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(path: object, prefix: str) -> Iterator[pkgutil.ModuleInfo]:
        for name in ("events.heartbeat", "services.needs_more", "testing", "cli.main", "__main__", "events.supervisor"):
            yield pkgutil.ModuleInfo(None, prefix + name, False)  # type: ignore[arg-type]

    def load(name: str) -> types.ModuleType:
        if name == "honeystack.services.needs_more":
            raise ModuleNotFoundError("no", name="rarely_there")
        return {"honeystack.events.heartbeat": heartbeat, "honeystack.events.supervisor": supervisor}[name]

    monkeypatch.setattr(schema.pkgutil, "walk_packages", walk)
    monkeypatch.setattr(schema.importlib, "import_module", load)
    assert all_modules() == [heartbeat, supervisor]


def test_a_module_of_ours_that_is_missing_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> types.ModuleType:
        raise ModuleNotFoundError("no", name="honeystack.gone")

    assert schema.importlib is importlib
    monkeypatch.setattr(schema.importlib, "import_module", load)
    with pytest.raises(ModuleNotFoundError):
        all_modules()
