"""`honeystack plan`: what `run` would do, in words; changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from honeystack.cli.options import config_option, data_option, set_option
from honeystack.config import Config, find_config, load_config
from honeystack.config.model import FilterEntry, PortEntry
from honeystack.errors import HoneystackError
from honeystack.net.address import AddressSet
from honeystack.net.attachment import AttachmentSettings, fence_rules, packet_filter_text
from honeystack.net.interface import interface_facts
from honeystack.net.probing import addresses_to_probe
from honeystack.registry import plugin_name

TAGS = {
    "answer": "answered with the same tag",
    "ignore": "ignored, and left to the host",
}


@click.command("plan")
@config_option
@data_option
@set_option
def command(path: Path | None, data: Path | None, overrides: tuple[str, ...]) -> None:
    """Say what run would do, and change nothing: addresses, ports, what is left to the host, kernel rules, bounds."""
    config = load_config(find_config(path), overrides=overrides, data=data, machine=True)
    click.echo("\n".join(plan_lines(config)))


def plan_lines(config: Config) -> Iterator[str]:
    """The whole plan, line by line."""
    listener = config.listener
    attachment: AttachmentSettings | None = getattr(listener, "attachment", None)
    where = f" on {attachment.interface}" if attachment else ""
    yield f"configuration: {config.path}"
    yield f"data:          {config.data}"
    yield f"listener:      {plugin_name(type(listener))}{where}"
    if len(cores := getattr(listener, "cores", ())) > 1:
        yield f"workers:       {_workers(cores, listener.spread)}"
    if attachment is not None:
        yield from _section("addresses", _addresses(attachment))
        yield from _section("frames with a VLAN tag", [TAGS[attachment.vlan]])
        yield from _section("left to the host", _exclusions(attachment))
    yield from _section("ports", _ports(config, every_port=attachment is not None))
    yield from _section("channels", _channels(config))
    if attachment is not None:
        yield from _section("kernel rules while it runs", _fence(attachment))
        yield from _section("packet filter on the raw socket", packet_filter_text(attachment.exclusions).splitlines())
    yield from _section("bounds", _bounds(getattr(listener, "limits", None)))


def _workers(cores: Sequence[int | None], spread: str) -> str:
    places = "" if None in cores else f" on the cores {', '.join(map(str, cores))}"
    whose = "all packets of one peer" if spread == "sources" else "each flow of TCP or UDP"
    return f"{len(cores)} processes{places}; {whose} to one of them"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield f"{title}:"
    yield from (f"    {line}" for line in lines)


def _addresses(attachment: AttachmentSettings) -> list[str]:
    try:
        facts = interface_facts(attachment.interface)
    except HoneystackError as error:
        return list(attachment.addresses) or [f"all of {attachment.interface} ({error})"]
    if not attachment.addresses:
        return [f"{address.partition('/')[0]} (of {attachment.interface})" for address in facts.addresses]
    asked = addresses_to_probe(AddressSet(attachment.addresses), facts) if attachment.duplicate_detection else []
    return [f"{text}{_asked_for(text, asked)}" for text in attachment.addresses]


def _asked_for(text: str, asked: Sequence[bytes]) -> str:
    is_asked = any(address in AddressSet([text]) for address in asked)
    return " (not answered for where another host is found to have it)" if is_asked else ""


def _exclusions(attachment: AttachmentSettings) -> list[str]:
    names = {None: "tcp and udp", 6: "tcp", 17: "udp"}
    lines = [
        f"local port {ports.first if ports.first == ports.last else f'{ports.first}-{ports.last}'} "
        f"({names.get(ports.protocol, ports.protocol)})"
        for ports in attachment.exclusions.ports
    ]
    lines += [f"all traffic with {network}" for network in attachment.exclusions.addresses]
    return lines or ["nothing: this host cannot be reached from outside while the honeypot runs"]


def _ports(config: Config, *, every_port: bool) -> Iterator[str]:
    rows = [
        (str(spec), _served(entry, config, spec.transport))
        for entry in config.ports
        for spec in entry.specs
        if not spec.is_fallback
    ]
    if every_port:
        rows += [(f"every other {name} port", _sensor(config, name)) for name in ("tcp", "udp")]
    width = max((len(name) for name, _ in rows), default=0)
    yield from (f"{name:<{width}}  {served}" for name, served in rows)


def _served(entry: PortEntry, config: Config, transport: str) -> str:
    types = [f"{name} ({plugin_name(type(config.services[name]))})" for name in entry.services]
    return (" or ".join(types) or "sensor mode") + (_tls(entry, config) if transport == "tcp" else "")


def _sensor(config: Config, transport: str) -> str:
    return "sensor mode" + (_tls(None, config) if transport == "tcp" else "")


def _tls(entry: PortEntry | None, config: Config) -> str:
    own = entry.certificate if entry is not None else None
    certificate = own or config.fallback_certificate
    if certificate is None:
        return "; TLS is told, not decoded"
    whose = "" if own else " (of tcp/0)"
    appearance = (entry.appearance if entry is not None else None) or config.appearance
    asks = ", asks for the client's" if certificate.asks_client else ""
    return f"; TLS with {certificate}{whose}{asks}, looks {appearance}"


def _channels(config: Config) -> Iterator[str]:
    for name, channel in config.channels.items():
        filters = [entry for entry in config.filters if name in entry.channels]
        yield f"{name} ({plugin_name(type(channel))}): {'; or '.join(map(_filter, filters)) or 'all events'}"
    if not config.channels:
        yield "none: events go nowhere"


def _filter(entry: FilterEntry) -> str:
    parts = [
        f"{field.name.replace('_', ' ')} {' or '.join(getattr(entry, field.name))}"
        for field in attrs.fields(FilterEntry)
        if field.name != "channels" and getattr(entry, field.name)
    ]
    return "events with " + ", ".join(parts) if parts else "all events"


def _fence(attachment: AttachmentSettings) -> list[str]:
    if attachment.fence == "none":
        return ['none (fence = "none")']
    try:
        return [f"fence = {attachment.fence}", *fence_rules(attachment)]
    except HoneystackError as error:
        return [f"unknown here: {error}"]


def _bounds(limits: Any) -> Iterator[str]:
    if limits is not None and attrs.has(type(limits)):
        yield from (f"{name} = {json.dumps(value)}" for name, value in attrs.asdict(limits).items())
