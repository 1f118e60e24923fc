"""Options that several commands share, and whether their output may be coloured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import click

config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration; else ./config.toml, else /etc/honeystack/config.toml.",
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the sensor keeps its token, keys and spools; else $STATE_DIRECTORY, else ~/.honeystack.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="A.B=V",
    help="Override one setting, as in --set listener.interface=eth1; may be given several times.",
)


def wants_colour(stream: IO[str] | None) -> bool:
    """Only a terminal gets colour, and not where NO_COLOR is set; a closed stream is None."""
    return stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")
