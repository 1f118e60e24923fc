"""What no section can tell alone: exclusions, addresses, filters and channels, and what this machine has."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

import attrs

from honeystack.config.appearance import check_appearance
from honeystack.config.errors import Span, nearest, surely_meant
from honeystack.config.port_sections import PlacedPort, strings_in
from honeystack.config.positions import Array, Table, plain
from honeystack.config.sections import FilterSection
from honeystack.config.structure import Reading, entry_of
from honeystack.errors import ConfigError
from honeystack.net.address import PROTOCOL_NUMBERS, AddressSet, parse_port_range

PATTERNS = ("services", "categories", "types", "exclude_services", "exclude_categories", "exclude_types")
_EXCLUSIONS = ("exclude_ports", "exclude_addresses")
_SAID_SO = (*_EXCLUSIONS, "allow_no_exclude", "allow_no_excludes")


def check_listener(table: Table, plugin: type, reading: Reading) -> None:
    """The lists of addresses and ports, element by element, how TLS is to look, and that something is excluded."""
    _check_elements(table, plugin, "addresses", _check_network, reading)
    _check_elements(table, plugin, "exclude_addresses", _check_network, reading)
    _check_elements(table, plugin, "exclude_ports", parse_port_range, reading)
    check_appearance(table, plugin, reading)
    _check_exclusions(table, plugin, reading)


def _check_exclusions(table: Table, plugin: type, reading: Reading) -> None:
    """A listener that takes the whole host over does so only where that is said outright."""
    if "allow_no_exclude" not in attrs.fields_dict(plugin):
        return
    allowed = entry_of(table, plugin, "allow_no_exclude")
    if allowed is not None and plain(allowed.node) is not False:
        return  # it is true, or told already
    excluded = (entry_of(table, plugin, name) for name in _EXCLUSIONS)
    misspelt = any(surely_meant(name, _SAID_SO) for name in table.entries if name not in _SAID_SO)
    if not misspelt and not any(entry is not None and plain(entry.node) != [] for entry in excluded):
        reading.missing(
            table.span,
            "no port and no address is left to the host, so it could not be reached any more",
            'exclude your own access, as in exclude_ports = ["tcp/22"], or set allow_no_exclude = true',
        )


def note_excluded_ports(placed: Sequence[PlacedPort], listener: Any, reading: Reading) -> None:
    """A `[[port]]` that the listener leaves to the host never sees a packet."""
    excluded = [parse_port_range(str(text)) for text in getattr(listener, "exclude_ports", ())]
    for port in placed:
        number = PROTOCOL_NUMBERS[port.spec.transport]
        ends = (port.spec.first, port.spec.last)
        if any(all(ports.covers(number, end) for end in ends) for ports in excluded) and not port.spec.is_fallback:
            reading.note(port.span, f"{port.spec} is left to the host by exclude_ports: nothing reaches this section")


def note_foreign_addresses(placed: Sequence[PlacedPort], listener: Any, reading: Reading) -> None:
    """A port on an address that the stack does not answer for never sees a packet."""
    if not hasattr(listener, "allow_no_exclude") or not listener.addresses:
        return
    owned = AddressSet(listener.addresses)
    for port in placed:
        if port.spec.address and ipaddress.ip_address(port.spec.address).packed not in owned:
            reading.note(port.span, f"{port.spec.address} is not among the listener's addresses: nothing reaches this")


def warn_of_any(placed: Sequence[PlacedPort], listener: Any, reading: Reading) -> None:
    """Only a listener with packets of its own hears on ports that nobody names."""
    for port in placed if not hasattr(listener, "allow_no_exclude") else ():
        if port.spec.is_any:
            what = "this listener opens the ports that are named, and this names none"
            reading.warn(port.span, what, 'name them, as in "tcp/8000-8100", or use type = "netstack"')


def note_whole_networks(table: Table, listener: Any, reading: Reading) -> None:
    """An address with the length that `ip address` shows claims its whole network, gateway and all."""
    entry = entry_of(table, type(listener), "addresses") if hasattr(listener, "allow_no_exclude") else None
    for text, span in strings_in(entry.node) if entry else ():
        try:
            ours = ipaddress.ip_interface(text)
        except ValueError:  # told as an error already
            continue
        if ours.ip != ours.network.network_address:
            reading.note(span, f"this claims every address of {ours.network}", f'"{ours.ip}" would be this one alone')


def check_filters(tables: Sequence[Table], channels: Collection[str], reading: Reading) -> None:
    """Filters name channels that exist, in expressions that compile."""
    for table in tables:
        entry = entry_of(table, FilterSection, "channel")
        for name, span in strings_in(entry.node) if entry else ():
            if name not in channels:
                reading.missing(span, f"there is no channel {name!r}", nearest(name, channels))
        for key in PATTERNS:
            for pattern, span in strings_in(table.entries[key].node) if key in table.entries else ():
                _check_pattern(pattern, span, reading)


def check_machine(table: Table, listener: Any, reading: Reading) -> None:
    """Whether the interface is there. Only on Linux: elsewhere a configuration can be written, not run."""
    entry = entry_of(table, type(listener), "interface")
    if entry is None or sys.platform != "linux":
        return
    # Only commands that run here ask; a configuration for another machine loads without.
    from honeystack.net.interface import interface_names

    names = interface_names()
    for name, span in strings_in(entry.node):
        if name not in names:
            reading.wrong(span, f"this machine has no interface {name!r}", nearest(name, names))


def _check_elements(table: Table, plugin: type, name: str, parse: Callable[[str], object], reading: Reading) -> None:
    entry = entry_of(table, plugin, name)
    if entry is None or not isinstance(entry.node, Array):
        return
    for text, span in strings_in(entry.node):
        try:
            parse(text)
        except (ConfigError, ValueError) as error:
            _wrong_once(span, str(error), reading)


def _check_network(text: str) -> None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(f'{text!r} is no address and no prefix such as "203.0.113.4/32" or "2001:db8::/64"') from None


def _check_pattern(pattern: str, span: Span, reading: Reading) -> None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        reading.wrong(span, f"this is no regular expression: {error}")


def _wrong_once(span: Span, message: str, reading: Reading) -> None:
    line, column = span.source.line_and_column(span.start)
    if not any((told.file, told.line, told.column) == (span.source.name, line, column) for told in reading.problems):
        reading.wrong(span, message)
