from __future__ import annotations

from pathlib import Path

import pytest

from honeystack import registry
from honeystack.config import plugins
from honeystack.config.errors import Source
from honeystack.config.plugins import load_plugin_file, read_plugin
from honeystack.config.positions import parse_toml
from honeystack.config.structure import INVALID, Reading
from honeystack.errors import ConfigError, Unavailable


def read(kind: registry.Kind, text: str, folder: Path) -> tuple[object, Reading]:
    root, _ = parse_toml(Source("a.toml", text))
    reading = Reading(folder)
    return read_plugin(kind, root, reading, where="[x]", resolve={}), reading


def test_a_python_file_is_a_plugin(folder: Path) -> None:
    value, reading = read("services", 'type = "./tcp.py"\nsize = 3', folder)
    assert not reading.problems
    assert value.size == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("size = 1", "1:1", "[x] needs a type"),
        ("type = 1", "1:8", "'type' must be a string in quotes"),
        ('type = "ecko"', "1:8", "there is no service type 'ecko'"),
        ('type = "./none.py"', "1:8", "there is no Python file"),
        ('type = "./ear.py"', "1:8", "must hold one class marked @service(…); it holds 0"),
        ('type = "./tcp.py"\nsize = "1"', "2:8", "'size' must be a whole number"),
        ('type = "./broken.py"', "1:8", "broken.py does not import: line 2: ZeroDivisionError: division by zero"),
        ('type = "./syntax.py"', "1:8", "syntax.py does not import: line 1: SyntaxError"),
        ('type = "./missing.py"', "1:8", "missing.py does not import: line 1: ModuleNotFoundError"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(folder: Path, text: str, place: str, message: str) -> None:
    (folder / "broken.py").write_text("x = 0\nx = 1 / x\n")
    (folder / "syntax.py").write_text("def\n")
    (folder / "missing.py").write_text("import no_such_package_at_all\n")
    value, reading = read("services", text, folder)
    assert value is INVALID
    [problem] = reading.problems
    assert f"{problem.line}:{problem.column}" == place
    assert message in problem.message


def test_the_nearest_type_is_offered(folder: Path) -> None:
    assert read("services", 'type = "ecko"', folder)[1].problems[0].suggestion == "did you mean 'echo'?"


def test_a_section_of_a_misspelt_type_is_checked_as_one_of_the_type_that_is_meant(folder: Path) -> None:
    value, reading = read("services", 'type = "HTTP"\nfoo = 1', folder)
    assert value is INVALID
    assert [problem.message for problem in reading.problems] == [
        "there is no service type 'HTTP'",
        "[x] has no setting 'foo'",
    ]
    assert len(read("services", 'type = "gopher"\nfoo = 1', folder)[1].problems) == 1


def test_a_file_with_two_plugins_is_refused(folder: Path) -> None:
    (folder / "two.py").write_text((folder / "tcp.py").read_text() + '@service("again")\nclass Again: ...\n')
    with pytest.raises(ConfigError, match="it holds 2"):
        load_plugin_file("services", folder / "two.py")


def test_a_plugin_that_the_file_only_imports_is_not_its_own(folder: Path) -> None:
    (folder / "again.py").write_text((folder / "tcp.py").read_text() + "from honeystack.services.echo import Echo\n")
    assert registry.plugin_name(load_plugin_file("services", folder / "again.py")) == "tcp"


def test_a_changed_file_is_read_again(folder: Path) -> None:
    assert load_plugin_file("services", folder / "tcp.py")(size=1)
    (folder / "tcp.py").write_text((folder / "tcp.py").read_text().replace("size", "volume"))
    assert load_plugin_file("services", folder / "tcp.py")(volume=1)


def test_an_unchanged_file_gives_the_same_class(folder: Path) -> None:
    assert load_plugin_file("services", folder / "tcp.py") is load_plugin_file("services", folder / "tcp.py")


def test_a_file_that_fails_is_tried_again(folder: Path) -> None:
    (folder / "odd.py").write_text((folder / "tcp.py").read_text() + "\nimport not_yet_there\n")
    with pytest.raises(ConfigError, match="not_yet_there"):
        load_plugin_file("services", folder / "odd.py")
    with pytest.raises(ConfigError, match="not_yet_there"):
        load_plugin_file("services", folder / "odd.py")


def test_nothing_is_left_beside_the_file(folder: Path) -> None:
    before = set(folder.iterdir())
    load_plugin_file("services", folder / "tcp.py")
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("line", "reason"),
    [("@attrs.frozen\n", "not an attrs-decorated class"), ("size: int", "name 'Nowhere' is not defined")],
)
def test_a_plugin_whose_settings_cannot_be_read_is_told(folder: Path, line: str, reason: str) -> None:
    text = (folder / "tcp.py").read_text().replace(line, "" if line.startswith("@") else "size: Nowhere")
    (folder / "odd.py").write_text(text)
    value, reading = read("services", 'type = "./odd.py"', folder)
    assert value is INVALID
    [problem] = reading.problems
    assert reason in problem.message


def test_another_word_for_a_type_is_read_and_noted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "TYPE_ALIASES", {("services", "reflect"): "echo"})
    value, reading = read("services", 'type = "reflect"', folder)
    assert type(value).__name__ == "Echo"
    assert [note.message for note in reading.notes] == [
        "service type 'reflect' is read as 'echo', which is the canonical spelling"
    ]


def test_copy_is_the_old_word_for_proxy() -> None:
    assert plugins.TYPE_ALIASES["services", "copy"] == "proxy"


def test_a_plugin_that_this_machine_cannot_have_is_told_at_its_type(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(kind: str, name: str) -> type:
        raise Unavailable("pip install it")

    monkeypatch.setattr(plugins.registry, "load", missing)
    _, reading = read("services", 'type = "echo"', folder)
    assert [problem.message for problem in reading.problems] == ["pip install it"]


def test_the_callers_check_sees_the_section_and_its_plugin(folder: Path) -> None:
    root, _ = parse_toml(Source("a.toml", 'type = "./tcp.py"'))
    reading = Reading(folder)

    def check(table: object, plugin: type, reading: Reading) -> None:
        assert table is root
        assert registry.plugin_name(plugin) == "tcp"
        reading.wrong(root.span, "not today")

    assert read_plugin("services", root, reading, where="[x]", resolve={}, check=check) is INVALID
