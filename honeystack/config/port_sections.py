"""The `[[port]]` sections: which ports, who serves them, and with which certificate; each port once."""

from __future__ import annotations

import bisect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import attrs

from honeystack.config.appearance import note_key, read_appearance
from honeystack.config.errors import Span, nearest, surely_meant
from honeystack.config.model import PortEntry
from honeystack.config.ports import PortSpec, parse_port
from honeystack.config.positions import Array, Entry, Node, Scalar, Table
from honeystack.config.sections import PortSection
from honeystack.config.structure import INVALID, Reading, entry_of, structure
from honeystack.errors import ConfigError
from honeystack.tls.certificates import AutoCertificate, CertificateSource, load_certificates
from honeystack.tls.openssl import OpenSsl


@attrs.frozen
class PlacedPort:
    """One port specification and where it stands."""

    spec: PortSpec
    span: Span
    table: Table


_OF_TLS = ("tls_certificate", "tls_key", "tls_client_certificate", "tls_fingerprint")

_PORTS = ("port", "ports")
_SPELLINGS = ("tls_certificate", "certificate_file", "tls_key", "key_file")
_Claims = dict[tuple[str, str | None, bool], list[PlacedPort]]


def strings_in(node: Node | None) -> list[tuple[str, Span]]:
    """The strings of a value that is one string or a list of them, with their places."""
    items = node.items if isinstance(node, Array) else [node]
    return [(item.value, item.span) for item in items if isinstance(item, Scalar) and isinstance(item.value, str)]


def read_ports(
    tables: list[Table], services: Mapping[str, Any], reading: Reading
) -> tuple[list[PortEntry], list[PlacedPort]]:
    """The entries, and the place of each port for further checks. `services` may hold INVALID for broken ones."""
    entries: list[PortEntry] = []
    placed: list[PlacedPort] = []
    claims: _Claims = {}
    for table in tables:
        section = _sound_part(table, structure(PortSection, table, reading, where="[[port]]"), reading.folder)
        specs = _read_specs(table, reading)
        for port in specs:
            _check_once(port, claims, reading)
        placed += specs
        certificate = _read_certificate(section, table, reading)
        _check_fallback([port for port in specs if port.spec.is_fallback], section, table, reading)
        _check_services(table, specs, services, reading)
        _check_tls_has_tcp(table, specs, reading)
        appearance = read_appearance(table, PortSection, reading)
        note_key(table, PortSection, appearance, certificate, reading)
        entries.append(PortEntry(tuple(port.spec for port in specs), section.services, certificate, appearance))
    _check_tls_speakers(entries, tables, services, reading)
    _check_looks(entries, tables, reading)
    return entries, placed


def _sound_part(table: Table, section: Any, folder: Path) -> PortSection:
    """The section; where something in it is wrong, what it says apart from that, so that the rest is checked too."""
    if section is not INVALID:
        return cast("PortSection", section)
    sound: dict[str, Entry] = {}
    for name, entry in table.entries.items():
        if structure(PortSection, Table(table.span, {**sound, name: entry}), Reading(folder), where="") is not INVALID:
            sound[name] = entry
    return cast("PortSection", structure(PortSection, Table(table.span, sound), Reading(folder), where=""))


def _read_specs(table: Table, reading: Reading) -> list[PlacedPort]:
    places = [place for name in _PORTS if name in table.entries for place in strings_in(table.entries[name].node)]
    if not places and not any(surely_meant(name, _PORTS) for name in table.entries):
        reading.missing(table.span, "[[port]] needs a port", 'write port = "tcp/80"')
    specs = []
    for text, span in places:
        try:
            specs.append(PlacedPort(parse_port(text), span, table))
        except ConfigError as error:
            reading.wrong(span, str(error))
    return specs


def _check_once(port: PlacedPort, before: _Claims, reading: Reading) -> None:
    """Ranges that do not overlap stay in order, so only the neighbours can clash; thousands of ports cost little."""
    spec = port.spec
    claims = before.setdefault((spec.transport, spec.address, spec.is_any), [])
    at = bisect.bisect(claims, spec.first, key=lambda claim: claim.spec.first)
    for other in claims[max(0, at - 1) : at + 1]:
        if spec.clashes(other.spec):
            reading.wrong(port.span, f"{spec} is used twice; the first use is {other.spec} at {other.span}")
            return
    claims.insert(at, port)


def _check_fallback(fallbacks: list[PlacedPort], section: PortSection, table: Table, reading: Reading) -> None:
    for port in fallbacks:
        if port.spec.transport == "udp" or port.spec.address is not None:
            reading.wrong(
                port.span, f"{port.spec} means nothing", 'write "tcp/0" for the certificate of all other ports'
            )
        elif section.tls_certificate is None and not _misspelt(table):
            reading.missing(
                port.span, "tcp/0 is the certificate of all other ports: it needs 'tls_certificate' and 'tls_key'"
            )
        elif section.services:
            reading.wrong(
                port.span,
                "tcp/0 is only the certificate of all other ports and has no services",
                'did you mean "tcp/any"?',
            )


def _check_services(table: Table, specs: list[PlacedPort], services: Mapping[str, Any], reading: Reading) -> None:
    entry = table.entries.get("services")
    for name, span in strings_in(entry.node) if entry else ():
        if name not in services:
            reading.missing(span, f"there is no service {name!r}", nearest(name, services))
        elif services[name] is not INVALID:
            for transport in dict.fromkeys(port.spec.transport for port in specs):
                _check_speaks(services[name], name, transport, span, reading)


def _check_speaks(service: Any, name: str, transport: str, span: Span, reading: Reading) -> None:
    if not hasattr(service, "handle_datagrams" if transport == "udp" else "handle"):
        reading.wrong(span, f"the service {name!r} does not speak {transport.upper()}")


