"""`honeystack init`: a few questions, and a configuration that works on this machine."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import attrs
import click

from honeystack.cli.draft import Draft
from honeystack.config import parse_config
from honeystack.doctor.machine import Machine
from honeystack.doctor.neighbours import ssh_session
from honeystack.errors import ConfigError, HoneystackError, Unavailable
from honeystack.net.address import PROTOCOL_NUMBERS, AddressSet, Exclusions, parse_port_range

FIRST_LOCAL_PORT = 32_768  # Linux's ip_local_port_range: UDP sockets from here on are clients, not listeners
SSH = "tcp/22"  # left to the host where nobody listens yet and nobody came by ssh
CHANNELS = ("console", "file")
NOTHING = "none"

_Answer = TypeVar("_Answer")


@click.command("init")
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config.toml"),
    show_default=True,
    metavar="FILE",
    help="What to write.",
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: take every default.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
def command(path: Path, *, yes: bool, force: bool) -> None:
    """Write a first configuration.

    Asks for the interface, its addresses, what stays the host's, TLS and channels; what this machine has is offered.
    The port of your own ssh session is always left to the host. Nothing is overwritten unless --force is given.
    """
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already: name another file with -c, or overwrite it with --force")
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: `honeystack init --yes` takes every default")
    draft = Interview(Machine(), yes=yes).draft()
    text = draft.text()
    parse_config(text, path=path, machine=True)
    _write(path, text, force=force)
    click.echo(f"{path} is written. Next: honeystack check, doctor, plan, and run --confirm 60", err=True)


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise HoneystackError(f"{path} cannot be written: {error.strerror}") from error


@attrs.define
class Interview:
    """The questions, each with the answer that fits this machine."""

    machine: Machine
    yes: bool

    def draft(self) -> Draft:
        """Ask them all."""
        interface = self._ask("Interface to listen on", self._interface(), self._known_interface)
        addresses = self._ask("Addresses to answer for (all: those of the interface)", "all", _networks)
        reasons = self._reasons()
        ports = self._ask("Ports that stay the host's", ", ".join(reasons), _port_names)
        session = ssh_session(self.machine)
        left: list[str] = []
        if session is not None:
            ports, left = self._spare(session, ports)
        certificate = self._confirm("Decode TLS on every port, with certificates that are made here", default=True)
        channels = self._ask(f"Where events go ({', '.join(CHANNELS)})", ", ".join(CHANNELS), _channel_names)
        return Draft(
            interface,
            addresses,
            ports,
            left,
            offered_address=session[0] if session is not None and not left else None,
            reasons=reasons,
            certificate=certificate,
            console="console" in channels,
            file=self._ask("File for the events", "events.jsonl", str) if "file" in channels else None,
        )

    def _spare(self, session: tuple[str, str, int], ports: list[str]) -> tuple[list[str], list[str]]:
        """What is excluded so that the operator's session lasts: its port always, its address where that is wanted."""
        remote, _, port = session
        left = [remote] if self._confirm(f"Leave your own address, {remote}, to the host too", default=False) else []
        if not Exclusions(tuple(map(parse_port_range, ports))).excludes(PROTOCOL_NUMBERS["tcp"], port, b""):
            ports = [*ports, f"tcp/{port}"]
            click.echo(f"tcp/{port} stays the host's: your own session comes by it", err=True)
        return ports, left

    def _interface(self) -> str:
        found = self.machine.default_interface()
        if found is None:
            raise Unavailable("there is no network interface that carries Ethernet frames: `ip link` lists all")
        return found

    def _known_interface(self, text: str) -> str:
        if text not in self.machine.interfaces():
            raise ConfigError(f"there is no interface {text!r}; there are {', '.join(self.machine.interfaces())}")
        return text

    def _reasons(self) -> dict[str, str]:
        """The ports that somebody on this host needs, and who."""
        found: dict[str, str] = {}
        for one in self.machine.sockets():
            if not one.on_loopback and (one.transport == "tcp" or one.port < FIRST_LOCAL_PORT):
                found[f"{one.transport}/{one.port}"] = one.program
        session = ssh_session(self.machine)
        if session is not None:
            name = f"tcp/{session[2]}"
            found[name] = f"{found[name]}, your own session" if found.get(name) else "your own session"
        return found or {SSH: "ssh"}

    def _ask(self, question: str, default: str, parse: Callable[[str], _Answer]) -> _Answer:
        """Ask until the answer can be used."""
        if self.yes:
            return parse(default)

        def use(text: str) -> _Answer:
            try:
                return parse(text)
            except (HoneystackError, ValueError) as error:
                raise click.UsageError(str(error)) from error

        answer: _Answer = click.prompt(question, default=default, value_proc=use, err=True)
        return answer

    def _confirm(self, question: str, *, default: bool) -> bool:
        return default if self.yes else click.confirm(question, default=default, err=True)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if word]


def _networks(text: str) -> list[str]:
    if text.strip() == "all":
        return []
    names = _words(text)
    AddressSet(names)
    return names


def _port_names(text: str) -> list[str]:
    names = [] if text.strip() == NOTHING else _words(text)
    for name in names:
        parse_port_range(name)
    return list(dict.fromkeys(names))


def _channel_names(text: str) -> list[str]:
    names = _words(text)
    unknown = [name for name in names if name not in CHANNELS]
    if unknown or not names:
        raise ConfigError(f"{unknown[0] if unknown else 'nothing'!r} is no channel: {' or '.join(CHANNELS)}, or both")
    return names
