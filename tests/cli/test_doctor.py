"""`doctor` as people and programs read it, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from honeystack.cli import doctor
from honeystack.doctor.findings import Finding, fault, fine, warning

Invoke = Callable[..., Result]
ALL = [fine("one", "is well"), warning("another", "could be better", "mend it"), fault("third", "is broken", "mend -f")]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    findings = list(ALL)
    monkeypatch.setattr(doctor, "examine", lambda machine, config: iter(findings))
    return findings


def test_each_finding_is_a_line_and_its_remedy_another(invoke: Invoke, config: Path, found: list[Finding]) -> None:
    result = invoke("doctor")
    assert result.stdout.splitlines() == [
        "✓ one      is well",
        "! another  could be better",
        "           → mend it",
        "✗ third    is broken",
        "           → mend -f",
        "",
        "1 fault, 1 warning",
    ]
    assert result.exit_code == 1


def test_warnings_are_no_faults(invoke: Invoke, config: Path, found: list[Finding]) -> None:
    found[2:] = [warning("third", "x")]
    result = invoke("doctor", "-c", config)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "no faults, 2 warnings"


def test_programs_read_json(invoke: Invoke, config: Path, found: list[Finding]) -> None:
    result = invoke("doctor", "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[2] == {
        "subject": "third",
        "status": "fault",
        "message": "is broken",
        "remedy": "mend -f",
    }


def test_a_terminal_has_colour(
    invoke: Invoke, config: Path, found: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "wants_colour", lambda stream: True)
    text = doctor._text(found, colour=True)
    assert "\x1b[31m✗\x1b[0m third" in text
    assert "\x1b[32m✓\x1b[0m one" in text


def test_without_a_configuration_it_says_where_one_would_be(invoke: Invoke) -> None:
    result = invoke("doctor")
    assert result.exit_code == 2
    assert "there is neither config.toml nor" in result.stderr


def test_this_machine_is_looked_at_and_nothing_is_made(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    result = invoke("doctor", "-c", config, "--data", tmp_path / "data", "--format", "json")
    subjects = [finding["subject"] for finding in json.loads(result.stdout)]
    assert subjects[:3] == ["capabilities", "listeners", "data directory"]
    assert sorted(tmp_path.iterdir()) == [config]
