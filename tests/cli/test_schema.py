from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from honeystack.config.schema import config_schema

Invoke = Callable[..., Result]


def test_the_schema_of_the_configuration_is_printed(invoke: Invoke) -> None:
    result = invoke("schema", "config")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads(json.dumps(config_schema()))


@pytest.mark.parametrize("form", ["honeytrap", "ecs"])
def test_the_schema_of_the_events_is_printed_for_each_format(invoke: Invoke, form: str) -> None:
    result = invoke("schema", "event", "--format", form)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["$schema"].startswith("https://json-schema.org/")


def test_there_is_nothing_else(invoke: Invoke) -> None:
    assert invoke("schema", "weather").exit_code == 2
