"""The host's own listeners: which ports the honeypot would take from them, and which are excluded for nobody."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from honeystack.config.model import Config
from honeystack.doctor.findings import Finding, fault, fine, warning
from honeystack.doctor.machine import Machine
from honeystack.doctor.sockets import HostSocket
from honeystack.errors import HoneystackError
from honeystack.net.address import PROTOCOL_NUMBERS, AddressSet, Exclusions, PortRange
from honeystack.net.attachment import AttachmentSettings, owned_addresses

SUBJECT = "listeners"
SESSION = "your session"


def check_taken(machine: Machine, settings: AttachmentSettings) -> Iterator[Finding]:
    """Listeners on addresses of the honeypot whose port is not excluded, and exclusions that nobody uses."""
    try:
        owned = owned_addresses(settings, machine.interface(settings.interface))
    except HoneystackError:
        owned = AddressSet(settings.addresses)
    listening = [one for one in machine.sockets() if not one.on_loopback]
    exposed = [one for one in listening if one.everywhere or one.address in owned]
    taken = [one for one in exposed if not _excluded(settings.exclusions, one)]
    for name, words in _by_port(taken):
        yield warning(
            SUBJECT, f"the host listens on {words}, which the honeypot takes over", f'exclude_ports = ["{name}"]'
        )
    unused = [ports for ports in settings.exclusions.ports if not any(_covers(ports, one) for one in listening)]
    for ports in unused:
        yield warning(SUBJECT, f"{_words(ports)} is left to the host, where nobody listens on it", "ss -lntu")
    if not taken and not unused:
        yield fine(SUBJECT, "every port that the host listens on is excluded, and every excluded one is listened on")


def check_session(machine: Machine, settings: AttachmentSettings) -> Iterator[Finding]:
    """The operator's own way to this machine. One that does not lead to the honeypot's addresses is not touched."""
    session = ssh_session(machine)
    if session is None:
        return
    remote, local, port = session
    try:
        owned = owned_addresses(settings, machine.interface(settings.interface))
    except HoneystackError:
        return
    if ipaddress.ip_address(local).packed not in owned:
        yield fine(SESSION, f"you came by {local}, which is none of the honeypot's addresses")
    elif settings.exclusions.excludes(PROTOCOL_NUMBERS["tcp"], port, ipaddress.ip_address(remote).packed):
        yield fine(SESSION, f"your ssh session from {remote} to port {port} is left to the host")
    else:
        yield fault(
            SESSION,
            f"your ssh session from {remote} to port {port} would be cut",
            f'exclude_ports = ["tcp/{port}"], or exclude_addresses = ["{remote}"]',
        )


def ssh_session(machine: Machine) -> tuple[str, str, int] | None:
    """The operator's address, and the address and port of this machine that the session goes to (ssh(1))."""
    words = machine.variable("SSH_CONNECTION").split()
    try:
        remote, _, local, port = words
        return str(_unmapped(remote)), str(_unmapped(local)), int(port)
    except ValueError:
        return None


def _unmapped(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def check_free(machine: Machine, config: Config) -> Iterator[Finding]:
    """For the listener `socket`: whether its ports are free."""
    busy = {(one.transport, one.port): one for one in machine.sockets()}
    wanted = [(spec.transport, port) for entry in config.ports for spec in entry.specs for port in _ports(spec)]
    clashing = [busy[place] for place in dict.fromkeys(wanted) if place in busy]
    for one in clashing:
        yield fault(SUBJECT, f"the host listens on {one} already", f"ss -lnp 'sport = :{one.port}'")
    if not clashing:
        yield fine(SUBJECT, "the ports of the configuration are free")


def planned_ports(config: Config) -> list[int]:
    """The ports that the configuration names."""
    return [port for entry in config.ports for spec in entry.specs for port in _ports(spec)]


def _ports(spec: object) -> Iterable[int]:
    first, last = int(getattr(spec, "first", 0)), int(getattr(spec, "last", 0))
    return () if getattr(spec, "is_any", False) or getattr(spec, "is_fallback", False) else range(first, last + 1)


def _excluded(exclusions: Exclusions, one: HostSocket) -> bool:
    return any(_covers(ports, one) for ports in exclusions.ports)


def _covers(ports: PortRange, one: HostSocket) -> bool:
    return ports.covers(PROTOCOL_NUMBERS[one.transport], one.port)


def _by_port(sockets: Sequence[HostSocket]) -> Iterator[tuple[str, str]]:
    """Each port once, whatever addresses it is on."""
    found = {f"{one.transport}/{one.port}": str(one) for one in sockets}
    yield from found.items()


def _words(ports: PortRange) -> str:
    name = {6: "tcp/", 17: "udp/"}.get(ports.protocol or 0, "")
    return f"{name}{ports.first}" if ports.first == ports.last else f"{name}{ports.first}-{ports.last}"