def _check_tls_speakers(
    entries: list[PortEntry], tables: list[Table], services: Mapping[str, Any], reading: Reading
) -> None:
    fallback = any(spec.is_fallback for entry in entries for spec in entry.specs)
    for table in tables:
        own = entry_of(table, PortSection, "tls_certificate")
        specs = [port.spec for port in _read_specs(table, Reading())]
        entry = table.entries.get("services")
        if (own is None and not fallback) or all(spec.transport == "udp" for spec in specs) or entry is None:
            continue
        for name, span in strings_in(entry.node):
            if getattr(services.get(name), "speaks_tls", False):
                whose = "this port's certificate" if own else "the certificate of tcp/0"
                reading.wrong(span, f"the service {name!r} does TLS itself, but TLS is decoded here with {whose}")


def _check_tls_has_tcp(table: Table, specs: list[PlacedPort], reading: Reading) -> None:
    if not specs or any(port.spec.transport == "tcp" for port in specs):
        return
    for name in _OF_TLS:
        entry = entry_of(table, PortSection, name)
        if entry is not None:
            reading.wrong(entry.key, "TLS is decoded on TCP ports, and here is none", "leave this out")


def _check_looks(entries: list[PortEntry], tables: list[Table], reading: Reading) -> None:
    """How TLS looks says nothing where there is no certificate for it."""
    if any(spec.is_fallback for entry in entries for spec in entry.specs):
        return
    for table in tables:
        look, own = (entry_of(table, PortSection, name) for name in ("tls_fingerprint", "tls_certificate"))
        if look is not None and own is None:
            reading.warn(look.key, "there is no certificate for this port, so TLS is not answered at all")


def _read_certificate(section: PortSection, table: Table, reading: Reading) -> CertificateSource | None:
    certificate, key = (entry_of(table, PortSection, name) for name in ("tls_certificate", "tls_key"))
    if (certificate and section.tls_certificate is None) or (key and section.tls_key is None) or _misspelt(table):
        return None  # told already
    asks_client = section.tls_client_certificate == "request"
    asks = entry_of(table, PortSection, "tls_client_certificate")
    if asks_client and asks is not None and certificate is None:
        reading.missing(asks.key, "this needs 'tls_certificate' beside it: who asks for a certificate has one")
    elif asks_client and asks is not None and OpenSsl.find() is None:
        reading.warn(asks.node.span, "this Python hides the functions of OpenSSL, so that no client is asked")
    if section.tls_certificate == "auto":
        if key is not None:
            reading.wrong(key.key, "keys are made too where 'tls_certificate' is \"auto\"", "leave this out")
        return AutoCertificate(asks_client=asks_client)
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        lonely, missing = certificate or key, "tls_key" if key is None else "tls_certificate"
        assert lonely is not None
        meant = nearest(strings_in(lonely.node)[0][0], ["auto"]) if key is None and strings_in(lonely.node) else ""
        reading.missing(lonely.key, f"this needs {missing!r} beside it", meant)
        return None
    certificates, keys = strings_in(certificate.node), strings_in(key.node)
    if len(certificates) != len(keys) or not keys:
        reading.wrong(key.node.span, f"{len(keys)} keys for {len(certificates)} certificates: each needs its own")
        return None
    paths = list(zip(_paths(section.tls_certificate), _paths(section.tls_key), strict=True))
    places = [(one, other) for (_, one), (_, other) in zip(certificates, keys, strict=True)]
    return _load(paths, places, reading, asks_client=asks_client)


def _misspelt(table: Table) -> bool:
    """Whether a key of the certificate's two is misspelt, which has been told."""
    meant = ((name, surely_meant(name, (*_SPELLINGS, "tls_client_certificate"))) for name in table.entries)
    return any(word in _SPELLINGS and word != name for name, word in meant)


def _paths(value: Path | tuple[Path, ...] | str | None) -> tuple[Path, ...]:
    return value if isinstance(value, tuple) else (Path(value),) if value is not None else ()


def _how_to_make(certificate: Path, key: Path) -> str:
    return (
        "make both: openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 365 -subj /CN=example "
        f"-keyout {key} -out {certificate}"
    )


def _load(
    paths: list[tuple[Path, Path]], places: list[tuple[Span, Span]], reading: Reading, *, asks_client: bool
) -> CertificateSource | None:
    """Load the pairs; each refusal is told at the file that is at fault."""
    refused = False
    for pair, spans in zip(paths, places, strict=True):
        refusals = [_refusal(path) for path in pair]
        for span, reason in zip(spans, refusals, strict=True):
            if reason:
                reading.wrong(span, reason, _how_to_make(*pair) if all(refusals) and span is spans[1] else "")
        refused = refused or any(refusals)
    if refused:
        return None
    try:
        loaded = load_certificates(paths, asks_client=asks_client)
    except ConfigError as error:
        # The message begins with the file that is at fault.
        named = [
            (path, span)
            for pair, spans in zip(paths, places, strict=True)
            for path, span in zip(pair, spans, strict=True)
        ]
        at = next((span for path, span in named if str(error).startswith(f"{path} ")), places[0][0])
        reading.wrong(at, str(error))
        return None
    for warning in loaded.warnings:
        named_by = (spans[0] for pair, spans in zip(paths, places, strict=True) if warning.startswith(f"{pair[0]} "))
        reading.warn(next(named_by, places[0][0]), warning)
    if not loaded.names:
        reading.note(places[0][0], f"{loaded.certificate} is for no name: whoever checks it will refuse it")
    return loaded


def _refusal(path: Path) -> str | None:
    if not path.exists():
        return f"there is no file {path}"
    if not path.is_file():
        return f"{path} is no file"
    return None if os.access(path, os.R_OK) else f"{path} may not be read by this user"
