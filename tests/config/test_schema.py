"""The JSON Schema says what the loader takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from honeystack import registry
from honeystack.config import schema
from honeystack.config.loader import SECTIONS
from honeystack.config.schema import config_schema, type_schema
from honeystack.errors import Unavailable
from honeystack.settings import setting


@attrs.frozen
class Small:
    """A small thing.

    With more to say about it.
    """

    name: str = setting("its name", aliases=("names",), example="x")
    size: int = setting("its size", default=3, unit="bytes")
    must: bool = setting("needed")
    path: Path = setting("where", default=Path("/tmp"))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (bool, {"type": "boolean"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (str, {"type": "string"}),
        (Path | None, {"type": "string"}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (tuple[str, ...], {"type": "array", "items": {"type": "string"}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (str | tuple[str, ...], {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
        (Any, {}),
    ],
)
def test_each_type_has_its_schema(wanted: Any, expected: dict[str, Any]) -> None:
    assert type_schema(wanted) == expected


def test_a_table_of_settings_says_all_that_is_known_of_them() -> None:
    assert type_schema(Small) == {
        "description": "A small thing.",
        "type": "object",
        "properties": {
            "name": {"description": "its name", "type": "string", "examples": ["x"]},
            "names": {
                "description": "the same as 'name'",
                "deprecated": True,
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 1}],
            },
            "size": {"description": "its size (bytes)", "type": "integer", "default": 3},
            "must": {"description": "needed", "type": "boolean"},
            "path": {"description": "where", "type": "string", "default": "/tmp"},
        },
        "additionalProperties": False,
        "required": ["must"],
        "allOf": [{"anyOf": [{"required": ["name"]}, {"required": ["names"]}]}],
    }


def test_the_whole_is_json_and_names_every_section() -> None:
    whole = json.loads(json.dumps(config_schema()))
    assert set(whole["properties"]) == set(SECTIONS)
    assert whole["required"] == ["listener"]
    assert whole["additionalProperties"] is False


@pytest.mark.parametrize("section", ["listener", "service", "channel", "director"])
def test_every_type_of_every_kind_is_there_and_files_too(section: str) -> None:
    kind: Any = f"{section}s"
    found = config_schema()["properties"][section]
    choices = found["anyOf"] if section == "listener" else found["additionalProperties"]["anyOf"]
    assert [choice["properties"]["type"].get("const") for choice in choices] == [*registry.names(kind), None]
    assert choices[-1]["properties"]["type"]["pattern"] == r"\.py$"
    assert all(choice["required"][0] == "type" for choice in choices)


def test_a_director_is_named() -> None:
    services = config_schema()["properties"]["service"]["additionalProperties"]["anyOf"]
    [proxy] = [choice for choice in services if choice["properties"]["type"].get("const") == "proxy"]
    assert proxy["properties"]["director"]["type"] == "string"


def test_a_plugin_that_is_missing_here_is_still_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(kind: str, name: str) -> type:
        raise Unavailable("pip install it")

    monkeypatch.setattr(schema.registry, "load", missing)
    listener = config_schema()["properties"]["listener"]["anyOf"][0]
    assert listener["description"] == "pip install it"
