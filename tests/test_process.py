"""What a process sets for itself is set, and given back."""

from __future__ import annotations

import gc
import logging
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from honeystack.config.model import Config
from honeystack.logs import LogOutput, _Outputs, set_up_logging
from honeystack.process import log_as, raise_descriptor_limit, rare_collections


def test_collections_are_rare_inside_and_as_before_outside() -> None:
    before = gc.get_threshold()
    with rare_collections():
        assert gc.get_threshold() > before
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_an_error_inside_gives_them_back_too() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), rare_collections():
        raise ZeroDivisionError
    assert gc.get_threshold() == before


def test_all_descriptors_that_may_be_had_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    raise_descriptor_limit()
    assert asked == [(4096, 4096)]


@pytest.fixture
def as_before() -> Iterator[None]:
    yield
    set_up_logging([])
    handler().close()
    logging.getLogger().removeHandler(handler())
    structlog.reset_defaults()


def handler() -> _Outputs:
    [found] = [each for each in logging.getLogger().handlers if isinstance(each, _Outputs)]
    return found


def test_the_log_goes_where_the_configuration_says(tmp_path: Path, as_before: None) -> None:
    log_as(Config(path=None, listener=None, logging=(LogOutput(str(tmp_path / "log"), "debug"),)))
    assert not handler().shown_on_stderr
    log_as(Config(path=None, listener=None))
    assert handler().shown_on_stderr
