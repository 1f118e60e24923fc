from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.config.errors import ConfigErrors, Problem, Source, Span, nearest, problem_at
from honeystack.errors import ConfigError

TEXT = '[listener]\n\tinterfce = "eth0"\r\nlast'


def span(start: int, end: int, text: str = TEXT) -> Span:
    return Span(Source("a.toml", text), start, end)


@pytest.mark.parametrize(
    ("offset", "place"), [(0, (1, 1)), (9, (1, 10)), (10, (1, 11)), (11, (2, 1)), (12, (2, 2)), (len(TEXT), (3, 5))]
)
def test_lines_and_columns_count_from_one(offset: int, place: tuple[int, int]) -> None:
    assert Source("a.toml", TEXT).line_and_column(offset) == place


def test_a_line_has_no_line_end() -> None:
    source = Source("a.toml", TEXT)
    assert [source.line(number) for number in (1, 2, 3)] == ["[listener]", '\tinterfce = "eth0"', "last"]


def test_a_span_names_its_place_and_its_text() -> None:
    assert str(span(12, 20)) == "a.toml:2:2"
    assert span(12, 20).text == "interfce"


def test_a_problem_shows_the_line_the_caret_and_the_suggestion() -> None:
    problem = problem_at(span(12, 20), "no such setting", "did you mean 'interface'?")
    assert problem.render() == (
        "a.toml:2:2: no such setting\n    \tinterfce = \"eth0\"\n    \t^^^^^^^^\n    did you mean 'interface'?"
    )


def test_a_note_and_a_warning_say_that_they_are() -> None:
    assert problem_at(span(0, 1), "oh", severity="warning").render().startswith("a.toml:1:1: warning: oh\n")
    assert problem_at(span(0, 1), "well", severity="note").render().startswith("a.toml:1:1: note: well\n")


def test_colour_marks_only_head_and_caret() -> None:
    error = problem_at(span(0, 1), "bad").render(colour=True)
    assert error == "\x1b[1ma.toml:1:1: bad\x1b[0m\n    [listener]\n    \x1b[31m^\x1b[0m"
    assert "\x1b[36m^" in problem_at(span(0, 1), "hm", severity="note").render(colour=True)
    assert "\x1b[33m^" in problem_at(span(0, 1), "oh", severity="warning").render(colour=True)


def test_the_caret_stays_on_its_line() -> None:
    problem = problem_at(span(0, len(TEXT)), "all of it")
    assert problem.length == len("[listener]")


def test_the_caret_behind_the_last_character_is_one_wide() -> None:
    assert problem_at(span(len(TEXT), len(TEXT)), "more").render().splitlines()[-1] == "        ^"


def test_wide_characters_take_two_columns_of_a_terminal() -> None:
    problem = problem_at(span(4, 6, "蜜 = 蜂巣"), "hm")
    assert problem.column == 5
    assert problem.render().splitlines()[-1] == "    " + " " * 5 + "^^^^"


def test_what_a_terminal_would_obey_is_replaced() -> None:
    assert "\x1b" not in problem_at(span(0, 1, "\x1b[2Jx"), "hm").render()


def test_all_problems_are_in_the_text_of_the_error() -> None:
    problems = [problem_at(span(0, 1), "first"), problem_at(span(12, 13), "second")]
    error = ConfigErrors(problems, [problem_at(span(0, 1), "a note", severity="note")])
    assert isinstance(error, ConfigError)
    assert str(error) == "\n".join(problem.render() for problem in problems)
    assert [note.message for note in error.notes] == ["a note"]


@pytest.mark.parametrize(
    ("word", "known", "sentence"),
    [
        ("interfce", ["interface", "addresses"], "did you mean 'interface'?"),
        ("HTTP", ["http", "echo"], "did you mean 'http'?"),
        ("zzz", ["b", "a"], "known: a, b"),
        ("zzz", [], ""),
    ],
)
def test_the_nearest_word(word: str, known: list[str], sentence: str) -> None:
    assert nearest(word, known) == sentence


@given(text=st.text(), start=st.integers(0, 50), length=st.integers(0, 50))
def test_any_place_in_any_text_can_be_shown(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    problem = problem_at(span(start, min(start + length, len(text)), text), "hm")
    assert isinstance(problem, Problem)
    assert problem.line >= 1
    assert problem.column >= 1
    head, line, caret = problem.render().split("\n")
    assert head == f"a.toml:{problem.line}:{problem.column}: hm"
    assert "^" in caret
    assert line.replace("\t", " ").isprintable()
