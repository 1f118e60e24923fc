"""Fingerprints of a ClientHello: JA3 as Wireshark computes it, and JA4 as FoxIO's JA4.md has it.

An SSLv2-compatible hello has none: Wireshark gives it no JA3, and two numbering schemes would share one hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5, sha256
from typing import Literal

from honeystack.tls.hello import ALPN, SERVER_NAME, ClientHello, is_grease

Transport = Literal["t", "q", "d"]  # TCP, QUIC, DTLS

_NOTHING = "000000000000"  # JA4.md: instead of the hash of an empty list
_VERSIONS = {
    0x0304: "13",
    0x0303: "12",
    0x0302: "11",
    0x0301: "10",
    0x0300: "s3",
    0x0002: "s2",
    0xFEFF: "d1",
    0xFEFD: "d2",
    0xFEFC: "d3",
}


class Fingerprint(NamedTuple):
    """All fingerprints of one hello."""

    ja3: str
    ja3_digest: str
    ja3_nogrease_digest: str
    ja4: str
    ja4_raw: str


def fingerprint(hello: ClientHello, transport: Transport = "t") -> Fingerprint | None:
    """All fingerprints at once, which costs half of one by one. None for an SSLv2 hello."""
    if hello.sslv2:
        return None
    string = _ja3(hello)
    plain = ja3_nogrease(hello)
    head, suites, extensions = _ja4(hello, transport)
    return Fingerprint(
        string,
        digest := ja3_digest(string),
        digest if plain == string else ja3_digest(plain),
        f"{head}_{_hash(suites)}_{_hash(extensions)}",
        f"{head}_{suites}_{extensions}",
    )


def _ends(alpn: tuple[bytes, ...]) -> str:
    """The first and last character of the first protocol, or their outer hex digits where one is not alphanumeric."""
    if not alpn or not alpn[0]:
        return "00"
    first, last = alpn[0][:1], alpn[0][-1:]
    if first.isalnum() and last.isalnum():
        return (first + last).decode()
    return first.hex()[0] + last.hex()[1]


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12] if text else _NOTHING


def _dashed(numbers: Iterable[int]) -> str:
    return "-".join(str(number) for number in numbers if not is_grease(number))
