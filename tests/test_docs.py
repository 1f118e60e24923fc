"""The generated pages are fresh, the schemas are schemas, links lead somewhere, and the words are those of the tree."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from docs.__main__ import describe, documents
from honeystack.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*.md"))]
GENERATED = documents()


@pytest.mark.parametrize("path", GENERATED)
def test_what_is_committed_is_what_make_docs_writes(path: str) -> None:
    assert (ROOT / "docs" / path).read_text() == GENERATED[path], "run `make docs`"


@pytest.mark.parametrize("path", [path for path in GENERATED if path.endswith(".json")])
def test_a_schema_names_its_dialect(path: str) -> None:
    assert json.loads(GENERATED[path])["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_first_page_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"honeystack {name}" not in readme] == []


def test_the_architecture_page_names_every_package_and_loose_module() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    package = ROOT / "honeystack"
    names = {path.parent.name for path in package.glob("*/__init__.py")}
    names |= {path.stem for path in package.glob("*.py")} - {"__init__"}
    assert {name for name in names if name not in page} == set()


def test_a_type_before_a_text_is_said_in_words() -> None:
    assert describe("int: how many") == "how many (integer)"
    assert describe("the page: a text") == "the page: a text"
    assert describe("a | b") == "a \\| b"
