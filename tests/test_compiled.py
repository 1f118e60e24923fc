"""The same sources, compiled or not: which of both is taken."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import honeystack
from honeystack.compiled import SourceFinder, is_compiled, prefer_source

ROOT = Path(honeystack.__file__).parent


@pytest.fixture
def finders(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = [finder for finder in sys.meta_path if not isinstance(finder, SourceFinder)]
    monkeypatch.setattr(sys, "meta_path", found)
    return found


def test_an_extension_beside_a_source_is_what_python_takes_and_the_source_on_demand(
    finders: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("honeystack.compiled.MARK", tmp_path / "stack")
    (tmp_path / "stack.py").write_text("")
    assert not is_compiled()
    (tmp_path / f"stack{EXTENSION_SUFFIXES[0]}").write_bytes(b"")
    assert is_compiled()
    prefer_source()
    assert not is_compiled()
    prefer_source()
    assert len([finder for finder in finders if isinstance(finder, SourceFinder)]) == 1


def test_other_packages_are_none_of_its_business() -> None:
    finder = SourceFinder()
    assert finder.find_spec("json.decoder", [str(ROOT)]) is None
    assert finder.find_spec("honeystack", None) is None
    assert finder.find_spec("honeystack.nothing", [str(ROOT)]) is None


def test_a_package_is_found_as_a_package() -> None:
    spec = SourceFinder().find_spec("honeystack.net", [str(ROOT)])
    assert spec is not None
    assert spec.submodule_search_locations == [str(ROOT / "net")]


@pytest.mark.parametrize("pure", ["", "1"])
def test_the_environment_decides_before_anything_is_imported(pure: str) -> None:
    code = "from honeystack.net import stack; print(stack.__file__.endswith('.py'))"
    environment = {**os.environ, "HONEYSTACK_PURE": pure, "PYTHONPATH": str(ROOT.parent)}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    compiled_here = any((ROOT / "net").glob("stack.*.so"))
    assert told.stdout.strip() == str(bool(pure) or not compiled_here)


def test_the_suite_runs_over_what_it_was_asked_to_run_over() -> None:
    assert is_compiled() == (os.environ.get("HONEYSTACK_EXPECT") == "compiled")


def test_what_is_compiled_holds_no_coroutines_and_no_attrs() -> None:
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    hook = project["targets"]["wheel"]["hooks"]["custom"]
    assert not hook["enable-by-default"]
    taken = {path for glob in hook["compile"] for path in ROOT.parent.glob(glob)}
    left = {ROOT.parent / name for name in hook["leave"]}
    assert ROOT / "net" / "stack.py" in taken
    assert left <= taken
    assert not [path for path in taken - left if "attrs" in path.read_text() or "async def" in path.read_text()]
