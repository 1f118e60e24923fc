"""Reading on behind broken syntax."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.config.errors import ConfigErrors, Source
from honeystack.config.positions import parse_toml, plain
from honeystack.config.recovery import MOST_BROKEN, parse_parts


def read(text: str) -> tuple[object, list[tuple[int, int]], bool]:
    root, problems, whole = parse_parts(Source("a.toml", text))
    return plain(root), [(problem.line, problem.column) for problem in problems], whole


def test_what_parses_is_read_as_ever() -> None:
    assert read("[a]\nx=1\n[[b]]\ny=2\n") == ({"a": {"x": 1}, "b": [{"y": 2}]}, [], True)


@pytest.mark.parametrize(
    ("text", "tree", "places"),
    [
        ('[a]\nx="1\n[b]\ny=2\n', {"a": {}, "b": {"y": 2}}, [(2, 5)]),
        ("[a]\nw=1\nx=\nz=3\n[b]\ny=2\n", {"a": {"w": 1}, "b": {"y": 2}}, [(3, 3)]),
        ("[a\nx=1\n[b]\ny==2\n[c]\nz=3", {"b": {}, "c": {"z": 3}}, [(1, 3), (4, 3)]),
        ("[a]\nx=[1,\n[b]\ny=2\n", {"a": {}, "b": {"y": 2}}, [(3, 2)]),
        ('[a]\nx="""1\n[b]\ny=2\n', {"a": {}, "b": {"y": 2}}, [(4, 4)]),
        ("\r\n\r\n  x = y\r\n[b]\r\ny=2\r\n", {"b": {"y": 2}}, [(3, 7)]),
        ("x=[[1],\n  [2 3],\n [4]]\n[[b]]\ny=2\n", {"b": [{"y": 2}]}, [(2, 6)]),
        ("a=1\na=2\nb=\n", {"a": 1}, [(3, 3), (2, 1)]),
    ],
)
def test_the_next_section_is_read_again(text: str, tree: object, places: list[tuple[int, int]]) -> None:
    assert read(text) == (tree, places, False)


def test_a_broken_last_line_leaves_what_is_before_it() -> None:
    assert read("[a]\nx=1\ny") == ({"a": {"x": 1}}, [(3, 2)], False)


def test_not_more_are_told_than_anyone_reads() -> None:
    with pytest.raises(ConfigErrors):
        read("[a]\nx=\n" * (MOST_BROKEN + 1))


@given(st.text(alphabet='[]{}"=ab1.,# \t\r\n\\é', max_size=80))
def test_any_text_comes_to_an_end_and_is_whole_exactly_if_it_parses(text: str) -> None:
    source = Source("a.toml", text)
    _, problems, whole = parse_parts(source)
    assert bool(problems) or whole
    try:
        parse_toml(source)
    except ConfigErrors:
        assert not whole
    else:
        assert whole


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('[service.a]\ntype="./tcp.py"\nsise=2\n[[port]]\nport="tcp/80\nservices=["a"]\n', [3, 5]),
        ('[service.a\ntype="./tcp.py"\n[[port]]\nport="tcp/80"\nservices=["a"]\nservces=[]\n', [1, 6]),
        ('[[filter]]\nchannel=["console"]\n[channel.console]\ntype=\n', [4]),
        ('[[port]]\nport="tcp/0"\ntls_key="a.key"\ntls_certificate=\n', [4]),
    ],
)
def test_what_may_stand_in_the_broken_part_is_not_missed(
    refused: Callable[..., list[str]], listening: str, text: str, lines: list[int]
) -> None:
    above = listening.count("\n")
    assert [int(problem.split(":")[0]) - above for problem in refused(listening + text)] == lines
