"""`honeystack doctor`: what keeps a honeypot from running well here, and the command that mends it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from honeystack.cli.main import FAILED
from honeystack.cli.options import config_option, data_option, set_option, wants_colour
from honeystack.config import find_config, load_config
from honeystack.doctor.examine import examine
from honeystack.doctor.findings import Finding, Status
from honeystack.doctor.machine import Machine

SIGNS = {Status.FINE: ("✓", "\x1b[32m"), Status.WARNING: ("!", "\x1b[33m"), Status.FAULT: ("✗", "\x1b[31m")}
PLAIN = "\x1b[0m"


@click.command("doctor")
@config_option
@data_option
@set_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def command(ctx: click.Context, path: Path | None, data: Path | None, overrides: tuple[str, ...], form: str) -> None:
    """Look at this machine, and say for each fault what mends it. Changes nothing.

    Capabilities, the interface and its offloads, whether the host's kernel can be kept silent, your own ssh session,
    the host's listeners, what is written to, the clock and the software. Run it as the user that runs the honeypot.
    Exit code 0: no fault, though there may be warnings; 1: a fault.
    """
    config = load_config(find_config(path), overrides=overrides, data=data)
    found = list(examine(Machine(), config))
    click.echo(_json(found) if form == "json" else _text(found, colour=wants_colour(sys.stdout)))
    ctx.exit(FAILED if any(finding.status is Status.FAULT for finding in found) else 0)


def _json(found: Sequence[Finding]) -> str:
    rows = [
        {"subject": one.subject, "status": one.status.value, "message": one.message, "remedy": one.remedy}
        for one in found
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _text(found: Sequence[Finding], *, colour: bool) -> str:
    width = max(len(one.subject) for one in found)
    lines = []
    for one in found:
        sign, paint = SIGNS[one.status]
        lines.append(f"{f'{paint}{sign}{PLAIN}' if colour else sign} {one.subject:<{width}}  {one.message}")
        if one.remedy:
            lines.append(f"  {'':<{width}}  → {one.remedy}")
    counts = [_count(found, Status.FAULT, "fault"), _count(found, Status.WARNING, "warning")]
    return "\n".join([*lines, "", ", ".join(counts)])


def _count(found: Sequence[Finding], status: Status, noun: str) -> str:
    number = sum(one.status is status for one in found)
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
