"""The `honeystack` command. Each subcommand is imported when it is used, so that `--help` costs next to nothing."""

from __future__ import annotations

import errno
import importlib
import os
from typing import Any

import click

import honeystack
from honeystack.compiled import is_compiled
from honeystack.errors import ConfigError, HoneystackError

# Name, where it lives, and its line in `--help`, in the order in which one meets them.
COMMANDS = {
    "run": ("honeystack.cli.run:command", "Run the honeypot."),
    "check": ("honeystack.cli.check:command", "Find every error in a configuration."),
    "plan": ("honeystack.cli.plan:command", "Say what run would do; change nothing."),
    "doctor": ("honeystack.cli.doctor:command", "Find what keeps it from running well here."),
    "init": ("honeystack.cli.init:command", "Write a first configuration."),
    "replay": ("honeystack.cli.replay:command", "Make the events of a capture."),
    "demo": ("honeystack.cli.demo:demo", "See it at work on this machine, away from its network."),
    "list": ("honeystack.cli.list:command", "What can be configured."),
    "schema": ("honeystack.cli.schema:command", "JSON Schema of the configuration or of the events."),
}
FAILED, BAD_USAGE = 1, 2
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # where the output goes, or a file that a command writes


class Commands(click.Group):
    """The subcommands by name; an error of ours becomes a sentence on stderr and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(str(error), err=True)
            ctx.exit(BAD_USAGE)
        except HoneystackError as error:
            click.echo(f"honeystack: {error}", err=True)
            ctx.exit(FAILED)
        except OSError as error:
            if error.errno not in FULL:
                raise
            click.echo(f"honeystack: {error.strerror}", err=True)
            ctx.exit(FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(
    honeystack.__version__,
    prog_name="honeystack",
    message="%(prog)s, version %(version)s" + (" (compiled)" if is_compiled() else ""),
)
def main() -> None:
    """A honeypot with a network stack of its own: every port, every protocol, TLS decoded."""
    fill_standard_descriptors()


def fill_standard_descriptors() -> None:
    """Fill the numbers of closed standard streams: a socket of ours would get one, and what is printed the wire."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
