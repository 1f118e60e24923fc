from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from click.testing import Result

from honeystack import registry
from honeystack.cli import list as listing
from honeystack.errors import Unavailable
from honeystack.net.persona import Persona
from honeystack.settings import setting, settings_of

Invoke = Callable[..., Result]


@attrs.frozen
class Thing:
    """A thing.

    More about it.
    """

    name: str = setting("its name", aliases=("called", "named"))
    text: str = setting("its text", default="a\nb")
    on: bool = setting("whether", default=True)
    words: tuple[str, ...] = setting("some", default=("a",))
    none: tuple[str, ...] = setting("more", default=())
    where: Path = setting("a place", default=Path("/tmp"))
    wait: float = setting("how long", default=1.0, unit="seconds")
    persona: Persona = setting("nested", factory=Persona)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_plugin_has_its_line(invoke: Invoke, kind: registry.Kind) -> None:
    result = invoke("list", kind)
    assert result.exit_code == 0
    heads = [line.partition(":")[0] for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert heads == registry.names(kind)


def test_only_the_names(invoke: Invoke) -> None:
    assert invoke("list", "services", "--names").stdout.split() == registry.names("services")


def test_all_that_is_known_of_a_setting_is_on_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing.registry, "load", lambda kind, name: Thing)
    lines = listing._described("services", "thing").splitlines()
    assert lines[:9] == [
        "thing: A thing.",
        "    name = a string in quotes, required: its name (alias: called, named)",
        '    text = a string in quotes, default "a\\nb": its text',
        "    on = true or false, default true: whether",
        '    words = a list, each a string in quotes, default ["a"]: some',
        "    none = a list, each a string in quotes: more",
        '    where = a path in quotes, default "/tmp": a place',
        "    wait = a number, seconds, default 1.0: how long",
        "    persona.ttl = a whole number, default 64: time to live, and hop limit, of what we send",
    ]
    assert len(lines) == 8 + len(settings_of(Persona))


def test_a_plugin_that_is_missing_here_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(kind: str, name: str) -> type:
        raise Unavailable("pip install it")

    monkeypatch.setattr(listing.registry, "load", missing)
    assert listing._described("services", "thing") == "thing: not available here: pip install it"


def test_an_unknown_kind_is_bad_usage(invoke: Invoke) -> None:
    assert invoke("list", "things").exit_code == 2


def test_the_servers_that_tls_can_look_like(invoke: Invoke) -> None:
    lines = invoke("list", "tls-profiles").output.splitlines()
    assert "nginx: nginx 1.22 as its package has it: TLS 1.2" in lines
    assert "    JARM 21d19d00021d21d00021d19d21d21d1a46380b04d662f0848f508dd171125d" in lines
    names = invoke("list", "tls-profiles", "--names").output.split()
    assert {"apache", "haproxy", "nginx", "node"} < set(names)
    assert len(names) * 2 == len(lines)
