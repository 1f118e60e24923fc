"""What is planned for each local port: its services, its certificate, and how TLS looks there; asked per connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from honeystack.config.model import PortEntry
from honeystack.config.ports import PortSpec, find
from honeystack.net.address import Endpoint
from honeystack.reception import PortPlan
from honeystack.tls.certificates import AutoCertificate, CertificateSource
from honeystack.tls.mimicry import Appearance
from honeystack.unwrap import TlsPlan

REMEMBERED = 8192  # ports that were asked for; a scan of all ports forgets and looks again


@attrs.frozen
class Room:
    """What is planned for a port, with the things themselves."""

    plan: PortPlan
    services: tuple[tuple[str, Any], ...]
    tls: TlsPlan | None


class Rooms:
    """All of them, of one configuration. Getters: `room`, `planned_ports`."""

    def __init__(
        self,
        ports: Sequence[PortEntry],
        services: Mapping[str, Any],
        *,
        first_wait: float,
        appearance: Appearance,
        has_authority: bool,
    ) -> None:
        self._services = dict(services)
        self._first_wait = first_wait
        self._appearance = appearance
        self._has_authority = has_authority
        self._owners = {spec: entry for entry in ports for spec in entry.specs}
        self._specs = list(self._owners)
        fallback = next((entry for spec, entry in self._owners.items() if spec.is_fallback), None)
        self._fallback = fallback.certificate if fallback else None
        self._by_spec: dict[tuple[str, PortSpec | None], Room] = {}
        self._rooms: dict[tuple[str, str, int], Room] = {}

    def room(self, transport: str, local: Endpoint) -> Room:
        """The one of a local port."""
        key = (transport, *local)
        room = self._rooms.get(key)
        if room is None:
            room = self._furnish(transport, find(self._specs, transport, local.address, local.port))
            if len(self._rooms) >= REMEMBERED:
                self._rooms.clear()
            self._rooms[key] = room
        return room

    def planned_ports(self, transport: str) -> tuple[tuple[str | None, int], ...]:
        """The (address or None, port) pairs that the configuration names."""
        pairs = (
            (spec.address, port)
            for spec in self._specs
            if spec.transport == transport and not spec.is_fallback and not spec.is_any
            for port in range(spec.first, spec.last + 1)
        )
        return tuple(dict.fromkeys(pairs))

    def _furnish(self, transport: str, spec: PortSpec | None) -> Room:
        room = self._by_spec.get((transport, spec))
        if room is not None:
            return room
        entry = self._owners[spec] if spec is not None else None
        services = tuple((name, self._services[name]) for name in entry.services) if entry else ()
        certificate = self._certificate(transport, entry, services)
        plan = PortPlan(
            tuple(name for name, _ in services),
            certificate is not None,
            self._first_wait,
            any(service.speaks_first for _, service in services),
        )
        tls = None
        if certificate is not None:
            appearance = (entry and entry.appearance) or self._appearance
            tls = TlsPlan(certificate, appearance, _alpn(services))
        room = self._by_spec[transport, spec] = Room(plan, services, tls)
        return room

    def _certificate(
        self, transport: str, entry: PortEntry | None, services: Sequence[tuple[str, Any]]
    ) -> CertificateSource | None:
        certificate = (entry and entry.certificate) or self._fallback
        if transport != "tcp" or any(service.speaks_tls for _, service in services):
            return None
        if isinstance(certificate, AutoCertificate) and not self._has_authority:
            return None
        return certificate


def _alpn(services: Sequence[tuple[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for _, service in services for name in getattr(service, "alpn", ())))
