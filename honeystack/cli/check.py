"""`honeystack check`: every error of a configuration at once, for people, programs and code hosts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import click

from honeystack.cli.main import BAD_USAGE
from honeystack.cli.options import config_option, set_option, wants_colour
from honeystack.config import ConfigErrors, Problem, find_config, load_config


@click.command("check")
@config_option
@set_option
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.pass_context
def command(ctx: click.Context, path: Path | None, overrides: tuple[str, ...], form: str) -> None:
    """Find every error in a configuration.

    Exit code 0: it can be used, 2: it cannot. Warnings tell what will not do what is expected of it, as an expired
    certificate; notes what could be written better. Neither changes anything.
    """
    found = find_config(path)
    try:
        notes = load_config(found, overrides=overrides, machine=True).notes
        problems: Sequence[Problem] = ()
    except ConfigErrors as errors:
        problems, notes = errors.problems, errors.notes
    click.echo(_FORMS[form](found, problems, notes))
    ctx.exit(BAD_USAGE if problems else 0)


def _text(path: Path, problems: Sequence[Problem], notes: Sequence[Problem]) -> str:
    colour = wants_colour(sys.stdout)
    shown = [problem.render(colour=colour) for problem in (*notes, *problems)]
    warnings = [note for note in notes if note.severity == "warning"]
    counts = [_count(len(problems), "error"), _count(len(notes) - len(warnings), "note")]
    if warnings:
        counts.insert(1, _count(len(warnings), "warning"))
    return "\n".join([*shown, f"{path}: {', '.join(counts)}" if shown else f"{path}: fine"])


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _json(path: Path, problems: Sequence[Problem], notes: Sequence[Problem]) -> str:
    return json.dumps([attrs.asdict(problem) for problem in (*problems, *notes)], indent=2)


def _github(path: Path, problems: Sequence[Problem], notes: Sequence[Problem]) -> str:
    return "\n".join(_annotation(problem) for problem in (*problems, *notes))


def _annotation(problem: Problem) -> str:
    """A workflow command, with what has a meaning in it escaped as the runner expects."""
    kind = "notice" if problem.severity == "note" else problem.severity
    message = f"{problem.message}; {problem.suggestion}" if problem.suggestion else problem.message
    file = _escaped(problem.file).replace(":", "%3A").replace(",", "%2C")
    last = problem.column + problem.length
    return f"::{kind} file={file},line={problem.line},col={problem.column},endColumn={last}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


_FORMS: dict[str, Callable[[Path, Sequence[Problem], Sequence[Problem]], str]] = {
    "text": _text,
    "json": _json,
    "github": _github,
}
