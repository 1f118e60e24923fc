"""`tls_fingerprint`: how TLS is to look, on a port or everywhere."""

from __future__ import annotations

from typing import Any

from honeystack.config.errors import Span, nearest
from honeystack.config.positions import Scalar, Table
from honeystack.config.structure import Reading, entry_of
from honeystack.errors import ConfigError
from honeystack.tls.certificates import CertificateSource
from honeystack.tls.mimicry import RANDOM, Appearance, appearances, parse_appearance
from honeystack.tls.servers import shipped_servers


def read_appearance(table: Table, plugin: type, reading: Reading) -> Appearance | None:
    """What a section says, or None: nothing, or nothing that can be used, which has been told then."""
    place = _place(table, plugin)
    if place is None:
        return None
    text, span = place
    servers = shipped_servers()
    try:
        return parse_appearance(text, servers)
    except ConfigError as error:
        reading.wrong(span, str(error), nearest(text, appearances(servers)))
        return None


def check_appearance(table: Table, plugin: type, reading: Reading) -> None:
    """For sections that are read elsewhere."""
    read_appearance(table, plugin, reading)


def appearance_of(listener: Any) -> Appearance:
    """What a listener's settings say for every port that says nothing itself."""
    text = getattr(listener, "tls_fingerprint", None)
    return RANDOM if text is None else parse_appearance(text, shipped_servers())


def note_key(
    table: Table, plugin: type, appearance: Appearance | None, certificate: CertificateSource | None, reading: Reading
) -> None:
    """A JARM tells what kind of key a certificate has, and those that we can look like were measured with RSA.

    That of a forged flight is right whatever the key; but its key exchange can be signed with one of RSA alone.
    """
    place = _place(table, plugin)
    if place is None or appearance is None or appearance.mode == "random" or certificate is None:
        return
    if all(key.algorithm != "RSA" for key in certificate.keys):
        forged = appearance.server is not None and appearance.server.forged is not None
        so = "its answers to a scan cannot be signed" if forged else "JARM will match no real server's"
        reading.note(place[1], f"{certificate.certificate} has no RSA key, so {so}")


def _place(table: Table, plugin: type) -> tuple[str, Span] | None:
    entry = entry_of(table, plugin, "tls_fingerprint")
    if entry is None or not isinstance(entry.node, Scalar) or not isinstance(entry.node.value, str):
        return None
    return entry.node.value, entry.node.span
