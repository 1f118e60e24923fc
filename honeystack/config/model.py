"""A configuration, read and checked: what the honeypot is built from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from honeystack.config.appearance import appearance_of
from honeystack.config.errors import Problem
from honeystack.config.ports import PortSpec
from honeystack.logs import LogOutput
from honeystack.reception import CaptureLimits
from honeystack.tls.certificates import CertificateSource
from honeystack.tls.mimicry import Appearance
from honeystack.transcript import TranscriptLimits


@attrs.frozen
class PortEntry:
    """One `[[port]]`: which ports, who serves them in which order, and how TLS is answered if not as everywhere."""

    specs: tuple[PortSpec, ...]
    services: tuple[str, ...] = ()
    certificate: CertificateSource | None = None
    appearance: Appearance | None = None  # how TLS looks here, where it is not as everywhere


@attrs.frozen
class FilterEntry:
    """One `[[filter]]`: regular expressions; OR inside a tuple, AND between them; empty takes everything."""

    channels: tuple[str, ...]
    services: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    exclude_services: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()
    exclude_types: tuple[str, ...] = ()


@attrs.frozen
class ConfigText:
    """What a configuration was read from, so that another process can read the same."""

    text: str
    path: Path | None  # where it stood; relative paths are relative to its folder
    overrides: tuple[str, ...] = ()


@attrs.frozen
class Config:
    """All settings of one honeypot. Plugins are instances by their name in the config; none of them runs yet."""

    path: Path | None
    listener: Any
    services: Mapping[str, Any] = attrs.field(factory=dict)
    directors: Mapping[str, Any] = attrs.field(factory=dict)
    channels: Mapping[str, Any] = attrs.field(factory=dict)
    ports: tuple[PortEntry, ...] = ()
    filters: tuple[FilterEntry, ...] = ()
    logging: tuple[LogOutput, ...] = ()
    capture: CaptureLimits = attrs.field(factory=CaptureLimits)
    transcripts: TranscriptLimits | None = None  # None: conversations are not written to files
    first_wait: float = 1.0  # seconds to wait for a peer's first bytes before a service that speaks first does
    heartbeat: float = 30.0  # seconds between heartbeats; 0: none
    sensor: str = "honeystack"  # the name in each event
    data: Path = Path("~/.honeystack")
    notes: tuple[Problem, ...] = ()  # what `check` says although it is no error
    source: ConfigText | None = attrs.field(default=None, repr=False, eq=False)  # None: it was not read from a text

    @property
    def appearance(self) -> Appearance:
        """How TLS looks on every port that says nothing of its own."""
        return appearance_of(self.listener)

    @property
    def fallback_certificate(self) -> CertificateSource | None:
        """The certificate of `tcp/0`, for every TCP port that has none of its own."""
        for entry in self.ports:
            if any(spec.is_fallback for spec in entry.specs):
                return entry.certificate
        return None
