"""What the package offers: each name is there, has a type, and no other name passes for one."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import honeystack


@pytest.mark.parametrize("name", honeystack.__all__)
def test_what_is_public_is_there_and_listed(name: str) -> None:
    assert getattr(honeystack, name)
    assert name in dir(honeystack)


def test_another_name_is_none() -> None:
    with pytest.raises(AttributeError, match=r"module 'honeystack' has no attribute 'open_netstak'"):
        honeystack.open_netstak  # type: ignore[attr-defined]  # noqa: B018


def test_a_type_checker_knows_the_same_names_as_the_program() -> None:
    tree = ast.parse(Path(honeystack.__file__).read_text())
    imported = {alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert {name for name in imported if name} | {"__version__"} == set(honeystack.__all__)


def test_looking_at_the_package_imports_no_stack() -> None:
    script = "import sys, honeystack; dir(honeystack); print('trio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
