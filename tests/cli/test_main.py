"""The door opens quickly, and every error is a sentence and an exit code."""

from __future__ import annotations

import errno
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import honeystack
from honeystack.cli import main as door
from honeystack.cli.main import COMMANDS, main
from honeystack.compiled import is_compiled
from honeystack.errors import ConfigError, StateError, Unavailable

Invoke = Callable[..., Result]
HEAVY = ("trio", "scapy", "cryptography", "structlog", "tomlkit", "honeystack.net", "honeystack.config")


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom honeystack.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *shown, imported = done.stdout.splitlines()
    assert imported == "[]"
    for name, (_, line) in COMMANDS.items():
        assert any(name in text and line in text for text in shown)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_own_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {name}")


def test_the_module_is_the_command_too() -> None:
    done = subprocess.run([sys.executable, "-m", "honeystack", "--version"], capture_output=True, text=True, check=True)
    compiled = " (compiled)" if is_compiled() else ""
    assert done.stdout == f"honeystack, version {honeystack.__version__}{compiled}\n"


def test_an_unknown_command_is_bad_usage(invoke: Invoke) -> None:
    result = invoke("fly")
    assert result.exit_code == 2
    assert "No such command 'fly'" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ConfigError("a:1:1: bad"), 2, "a:1:1: bad\n"),
        (Unavailable("no capability"), 1, "honeystack: no capability\n"),
        (StateError("too late"), 1, "honeystack: too late\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "honeystack: No space left on device\n"),
    ],
)
def test_errors_are_a_sentence_on_stderr_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, text: str
) -> None:
    @click.command("fail")
    def fail() -> None:
        raise error

    monkeypatch.setattr(door.Commands, "get_command", lambda self, ctx, name: fail)
    result = CliRunner().invoke(main, ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", text)


def test_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("fail")
    def fail() -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(door.Commands, "get_command", lambda self, ctx, name: fail)
    assert isinstance(CliRunner().invoke(main, ["fail"]).exception, OSError)


@pytest.mark.parametrize("arguments", [["list", "services"], ["schema", "config"]])
def test_an_output_that_is_full_is_a_sentence(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "honeystack", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "honeystack: No space left on device\n")


def test_numbers_of_closed_streams_are_not_left_to_sockets() -> None:
    script = (
        "import os\nfrom honeystack.cli.main import fill_standard_descriptors\n"
        "kept = os.dup(2)\nfor number in (0, 1, 2): os.close(number)\n"
        "fill_standard_descriptors()\n"
        "os.write(kept, repr([os.readlink(f'/proc/self/fd/{number}') for number in (0, 1, 2)]).encode())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=True)
    assert done.stderr == repr(["/dev/null"] * 3)


@pytest.mark.parametrize("arguments", [["list", "services"], ["check", "-c", "none.toml"]])
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_a_closed_stream_changes_no_exit_code(arguments: list[str], closed: str) -> None:
    command = shlex.join([sys.executable, "-m", "honeystack", *arguments])
    done = subprocess.run(f"{command} {closed}", shell=True, capture_output=True, check=False)
    assert done.returncode == (0 if arguments[0] == "list" else 2)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["check", "plan", "run"])
def test_without_a_configuration_it_is_said_where_one_would_be(invoke: Invoke, name: str, tmp_path: Path) -> None:
    result = invoke(name, "-c", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "none.toml cannot be read: No such file" in result.stderr


def test_help_lists_the_commands_in_the_order_in_which_one_meets_them() -> None:
    shown = CliRunner().invoke(main, ["-h"]).output
    assert [line.split()[0] for line in shown.partition("Commands:\n")[2].splitlines()] == list(COMMANDS)
    assert main.list_commands(click.Context(main)) == list(COMMANDS)
