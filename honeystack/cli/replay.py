"""`honeystack replay`: captures through the stack and the pipeline, in their own time."""

from __future__ import annotations

from pathlib import Path

import click

from honeystack.cli.main import FAILED
from honeystack.cli.options import set_option
from honeystack.config import load_config
from honeystack.logs import LogOutput, set_up_logging
from honeystack.net.address import AddressSet
from honeystack.replay.play import Outcome, replay, unserved


def _regular(ctx: click.Context, argument: click.Parameter, values: tuple[Path, ...]) -> tuple[Path, ...]:
    for path in values:
        if not path.is_file():
            raise click.BadParameter(f"{path} is no regular file, and it is read twice: save it first")
    return values


def _networks(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> AddressSet:
    try:
        return AddressSet(values)
    except ValueError as error:
        raise click.BadParameter(f"{error}: write 203.0.113.4 or 2001:db8::/64") from error


@click.command("replay")
@click.argument(
    "files",
    metavar="PCAP...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True),
    callback=_regular,
)
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration; without it every port is in sensor mode, and events go to stdout as JSON lines.",
)
@set_option
@click.option(
    "--address",
    "addresses",
    multiple=True,
    callback=_networks,
    metavar="ADDRESS",
    help="What to answer for, an address or a prefix; may be given several times. Else the addresses of the "
    "configuration, else the address that the first SYN goes to, else the one that most packets go to.",
)
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    path: Path | None,
    overrides: tuple[str, ...],
    addresses: AddressSet,
) -> None:
    """Make the events of a capture that run would have made of its inbound traffic.

    Reads pcap and pcapng files, one after the other. Time is the captures', and the same files make the same events
    each time. Peers are taken to acknowledge what our stack sends; TLS is told by its hello and not decoded; services
    that forward are left out. Events go to the channels of the configuration. Exit code 1: a file is damaged, packets
    were not captured whole, or events were lost.
    """
    set_up_logging((LogOutput("stderr", "warning"),))
    config = None if path is None else load_config(path, overrides=overrides)
    for name in unserved(config) if config is not None else ():
        click.echo(f"honeystack replay: the service {name} forwards, and is left out: its ports capture", err=True)
    outcome = replay(files, config, addresses=addresses)
    for line in _report(outcome):
        click.echo(f"honeystack replay: {line}", err=True)
    ctx.exit(0 if outcome.complete else FAILED)


def _report(outcome: Outcome) -> list[str]:
    """What is to be known beside the events, the worst last."""
    remarks = outcome.remarks
    lines = [
        f"answered for {outcome.side}",
        f"{outcome.frames} frames, {outcome.inbound} of them inbound, in {outcome.seconds:.3f} s of the capture; "
        f"{outcome.events} events",
    ]
    if outcome.in_tls:
        lines.append(f"{outcome.in_tls} conversations went on in TLS, whose keys only the recorded server had")
    if outcome.after_reset:
        lines.append(f"{outcome.after_reset} segments are left out: they came after our stack had reset the connection")
    if outcome.astray:
        lines.append(
            f"{outcome.astray} packets to these addresses went to other MAC addresses and are ignored: replay the "
            "addresses of each machine by themselves"
        )
    if outcome.forgotten:
        lines.append(f"{outcome.forgotten} conversations were too many at once: their peers may acknowledge nothing")
    if remarks.backwards:
        lines.append(f"{remarks.backwards} packets are dated before those ahead of them; they came in the files' order")
    for channel, reasons in outcome.lost.items():
        lines += [f"the channel {channel} has lost {count} events: {reason}" for reason, count in reasons.items()]
    if remarks.cut:
        lines.append(f"{remarks.cut} packets are left out, as they were not captured whole; {remarks.first_cut}")
    if outcome.damage is not None:
        lines.append(str(outcome.damage))
    return lines
