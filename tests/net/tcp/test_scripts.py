"""Every segment script, for each version of IP; a script's name is the behaviour that it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from honeystack.testing.script import run_script, script_versions

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.pkt"))
RUNS = [(path, version) for path in SCRIPTS for version in script_versions(path.read_text(), name=path.name)]


@pytest.mark.parametrize(("path", "version"), RUNS, ids=[f"{path.stem}-IPv{version}" for path, version in RUNS])
def test_the_stack_keeps_to_the_script(path: Path, version: int) -> None:
    run_script(path.read_text(), version=version, name=path.name)


def test_each_script_says_what_it_is_about() -> None:
    silent = [path.name for path in SCRIPTS if not path.read_text().startswith("# ")]
    assert not silent
