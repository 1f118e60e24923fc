from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from click.testing import Result

from honeystack.cli import check

Invoke = Callable[..., Result]


@pytest.fixture
def bad(tmp_path: Path, config: Path) -> Path:
    path = tmp_path / "bad.toml"
    path.write_text(
        config.read_text().replace('"echo"\n', '"ecko"\n').replace('channel = ["out"]', 'channels = ["uot"]')
    )
    return path


def test_a_good_configuration_is_fine(invoke: Invoke, config: Path) -> None:
    result = invoke("check", "-c", config)
    assert (result.exit_code, result.stdout) == (0, f"{config}: fine\n")


def test_the_configuration_in_the_directory_is_found(invoke: Invoke, config: Path) -> None:
    assert invoke("check").stdout == "config.toml: fine\n"


def test_every_error_and_note_is_shown_for_people(invoke: Invoke, bad: Path) -> None:
    result = invoke("check", "-c", bad)
    assert result.exit_code == 2
    assert result.stdout == (
        f"{bad}:15:1: note: 'channels' is read as 'channel', which is the canonical spelling\n"
        '    channels = ["uot"]\n'
        "    ^^^^^^^^\n"
        f"{bad}:5:8: there is no service type 'ecko'\n"
        '    type = "ecko"\n'
        "           ^^^^^^\n"
        "    did you mean 'echo'?\n"
        f"{bad}:15:13: there is no channel 'uot'\n"
        '    channels = ["uot"]\n'
        "                ^^^^^\n"
        "    did you mean 'out'?\n"
        f"{bad}: 2 errors, 1 note\n"
    )


def test_notes_alone_are_no_failure(invoke: Invoke, config: Path) -> None:
    config.write_text(config.read_text().replace("channel =", "channels ="))
    result = invoke("check", "-c", config)
    assert result.exit_code == 0
    assert result.stdout.endswith(": no errors, 1 note\n")


@pytest.fixture
def warned(tmp_path: Path, config: Path) -> Path:
    """A configuration with a certificate that has expired, and a spelling of the past."""
    issued = trustme.CA().issue_cert("a.example", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "old.pem"))
    with config.open("a") as file:
        file.write('[[port]]\nport = "tcp/28018"\ntls_certificate = "old.pem"\nkey_file = "old.pem"\n')
    return config


def test_warnings_alone_are_no_failure(invoke: Invoke, warned: Path, tmp_path: Path) -> None:
    result = invoke("check", "-c", warned)
    assert result.exit_code == 0
    assert result.stdout.startswith(
        f"{warned}:19:19: warning: {tmp_path / 'old.pem'} expired on 2020-01-01\n"
        '    tls_certificate = "old.pem"\n'
        "                      ^^^^^^^^^\n"
        f"{warned}:20:1: note: "
    )
    assert result.stdout.endswith(f"{warned}: no errors, 1 warning, 1 note\n")


def test_warnings_for_programs_and_code_hosts(invoke: Invoke, warned: Path, tmp_path: Path) -> None:
    result = invoke("check", "-c", warned, "--format", "json")
    assert result.exit_code == 0
    told = [(each["line"], each["column"], each["severity"]) for each in json.loads(result.stdout)]
    assert told == [(19, 19, "warning"), (20, 1, "note")]
    result = invoke("check", "-c", warned, "--format", "github")
    assert result.exit_code == 0
    (line, _) = result.stdout.splitlines()
    expected = f"file={warned},line=19,col=19,endColumn=28::{tmp_path / 'old.pem'} expired on 2020-01-01"
    assert line == f"::warning {expected}"


def test_a_key_of_another_certificate_is_an_error(invoke: Invoke, warned: Path, tmp_path: Path) -> None:
    trustme.CA().issue_cert("b.example").private_key_pem.write_to_path(str(tmp_path / "other.key"))
    warned.write_text(warned.read_text().replace('key_file = "old.pem"', 'tls_key = "other.key"'))
    result = invoke("check", "-c", warned)
    assert result.exit_code == 2
    assert f"{warned}:20:11: {tmp_path / 'other.key'} is not the key of {tmp_path / 'old.pem'}\n" in result.stdout


def test_programs_get_json(invoke: Invoke, bad: Path) -> None:
    result = invoke("check", "-c", bad, "--format", "json")
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert [(each["line"], each["column"], each["severity"]) for each in told] == [
        (5, 8, "error"),
        (15, 13, "error"),
        (15, 1, "note"),
    ]
    assert told[0]["suggestion"] == "did you mean 'echo'?"


def test_a_fine_configuration_is_an_empty_list(invoke: Invoke, config: Path) -> None:
    assert json.loads(invoke("check", "-c", config, "--format", "json").stdout) == []


def test_a_code_host_gets_annotations(invoke: Invoke, bad: Path) -> None:
    lines = invoke("check", "-c", bad, "--format", "github").stdout.splitlines()
    assert lines[0] == (
        f"::error file={bad},line=5,col=8,endColumn=14::there is no service type 'ecko'; did you mean 'echo'?"
    )
    assert lines[2].startswith(f"::notice file={bad},line=15,col=1,")


def test_what_means_something_to_a_code_host_is_escaped(invoke: Invoke, config: Path) -> None:
    result = invoke("check", "-c", config, "--format", "github", "--set", "listener.type=a%b")
    assert "there is no listener type 'a%25b'" in result.stdout
    assert result.exit_code == 2


def test_the_command_line_is_checked_too(invoke: Invoke, config: Path) -> None:
    result = invoke("check", "-c", config, "--set", "sensor.nam=x")
    assert result.exit_code == 2
    assert "--set:1:8: [sensor] has no setting 'nam'" in result.stdout


def test_a_terminal_gets_colour(invoke: Invoke, bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "wants_colour", lambda stream: True)
    assert "\x1b[31m" in check._text(bad, [_problem(bad)], [])


def _problem(path: Path) -> check.Problem:
    return check.Problem(str(path), 1, 1, "x", 1, "bad")
