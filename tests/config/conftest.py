"""Plugins in files, as anyone may write them, so that these tests know no wing of the house."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from honeystack.config.errors import ConfigErrors
from honeystack.config.loader import parse_config

LISTENER = '''
from __future__ import annotations
import attrs
from honeystack.net.limits import Limits
from honeystack.registry import listener
from honeystack.settings import setting

@listener("ear")
@attrs.frozen
class Ear:
    """Hears."""
    interface: str = setting("where", default="lo", aliases=("interfaces",))
    addresses: tuple[str, ...] = setting("which", default=())
    exclude_ports: tuple[str, ...] = setting("not these", default=())
    exclude_addresses: tuple[str, ...] = setting("not these", default=())
    allow_no_exclude: bool = setting("all", default=False, aliases=("allow_no_excludes",))
    limits: Limits = setting("bounds", factory=Limits)
'''
SERVICE = '''
from __future__ import annotations
from typing import Any
import attrs
from honeystack.registry import service
from honeystack.settings import setting

@service("{name}")
@attrs.frozen
class Plugin:
    """Serves."""
    director: Any = setting("through whom", default=None)
    size: int = setting("how much", default=1)
    speaks_tls = {speaks_tls}
    async def handle(self, peer): ...
'''
DATAGRAMS = "    async def handle_datagrams(self, peer): ...\n"
OTHER = '''
import attrs
from honeystack.registry import {kind}
from honeystack.settings import setting

@{kind}("other")
@attrs.frozen
class Plugin:
    """Another."""
    host: str = setting("where", default="x")
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with ear.py, tcp.py, both.py, tls.py, channel.py and director.py."""
    files = {
        "ear": LISTENER,
        "tcp": SERVICE.format(name="tcp", speaks_tls=False),
        "both": SERVICE.format(name="both", speaks_tls=False) + DATAGRAMS,
        "tls": SERVICE.format(name="tls", speaks_tls=True),
        "channel": OTHER.format(kind="channel"),
        "director": OTHER.format(kind="director"),
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


@pytest.fixture
def listening() -> str:
    """The first lines of a good configuration; line 4 is the first that is free."""
    return '[listener]\ntype = "./ear.py"\nallow_no_exclude = true\n'


@pytest.fixture
def refused(folder: Path) -> Callable[..., list[str]]:
    """The problems of a text, each as `line:column: message; suggestion`."""

    def refuse(text: str, **more: object) -> list[str]:
        with pytest.raises(ConfigErrors) as caught:
            parse_config(text, path=folder / "config.toml", **more)  # type: ignore[arg-type]
        return [
            f"{problem.line}:{problem.column}: {problem.message}; {problem.suggestion}".removesuffix("; ")
            for problem in caught.value.problems
        ]

    return refuse


@pytest.fixture
def written(folder: Path) -> Callable[[str], Path]:
    """Writes a config.toml beside the plugins."""

    def write(text: str) -> Path:
        path = folder / "config.toml"
        path.write_text(text)
        return path

    return write
