"""Settings from tables: types strictly, every error at its place, aliases noted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.config.errors import ConfigErrors, Source
from honeystack.config.positions import parse_toml
from honeystack.config.structure import INVALID, OPTION, Reading, convert, entry_of, kind_name, structure
from honeystack.settings import setting


def even(_: object, field: attrs.Attribute[int], value: int) -> None:
    if value % 2:
        raise ValueError(f"{field.name} must be even")


def short(_: object, field: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    for word in value:
        if len(word) > 3:
            raise ValueError(f"{word!r} is too long")
    if len(value) > 3:
        raise ValueError("too many words")


def below_top(instance: Any, field: attrs.Attribute[int], value: int) -> None:
    if value > instance.top:
        raise ValueError("low is above top")


@attrs.frozen
class Inner:
    """Nested."""

    size: int = setting("how much", default=1)


@attrs.frozen
class Plain:
    """All the types."""

    name: str = setting("its name", aliases=("names",))
    flag: bool = setting("on or off", default=False, aliases=("switch",))
    count: int = setting("how many", default=0, validator=even)
    ratio: float = setting("how much of it", default=1.0)
    path: Path | None = setting("where", default=None)
    mode: Literal["auto", "none"] = setting("how", default="auto")
    words: tuple[str, ...] = setting("which", default=(), validator=short)
    headers: dict[str, str] = setting("more", factory=dict)
    loose: Mapping[str, int] = setting("numbers", factory=dict)
    inner: Inner = setting("nested", factory=Inner)
    either: float | Literal[False] = setting("a number or off", default=0.0)
    anything: Any = setting("whatever", default=None)
    top: int = setting("the most", default=10)
    low: int = setting("the least", default=0, validator=below_top)
    hidden: int = attrs.field(default=7, init=False)


def read(text: str, **more: Any) -> tuple[Any, Reading]:
    root, problems = parse_toml(Source("a.toml", text))
    assert not problems
    reading = Reading(Path("/etc/x"))
    return structure(Plain, root, reading, where="[plain]", **more), reading


def told(reading: Reading) -> list[str]:
    return [
        f"{problem.line}:{problem.column}: {problem.message}; {problem.suggestion}".removesuffix("; ")
        for problem in reading.problems
    ]


def test_defaults_are_kept() -> None:
    plain, reading = read('name = "x"')
    assert plain == Plain(name="x")
    assert not reading.problems
    assert not reading.notes


def test_every_type_is_taken() -> None:
    plain, reading = read(
        'name="x"\nflag=true\ncount=2\nratio=3\npath="certs/a.pem"\nmode="none"\nwords=["a","b"]\n'
        'headers={Server="nginx"}\nloose={a=1}\neither=2.5\nanything=[1,{a=2}]\ninner.size=3\n'
    )
    assert not told(reading)
    assert plain == Plain(
        name="x",
        flag=True,
        count=2,
        ratio=3.0,
        path=Path("/etc/x/certs/a.pem"),
        mode="none",
        words=("a", "b"),
        headers={"Server": "nginx"},
        loose={"a": 1},
        either=2.5,
        anything=[1, {"a": 2}],
        inner=Inner(size=3),
    )
    assert isinstance(plain.ratio, float)


def test_an_absolute_path_stays() -> None:
    assert read('name="x"\npath="/a"')[0].path == Path("/a")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('flag = "yes"', "2:8: 'flag' must be true or false; write true"),
        ('flag = "off"', "2:8: 'flag' must be true or false; write false"),
        ('flag = "maybe"', "2:8: 'flag' must be true or false"),
        ("flag = 1", "2:8: 'flag' must be true or false"),
        ("count = true", "2:9: 'count' must be a whole number"),
        ("count = 1.5", "2:9: 'count' must be a whole number"),
        ('count = "4"', "2:9: 'count' must be a whole number; write 4 without quotes"),
        ("count = 3", "2:9: count must be even"),
        ("ratio = true", "2:9: 'ratio' must be a number"),
        ("ratio = inf", "2:9: 'ratio' must be a number"),
        ("ratio = nan", "2:9: 'ratio' must be a number"),
        ("ratio = " + "9" * 400, "2:9: 'ratio' must be a number"),
        ("path = 1", "2:8: 'path' must be a path in quotes; write \"1\""),
        ('path = ""', "2:8: 'path' must be a path in quotes"),
        ('path = "\\u0000"', "2:8: 'path' must be a path in quotes"),
        ('mode = "atuo"', "2:8: 'mode' must be \"auto\" or \"none\"; did you mean 'auto'?"),
        ('mode = "zzz"', '2:8: \'mode\' must be "auto" or "none"'),
        ("mode = []", '2:8: \'mode\' must be "auto" or "none"'),
        ('words = "a"', "2:9: 'words' must be a list, each a string in quotes; write [\"a\"]"),
        ('words = """\na"""', "2:9: 'words' must be a list, each a string in quotes"),
        ("words = {a=1}", "2:9: 'words' must be a list, each a string in quotes"),
        ('words = ["a", 1]', "2:15: each of 'words' must be a string in quotes; write \"1\""),
        ('words = ["a", "long"]', "2:15: 'long' is too long"),
        ('words = ["a", "b", "c", "d"]', "2:9: too many words"),
        ("headers = 1", "2:11: 'headers' must be a table"),
        ("headers = {a=1}", "2:14: 'a' in 'headers' must be a string in quotes; write \"1\""),
        ("inner = 1", "2:9: 'inner' must be a table of settings"),
        ('inner = {size="1"}', "2:15: 'size' must be a whole number; write 1 without quotes"),
        ("inner = {sise=1}", "2:10: 'inner' has no setting 'sise'; did you mean 'size'?"),
        ("either = true", "2:10: 'either' must be a number or false"),
        ("either = []", "2:10: 'either' must be a number or false"),
        ("falg = true", "2:1: [plain] has no setting 'falg'; did you mean 'flag'?"),
        ("hidden = 1", None),
        ("low = 11", "1:1: [plain]: low is above top"),
        ("flag = true\nswitch = true", "3:1: this is the same setting as the one at a.toml:2:1; keep 'flag' alone"),
        ("name = 1979-05-27", None),
    ],
)
def test_what_is_wrong_is_told_at_its_place(line: str, message: str | None) -> None:
    text = line if line.startswith("name") else f'name = "x"\n{line}'
    value, reading = read(text)
    assert value is INVALID
    assert len(reading.problems) == 1
    if message is not None:
        assert told(reading) == [message]


def test_what_has_no_default_is_needed() -> None:
    value, reading = read("")
    assert value is INVALID
    assert told(reading) == ["1:1: [plain] needs 'name': its name"]


def test_all_errors_are_told_at_once() -> None:
    _, reading = read("flag = 1\ncount = 1.5\nwhat = 1\n")
    assert {problem.line for problem in reading.problems} == {1, 2, 3}
    assert len(reading.problems) == 4  # and there is no name


def test_an_alias_is_read_and_noted() -> None:
    plain, reading = read('name = "x"\nswitch = true\n')
    assert plain.flag is True
    [note] = reading.notes
    assert (note.line, note.column, note.severity) == (2, 1, "note")
    assert note.message == "'switch' is read as 'flag', which is the canonical spelling"


def test_the_plural_alias_of_a_string_takes_a_list_of_one() -> None:
    assert read('names = ["x"]')[0].name == "x"
    assert told(read('names = ["x", "y"]')[1]) == ["1:9: 'name' must be a string in quotes, and one alone"]
    assert told(read('name = ["x"]')[1]) == ["1:8: 'name' must be a string in quotes"]


def test_a_value_of_the_command_line_replaces_another_spelling() -> None:
    root, _ = parse_toml(Source("a.toml", 'name = "x"\nflag = false\n'))
    option, _ = parse_toml(Source(OPTION, "switch = true"))
    root.entries |= option.entries
    reading = Reading()
    assert structure(Plain, root, reading, where="[plain]").flag is True
    assert not reading.problems


def test_keys_that_the_caller_reads_are_known() -> None:
    value, reading = read('type = "x"\nname = "x"', known=("type",))
    assert value == Plain(name="x")
    assert not reading.problems


def test_the_caller_can_make_a_value() -> None:
    value, _ = read('name = "x"', resolve={"name": lambda node: node.span.text.upper()})
    assert value.name == '"X"'


def test_a_value_that_the_caller_could_not_make_spoils_the_whole() -> None:
    reading = Reading()
    root, _ = parse_toml(Source("a.toml", 'name = "x"'))
    resolve = {"name": lambda node: reading.wrong(node.span, "no")}
    assert structure(Plain, root, reading, where="[plain]", resolve=resolve) is INVALID


def test_a_setting_is_found_under_any_spelling() -> None:
    root, _ = parse_toml(Source("a.toml", "switch = true"))
    entry = entry_of(root, Plain, "flag")
    assert entry is not None
    assert entry.key.text == "switch"
    assert entry_of(root, Plain, "count") is None
    assert entry_of(root, Plain, "hidden") is None
    assert entry_of(root, Plain, "nothing") is None


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (bool, "true or false"),
        (Path | None, "a path in quotes"),
        (str | tuple[str, ...], "a string in quotes or a list, each a string in quotes"),
        (tuple[Any, ...], "a list"),
        (dict[str, int], "a table"),
        (Inner, "a table"),
        (Literal["a", False], '"a" or false'),
        (Any, "a value"),
        (bytes, "a value"),
    ],
)
def test_types_have_names_for_the_operator(wanted: Any, words: str) -> None:
    assert kind_name(wanted) == words


@pytest.mark.parametrize(
    ("wanted", "text", "value"),
    [
        (str | tuple[str, ...], '"a"', "a"),
        (str | tuple[str, ...], '["a"]', ("a",)),
        (Inner | bool, "{size=2}", Inner(size=2)),
        (dict[str, int] | None, "{a=1}", {"a": 1}),
        (tuple[Inner, ...], "[{size=2}, {}]", (Inner(size=2), Inner())),
        (int | None, "1", 1),
    ],
)
def test_unions_take_what_fits(wanted: Any, text: str, value: object) -> None:
    root, _ = parse_toml(Source("a.toml", f"x = {text}"))
    assert convert(wanted, root.entries["x"].node, Reading(), what="'x'") == value


VALUES = st.sampled_from(
    ['"x"', '"yes"', "true", "1", "2", "1.5", "inf", "[]", '["a"]', "[1]", "[[]]", "{}", "{a=1}", '{a="b"}', "07:32:00"]
)
KEYS = st.sampled_from([field.name for field in attrs.fields(Plain)] + ["names", "switch", "type", "falg"])


@given(lines=st.dictionaries(KEYS, VALUES))
def test_any_table_becomes_an_instance_or_is_refused_with_reasons(lines: dict[str, str]) -> None:
    text = "\n".join(f"{key} = {value}" for key, value in lines.items())
    try:
        value, reading = read(text)
    except ConfigErrors:  # pragma: no cover
        raise AssertionError("structure tells, it does not raise") from None
    assert (value is INVALID) == bool(reading.problems)
    assert value is INVALID or isinstance(value, Plain)
