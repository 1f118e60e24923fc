from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from honeystack.cli.demo import demo
from honeystack.demo import play, seclusion
from honeystack.errors import Unavailable


def refuse(*_: object) -> None:
    raise Unavailable("only root may")


def interrupt() -> int:
    raise KeyboardInterrupt


def test_it_first_enters_namespaces_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[list[str]] = []
    monkeypatch.setattr(seclusion, "enter_seclusion", entered.append)
    monkeypatch.setattr(play, "play", lambda: 0)
    assert CliRunner().invoke(demo).exit_code == 0
    assert entered == [[sys.executable, "-m", "honeystack", "demo", "--secluded"]]


@pytest.mark.parametrize("code", [0, 1])
def test_its_exit_code_is_that_of_the_play(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(play, "play", lambda: code)
    assert CliRunner().invoke(demo, ["--secluded"]).exit_code == code


def test_what_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seclusion, "enter_seclusion", refuse)
    result = CliRunner().invoke(demo)
    assert result.exit_code == 1
    assert result.output.strip() == "honeystack demo: only root may"


def test_an_interrupt_is_said_and_has_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "play", interrupt)
    result = CliRunner().invoke(demo, ["--secluded"])
    assert result.exit_code == 130
    assert "nothing is left" in result.output
