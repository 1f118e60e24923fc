"""What TLS tells in events: the one kind they have, and their fields from a hello and from an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import attrs
from cryptography import x509

from honeystack.events.catalogue import EventKind
from honeystack.tls.certificates import names_of
from honeystack.tls.fingerprint import Fingerprint, fingerprint
from honeystack.tls.hello import ClientHello
from honeystack.tls.jarm import jarm_probe
from honeystack.tls.partial import parse_part
from honeystack.tls.stream import TlsOutcome
from honeystack.tls.threats import hello_threats

TLS = EventKind(
    "tcp",
    "tls",
    "A ClientHello was seen, its handshake ended, the first decrypted bytes or an attack came: see `tls.stage`.",
    {
        "tls.stage": "`hello`, `established`, `failed`, `payload` or `threat`",
        "ja3.digest": "MD5 of the JA3 string",
        "ja3.string": "JA3 before hashing",
        "ja3.string-truncated": "bool: there is more of it than is told here; the digests are of the whole",
        "ja3.nogrease-digest": "MD5 of the JA3 string without GREASE values",
        "ja4": "JA4 of the hello",
        "ja4.raw": "JA4 with its lists in place of their hashes",
        "ja4.raw-truncated": "bool: there is more of it than is told here",
        "tls.sni": "server name that the client asks for",
        "tls.sni-truncated": "bool: the name is longer than is told here",
        "tls.alpn": "list: protocols that the client offers",
        "tls.alpn-truncated": "bool: it offers more of them, or longer names, than are told here",
        "tls.versions": "list: versions that the client offers, in its order; of an old hello the highest alone",
        "tls.client.hello.payload": "hex: the hello as it came, with the headers of its records",
        "tls.client.hello.payload-truncated": "bool: of a hello that is not whole or does not parse more has come"
        " than is told here",
        "tls.scanner": "the tool that the hello is known to come from: `jarm`",
        "tls.probe": "int: which of the scanner's hellos it is",
        "tls.threat": "list: attacks that the peer tries, or what it looks for; see the manual",
        "tls.records": "int: records that the hello came in, where there were more than one",
        "tls.segments": "int: at least so many segments of TCP the hello came in, where its size does not need them",
        "tls.version": "version agreed on, `1.0` to `1.3`",
        "tls.ciphersuite": "cipher suite agreed on, by its IANA name",
        "tls.next-protocol": "protocol agreed on by ALPN",
        "tls.resumed": "bool: whether an earlier session was resumed",
        "tls.early-data": "`offered` by a hello that sends data before the handshake ends, `rejected` in the outcome",
        "tls.client.subject": "of the client's certificate, which only ports with `tls_client_certificate` ask for",
        "tls.client.issuer": "of the client's certificate, known or not",
        "tls.client.serial": "of the client's certificate, in hex",
        "tls.client.names": "list: names and addresses that the client's certificate is for",
        "tls.client.not-before": "when the client's certificate begins to be valid, RFC 3339",
        "tls.client.not-after": "when the client's certificate ends to be valid, RFC 3339",
        "tls.client.sha256": "of the client's certificate",
        "tls.client.error": "why the client's certificate does not parse to its end",
        "tls.client.certificate": "hex: the client's certificate itself, in DER",
        "tls.profile": "how our side was configured: `random`, drawn for each connection, or the mimicked server",
        "tls.forged": "bool: a scanner's probe was answered with the bytes of the mimicked server, not by a handshake",
        "tls.error": "why the hello does not parse or the handshake failed; a hello that is `unfinished` has no"
        " fingerprints, and of the other keys those that it has come to",
        "tls.alert": "alert that ended the handshake, sent by either side",
        "payload": "first decrypted bytes",
    },
)

_HELLO_KEYS = ("ja3.", "ja4", "tls.sni", "tls.alpn", "tls.versions", "tls.early-data", "tls.threat")
UDP_TLS = EventKind(
    "udp",
    "tls",
    "The ClientHello of a QUIC or DTLS client, on whatever port; it is not answered.",
    {
        "tls.stage": "`hello`",
        "tls.transport": "`quic` or `dtls`",
        "quic.version": "version of QUIC: `1`, `2` or `draft-29`",
        **{key: text for key, text in TLS.fields.items() if key.startswith(_HELLO_KEYS)},
        "tls.client.hello.payload": "hex: the handshake message, put together",
    },
)

MOST_PART = 2048  # bytes of a hello that is not whole, as most browsers have; `tcp`/`payload` has more
MOST_RAW = 4096  # characters of a raw fingerprint; those of all clients known have less than 1,100
MOST_NAME = 512  # characters of a server name; DNS allows 253, but each byte that is no text is told as four
MOST_PROTOCOLS = 32  # of ALPN; browsers offer two, and no more than some thirty have a name
_MOST_PROTOCOL = 64  # bytes of each of them
_REPEATED = ("ja3.", "ja4", "tls.sni")  # what keys begin with that later events have too
_RAW = ("ja3.string", "ja4.raw")
SMALLEST_SEGMENT = 536  # bytes, that a peer may send without knowing more: RFC 9293 §3.7.1, MUST-15

_VERSIONS = {
    0x0002: "ssl2",
    0x0300: "ssl3",
    0x0301: "1.0",
    0x0302: "1.1",
    0x0303: "1.2",
    0x0304: "1.3",
    0xFEFF: "dtls1.0",
    0xFEFD: "dtls1.2",
    0xFEFC: "dtls1.3",
}


def hello_fields(hello: ClientHello, prints: Fingerprint | None, raw: bytes) -> dict[str, object]:
    """The fields of a hello that is whole."""
    fields: dict[str, object] = {"tls.client.hello.payload": raw}
    if prints is not None:
        fields["ja3.digest"] = prints.ja3_digest
        fields |= _cut("ja3.string", prints.ja3, MOST_RAW)
        fields["ja3.nogrease-digest"] = prints.ja3_nogrease_digest
        fields["ja4"] = prints.ja4
        fields |= _cut("ja4.raw", prints.ja4_raw, MOST_RAW)
    return {**fields, **_offers(hello), "tls.versions": _versions(hello)}


@attrs.frozen
class Told:
    """What is told of a hello, but for its bytes and how they were cut; the same of all that are like it."""

    prints: Fingerprint | None
    facts: dict[str, object]  # what later events repeat
    fields: dict[str, object]  # of its own event


def told_of(hello: ClientHello) -> Told:
    """What to tell of it; made once for hellos that are like each other."""
    if hello.likeness is not None and hello.likeness.told is not None:
        told: Told = hello.likeness.told
        return told
    prints = fingerprint(hello)
    fields = hello_fields(hello, prints, b"")
    del fields["tls.client.hello.payload"]
    scanner = scanner_fields(prints)
    told = Told(prints, repeated(fields) | scanner, {**fields, **scanner, **threat_fields(hello, prints, 1)})
    if hello.likeness is not None:
        hello.likeness.told = told
    return told


def repeated(fields: Mapping[str, object]) -> dict[str, object]:
    """What later events of TLS repeat of those of a hello; a raw fingerprint only where it is told whole."""
    cut = tuple(key for key in _RAW if f"{key}-truncated" in fields)
    return {key: value for key, value in fields.items() if key.startswith(_REPEATED) and not key.startswith(cut)}


def part_fields(raw: bytes, part: bytes) -> dict[str, object]:
    """The fields of a hello that is not whole, or does not parse: its bytes, and what can be read of the message."""
    fields: dict[str, object] = {"tls.client.hello.payload": raw[:MOST_PART]}
    if len(raw) > MOST_PART:
        fields["tls.client.hello.payload-truncated"] = True
    hello = parse_part(part)
    if hello is not None:
        fields |= _offers(hello)
        if hello.supported_versions:  # else the highest is perhaps still to come
            fields["tls.versions"] = _versions(hello)
    return fields


def _offers(hello: ClientHello) -> dict[str, object]:
    fields: dict[str, object] = {}
    if hello.sni is not None:
        fields |= _cut("tls.sni", hello.sni, MOST_NAME)
    if hello.alpn:
        fields |= _protocols(hello.alpn)
    if hello.offers_early_data:
        fields["tls.early-data"] = "offered"
    return fields


def _versions(hello: ClientHello) -> list[str]:
    return [_VERSIONS.get(version, f"0x{version:04x}") for version in hello.versions]


def _cut(key: str, text: str, limit: int) -> dict[str, object]:
    """A text that a peer can make as long as it likes; what is left out of it is marked."""
    return {key: text} if len(text) <= limit else {key: text[:limit], f"{key}-truncated": True}


def _protocols(names: Sequence[bytes]) -> dict[str, object]:
    told = [name[:_MOST_PROTOCOL] for name in names[:MOST_PROTOCOLS]]
    fields: dict[str, object] = {"tls.alpn": [name.decode("utf-8", "backslashreplace") for name in told]}
    return fields if told == list(names) else {**fields, "tls.alpn-truncated": True}


def threat_fields(hello: ClientHello | None, prints: Fingerprint | None, records: int) -> dict[str, object]:
    """What a hello that came in so many records gives away of the peer's intent."""
    if hello is None:
        return {}
    scanner = None if jarm_probe(prints) is None else "jarm"
    threats = hello_threats(hello, records=records, scanner=scanner)
    fields: dict[str, object] = {"tls.threat": threats} if threats else {}
    return {**fields, "tls.records": records} if records > 1 else fields


