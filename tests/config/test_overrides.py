from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.config.errors import Source
from honeystack.config.overrides import apply_overrides
from honeystack.config.positions import Table, parse_toml, plain
from honeystack.config.structure import Reading

FILE = '[listener]\ntype = "netstack"\n[[port]]\nport = "tcp/80"\nservices = ["a", "b"]\n'


def apply(*overrides: str) -> tuple[Table, list[str]]:
    root, _ = parse_toml(Source("a.toml", FILE))
    reading = Reading()
    apply_overrides(root, overrides, reading)
    return root, [f"{problem.file}:{problem.line}:{problem.column}: {problem.message}" for problem in reading.problems]


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("listener.type=socket", "listener.type", "socket"),
        ('listener.type="socket"', "listener.type", "socket"),
        ("listener.sniffer=true", "listener.sniffer", True),
        ("listener.limits.half_open = 5", "listener.limits.half_open", 5),
        ('listener.exclude_ports=["tcp/22"]', "listener.exclude_ports", ["tcp/22"]),
        ("listener.interface=", "listener.interface", ""),
        ("listener.banner=a=b", "listener.banner", "a=b"),
        ("listener.address=10.0.0.1", "listener.address", "10.0.0.1"),
        ("capture={pause=2}", "capture", {"pause": 2}),
        ("port.0.port=tcp/81", "port.0.port", "tcp/81"),
        ("port.0.services.1=c", "port.0.services.1", "c"),
        ("channel.console.type=console", "channel.console.type", "console"),
        ('service."a.b".type=echo', "service.a%b.type", "echo"),
    ],
)
def test_a_value_is_laid_over_the_file(override: str, path: str, value: object) -> None:
    root, problems = apply(override)
    assert not problems
    found = plain(root)
    for part in path.split("."):
        found = found[int(part)] if part.isdecimal() else found[part.replace("%", ".")]
    assert found == value


def test_the_last_one_wins() -> None:
    assert plain(apply("listener.type=a", "listener.type=b")[0])["listener"]["type"] == "b"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("", "--set:1:1: this sets nothing"),
        ("listener", "--set:1:1: this sets nothing"),
        ("=1", "--set:1:1: this sets nothing"),
        ("[listener]", "--set:1:1: this sets nothing"),
        ("a=1\nb=2", None),
        ("port.1.port=tcp/81", "--set:1:6: there is no '1' here to set anything in"),
        ("port.x=1", "--set:1:6: there is no 'x' here to set"),
        ("port.9=1", "--set:1:6: there is no '9' here to set"),
        ("listener.type.x=1", "--set:1:15: there is no 'x' here to set"),
        ("listener.type.x.y=1", "--set:1:15: there is no 'x' here to set anything in"),
    ],
)
def test_what_cannot_be_set_is_told_with_the_option(override: str, told: str | None) -> None:
    _, problems = apply(override)
    assert problems == ([told] if told else [])


def test_a_string_as_it_stands_has_its_place_in_the_option() -> None:
    root, _ = apply("listener.type= socket")
    listener = root.entries["listener"].node
    assert isinstance(listener, Table)
    entry = listener.entries["type"]
    assert (str(entry.key), entry.key.text) == ("--set:1:10", "type")
    assert (str(entry.node.span), entry.node.span.text.strip()) == ("--set:1:15", "socket")


@given(override=st.text(max_size=40) | st.text("abport.01[]{}=\"' \n", max_size=30))
def test_any_text_is_laid_over_or_refused(override: str) -> None:
    apply(override)
