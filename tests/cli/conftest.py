"""A small configuration that any machine can have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from honeystack.cli.main import main

SOCKET = """\
[listener]
type = "socket"

[service.mirror]
type = "echo"

[[port]]
ports = ["tcp/28017", "udp/28017"]
services = ["mirror"]

[channel.out]
type = "console"

[[filter]]
channel = ["out"]
categories = ["echo", "tcp"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(SOCKET)
    return path


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command line inside an empty directory."""
    monkeypatch.chdir(tmp_path)
    assert isinstance(main, click.Command)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])
