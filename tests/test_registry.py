from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint
from typing import Any

import attrs
import pytest

from honeystack import registry
from honeystack.errors import ConfigError, Unavailable


@registry.service("abc")
@attrs.frozen
class Abc:
    """A service."""


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plugins of installed packages, by (kind, name)."""

    def install(**plugins: str) -> None:
        entries = {name: EntryPoint(name, value, "honeystack.services") for name, value in plugins.items()}
        monkeypatch.setattr(registry, "_foreign", lambda kind: entries if kind == "services" else {})

    return install


@pytest.mark.parametrize("kind", registry.KINDS)
def test_naming_plugins_imports_none_and_shows_no_private_module(kind: registry.Kind) -> None:
    before = set(sys.modules)
    names = registry.names(kind)
    assert names == sorted(names)
    assert not any(name.startswith("_") for name in names)
    assert not {module for module in set(sys.modules) - before if module.startswith(f"honeystack.{kind}.")}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in registry.KINDS for name in registry.names(kind)])
def test_every_plugin_bears_the_name_of_its_file(kind: registry.Kind, name: str) -> None:
    plugin = registry.load(kind, name)
    assert registry.plugin_name(plugin) == name
    assert plugin.__doc__


def test_marks_tell_kinds_apart() -> None:
    module = types.ModuleType("m")
    module.__dict__.update(Abc=Abc, again=Abc, other=3)
    assert registry.marked(module, "services") == [Abc]
    assert registry.marked(module, "channels") == []


def test_a_class_does_not_inherit_a_mark() -> None:
    class Derived(Abc):
        pass

    module = types.ModuleType("m")
    module.__dict__["Derived"] = Derived
    assert registry.marked(module, "services") == []


@pytest.mark.parametrize("mark", [registry.channel, registry.listener, registry.director])
def test_each_kind_has_its_decorator(mark: Any) -> None:
    marked = mark("x")(type("Marked", (), {}))
    assert registry.plugin_name(marked) == "x"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown service 'ecko'; did you mean 'echo'"):
        registry.load("services", "ecko")
    with pytest.raises(ConfigError, match=r"known: .*echo"):
        registry.load("services", "zzzzzz")


def test_plugins_of_other_packages_are_found(foreign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("other_package")
    module.__dict__["Abc"] = Abc
    monkeypatch.setitem(sys.modules, "other_package", module)
    foreign(abc="other_package:Abc")
    assert "abc" in registry.names("services")
    assert registry.load("services", "abc") is Abc


def test_a_missing_package_disables_one_plugin_and_says_how_to_mend_it(foreign: Any) -> None:
    foreign(abc="no_such_package_at_all:Abc")
    with pytest.raises(Unavailable, match="pip install no_such_package_at_all"):
        registry.load("services", "abc")


def test_a_missing_module_of_ours_is_a_fault(foreign: Any) -> None:
    foreign(abc="honeystack.no_such_module:Abc")
    with pytest.raises(ModuleNotFoundError):
        registry.load("services", "abc")


def test_a_file_without_its_plugin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.importlib, "import_module", lambda name: types.ModuleType(name))
    monkeypatch.setattr(registry, "names", lambda kind: ["empty"])
    with pytest.raises(ConfigError, match=r"honeystack\.services\.empty declares no service named 'empty'"):
        registry.load("services", "empty")