def cut_fields(hello: ClientHello | None, *, pieces: int, size: int) -> dict[str, object]:
    """How a hello of so many bytes was cut into segments, where it is more than the smallest links make necessary."""
    return {"tls.segments": pieces} if hello is not None and pieces > -(-size // SMALLEST_SEGMENT) else {}


def scanner_fields(prints: Fingerprint | None) -> dict[str, object]:
    """The tool that a hello is known to come from, where there is one."""
    probe = jarm_probe(prints)
    return {} if probe is None else {"tls.scanner": "jarm", "tls.probe": probe}


def outcome_fields(outcome: TlsOutcome, hello: ClientHello | None = None) -> dict[str, object]:
    """The fields of a handshake that is over, whose hello it was; what it did not come to is left out."""
    early = hello is not None and hello.offers_early_data and outcome.version is not None
    fields: dict[str, object] = {
        "tls.profile": outcome.profile,
        "tls.version": outcome.version,
        "tls.ciphersuite": outcome.cipher_suite,
        "tls.next-protocol": outcome.alpn,
        "tls.resumed": outcome.resumed or None,
        "tls.early-data": "rejected" if early else None,  # our contexts never accept it; the client sends it anew
        "tls.forged": outcome.forged or None,
        "tls.error": outcome.error,
        "tls.alert": outcome.alert,
        "tls.threat": list(outcome.threats) or None,
    }
    if outcome.client_certificate is not None:
        fields |= certificate_fields(outcome.client_certificate)
    return {key: value for key, value in fields.items() if value is not None}


def certificate_fields(certificate: bytes) -> dict[str, object]:
    """The fields of a client's certificate (DER); of one that does not parse to its end, what there was, and why."""
    fields: dict[str, object] = {
        "tls.client.sha256": sha256(certificate).hexdigest(),
        "tls.client.certificate": certificate,
    }
    try:
        leaf = x509.load_der_x509_certificate(certificate)
        fields["tls.client.serial"] = f"{leaf.serial_number:x}"
        fields["tls.client.subject"] = leaf.subject.rfc4514_string()
        fields["tls.client.issuer"] = leaf.issuer.rfc4514_string()
        fields["tls.client.not-before"] = f"{leaf.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
        fields["tls.client.not-after"] = f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        fields["tls.client.names"] = list(names_of(leaf)) or None
    except Exception as error:  # a peer's certificate, for whose faults cryptography has many kinds of exceptions
        fields["tls.client.error"] = str(error) or type(error).__name__
    return fields
