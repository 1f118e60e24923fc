"""Positions of keys and values, and the contract with the private methods of tomlkit."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tomlkit.parser import Parser

from honeystack.config.errors import ConfigErrors, Source
from honeystack.config.positions import Array, Entry, Scalar, Table, parse_toml, plain

DOCUMENT = """\
title = "a"   # comment
dotted . key = 1
[listener]
  addresses = [ "10.0.0.1" ,
    '10.0.0.2' ]
inline = { x = 1, y.z = "q" }
[[port]]
port = "tcp/80"
[[port]]
[service."my http"]
when = 1979-05-27 07:32:00Z
"""


def parse(text: str) -> tuple[Table, list[str]]:
    root, problems = parse_toml(Source("a.toml", text))
    return root, [f"{problem.line}:{problem.column}: {problem.message}" for problem in problems]


def places(table: Table) -> dict[str, tuple[str, str]]:
    """Dotted path -> (place of the key, text of the value)."""
    found = {}
    for name, entry in table.entries.items():
        found[name] = (str(entry.key).partition(":")[2], entry.node.span.text)
        if isinstance(entry.node, Table):
            found |= {f"{name}/{inner}": place for inner, place in places(entry.node).items()}
    return found


def test_every_key_and_value_has_its_place() -> None:
    root, problems = parse(DOCUMENT)
    assert not problems
    assert places(root) == {
        "title": ("1:1", '"a"'),
        "dotted": ("2:1", "dotted"),
        "dotted/key": ("2:10", "1"),
        "listener": ("3:2", "[listener]"),
        "listener/addresses": ("4:3", "[ \"10.0.0.1\" ,\n    '10.0.0.2' ]"),
        "listener/inline": ("6:1", '{ x = 1, y.z = "q" }'),
        "listener/inline/x": ("6:12", "1"),
        "listener/inline/y": ("6:19", "y"),
        "listener/inline/y/z": ("6:21", '"q"'),
        "port": ("7:3", "[[port]]"),
        "service": ("10:2", '[service."my http"]'),
        "service/my http": ("10:10", '[service."my http"]'),
        "service/my http/when": ("11:1", "1979-05-27 07:32:00Z"),
    }


def test_elements_of_a_list_have_places_of_their_own() -> None:
    root, _ = parse(DOCUMENT)
    listener = root.entries["listener"].node
    assert isinstance(listener, Table)
    addresses = listener.entries["addresses"].node
    assert isinstance(addresses, Array)
    assert [str(item.span) for item in addresses.items] == ["a.toml:4:17", "a.toml:5:5"]


def test_plain_values_are_those_of_the_standard_library() -> None:
    assert plain(parse(DOCUMENT)[0]) == tomllib.loads(DOCUMENT)


VALID = [
    "",
    "a=1\r\nb=2\r\n",
    "[a.b.c]\nx=1\n[a]\ny=2\n[a.b]\nz=3\n",
    "[[a]]\n[a.b]\nx=1\n[[a.c]]\n[[a.c]]\nd=1\n[[a]]\n[a.b]\nx=2\n",
    "a.b.c=1\na.b.d=2\n[a.e]\nf=1\n",
    "[fruit]\napple.color=1\napple.taste.sweet=true\n[fruit.apple.texture]\nsmooth=true\n",
    "a=[1, [2, {b=3}], # c\n]\n",
    "a={}\nb=[]\nc=[[]]\n",
    "a=\"\"\"\nx\\\n  y\"\"\"\nb='''z'''\n",
    "a=-inf\nb=0x1F\nc=1_000\nd=1e3\n",
    'a="\\u00e9\\n"\n"b c"=1\n\'d\'=2\n',
    "t=07:32:00\nd=1979-05-27\ndt=1979-05-27T00:32:00.999999-07:00\n",
    "3.14=1\n",
    "[a]\n[b]\n[a.c]\n[[b.d]]\n",
    "a = [ ]\n[b] # x\nc = { d.e = 1, d.f = 2 }",
]


@pytest.mark.parametrize("text", VALID)
def test_documents_read_as_the_standard_library_reads_them(text: str) -> None:
    root, problems = parse(text)
    assert not problems
    assert plain(root) == tomllib.loads(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a=1\na=2\n", ["2:1: 'a' is there twice; the first one is at a.toml:1:1"]),
        ("[a]\nx=1\n[a]\ny=2\n", ["3:2: 'a' is there twice; the first one is at a.toml:1:2"]),
        ("[[a]]\n[a]\n", ["2:2: 'a' is there twice; the first one is at a.toml:1:3"]),
        ("[a]\n[[a]]\n", ["2:3: 'a' is there twice; the first one is at a.toml:1:2"]),
        ("a=[]\n[[a]]\n", ["2:3: 'a' is there twice; the first one is at a.toml:1:1"]),
        ("a=1\n[a.b]\n", ["2:2: 'a' is there twice; the first one is at a.toml:1:1"]),
        ("a={}\n[a.b]\n", ["2:2: 'a' is there twice; the first one is at a.toml:1:1"]),
        ("a=1\na.b=2\n", ["2:1: 'a' is there twice; the first one is at a.toml:1:1"]),
        ("[a.b]\n[a]\nb.c=1\n", ["3:1: 'b' is there twice; the first one is at a.toml:1:4"]),
        ("a.b=1\n[a]\n", ["2:2: 'a' is there twice; the first one is at a.toml:1:1"]),
        ("x={a=1,a=2}\n", ["1:8: 'a' is there twice; the first one is at a.toml:1:4"]),
        (
            "a=1\na=2\n[b]\n[b]\n",
            [
                "2:1: 'a' is there twice; the first one is at a.toml:1:1",
                "4:2: 'b' is there twice; the first one is at a.toml:3:2",
            ],
        ),
    ],
)
def test_what_is_there_twice_is_told_with_both_places(text: str, told: list[str]) -> None:
    assert parse(text)[1] == told
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = ", "1:4: the file ends too early"),
        ("a =\nb = 1\n", "1:4: the line ends too early"),
        ("a", "1:2: the file ends too early"),
        ("[", "1:2: the file ends too early"),
        ("[a", "1:3: the file ends too early"),
        ("[[a", "1:4: the file ends too early"),
        ("[[a]", "1:5: the file ends too early"),
        ("[[a]x]", "1:5: unexpected character: 'x'"),
        ("[]", "1:2: empty table name"),
        ("= 3", "1:1: empty key"),
        ("x = 1 2", "1:7: unexpected character: '2'"),
        ("x = [1,\n", "1:8: the file ends too early"),
        ("x = {a=1", "1:9: the file ends too early"),
        ("x = {a=1 b=2}", "1:10: unexpected character: 'b'"),
        ("x = {a=[] b=2}", "1:11: unexpected character: 'b'"),
        ("x = {a=1, # two", "1:16: the file ends too early"),
        ("ok = 1\nx = yes\n", "2:5: unexpected character: 'y'"),
        ('x = "abc\ny=1', "1:9: the line ends before the string does"),
        ("a b = 1", '1:5: invalid key "a b"'),
        ("x = 1979-99-99\n", "1:15: invalid date"),
        ("a\x85b = \n", "1:2: unexpected character"),
        ("a = 1\n\u2028\n= 1\n", "2:1: empty key"),
    ],
)
def test_broken_syntax_is_told_at_its_place(text: str, told: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse(text)
    [problem] = caught.value.problems
    assert f"{problem.line}:{problem.column}: {problem.message}".startswith(told)


def test_a_bare_word_for_a_value_is_answered_with_quotes() -> None:
    with pytest.raises(ConfigErrors, match="a string stands in quotes"):
        parse("[listener]\ninterface = eth0\n")
    with pytest.raises(ConfigErrors) as caught:
        parse("x = [1 a]\n")
    assert caught.value.problems[0].suggestion == ""


def test_an_inline_table_may_have_lines_and_comments() -> None:
    root, problems = parse("x = { # one\n  a = 1, # two\n  # three\n  b = 2,\n}\n")
    assert not problems
    assert plain(root) == {"x": {"a": 1, "b": 2}}


def test_a_recursion_without_end_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def recurse(self: object) -> None:
        raise RecursionError

    monkeypatch.setattr(Parser, "_parse_item", recurse)
    with pytest.raises(ConfigErrors, match="this is nested too deeply"):
        parse("a = 1")


def test_keys_that_are_there_twice_are_told_beside_broken_syntax() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse("a=1\na=2\nb=\n")
    assert [problem.line for problem in caught.value.problems] == [2, 3]


@pytest.mark.parametrize("text", ["x=" + "[" * 5000, "x=" + "{a=" * 5000, ".".join("a" * 5000) + "=1"])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ConfigErrors, match=r"nested (more than|too deeply)"):
        parse(text)


def test_the_parser_has_the_methods_that_we_override_and_call() -> None:
    overridden = {"parse_error", "_parse_key", "_parse_simple_key", "_parse_value", "_parse_inline_table"}
    called = {"_parse_item", "_parse_comment_trail", "_parse_key_value", "consume", "inc", "end", "_current", "_idx"}
    assert overridden | called <= set(dir(Parser))


def test_a_failed_header_does_not_put_its_keys_elsewhere() -> None:
    root, _ = parse("[a]\nx=1\n[a]\nx=2\ny=3\n")
    assert plain(root) == {"a": {"x": 1}}


def test_nodes_are_values() -> None:
    root, _ = parse("a=1\n")
    entry = root.entries["a"]
    assert isinstance(entry, Entry)
    assert entry.node == Scalar(entry.node.span, 1)


TOKENS = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\n",
    "\r\n",
    " ",
    "#",
    '"',
    "'",
    '"""',
    "a",
    "b",
    "1",
    "\\",
    "é",
]
PIECES = ["[a]\n", "[[a]]\n", "[a.b]\n", "a=1\n", "a.b=1\n", "b={a=1}\n", "b=[1,2]\n", "true", "1979-05-27"]
FRAGMENTS = st.lists(st.sampled_from(TOKENS + PIECES), max_size=14).map("".join)


@given(text=FRAGMENTS | st.text(max_size=60))
@example("\ufeff")
@example("a=\x00")
@example("\ud800=1")
@example("a=" + "9" * 5000)
def test_any_text_is_read_as_the_standard_library_reads_it_or_refused(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        expected = None
    try:
        root, problems = parse_toml(Source("a.toml", text))
    except ConfigErrors:
        if expected is not None:
            raise
        return
    if expected is not None:
        assert not problems
        assert plain(root) == expected
