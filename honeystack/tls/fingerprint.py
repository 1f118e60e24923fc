"""Fingerprints of a ClientHello: JA3 as Wireshark computes it, and JA4 as FoxIO's JA4.md has it.

An SSLv2-compatible hello has none: Wireshark gives it no JA3, and two numbering schemes would share one hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import md5, sha256
from typing import Literal, NamedTuple

from honeystack.tls.hello import (
    ALPN,
    GREASE,
    GROUPS,
    POINT_FORMATS,
    SERVER_NAME,
    ClientHello,
    groups_in,
    point_formats_in,
)

Transport = Literal["t", "q", "d"]  # TCP, QUIC, DTLS

REMEMBERED = 256  # kinds of hello, of some kilobytes each
_ORDINARY = 256  # suites and extensions; what is longer is not remembered, as it would cost memory
_NOTHING = "000000000000"  # JA4.md: instead of the hash of an empty list
_MOST = 99  # JA4.md: the counts have two digits
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
_DTLS = 0xFE00  # from here on versions count downwards (RFC 6347 §4.1)


class Fingerprint(NamedTuple):
    """All fingerprints of one hello."""

    ja3: str
    ja3_digest: str
    ja3_nogrease_digest: str
    ja4: str
    ja4_raw: str


_remembered: dict[tuple[object, ...], Fingerprint] = {}


def fingerprint(hello: ClientHello, transport: Transport = "t") -> Fingerprint | None:
    """All fingerprints at once, which costs half of one by one. None for an SSLv2 hello.

    Clients of one kind say hello in the same way again and again, so those of late are remembered.
    """
    if hello.sslv2:
        return None
    kinds = tuple([kind for kind, _ in hello.extensions])
    if len(hello.cipher_suites) + len(kinds) > _ORDINARY or _repeats_lists(kinds):
        return _fingerprint(hello, transport)
    lists = (hello.cipher_suites, kinds, hello.groups, hello.point_formats, hello.signature_algorithms)
    key = (transport, hello.version, hello.cut, hello.supported_versions, hello.alpn[:1], lists)
    prints = _remembered.get(key)
    if prints is None:
        if len(_remembered) >= REMEMBERED:
            _remembered.clear()
        prints = _remembered[key] = _fingerprint(hello, transport)
    return prints


def _fingerprint(hello: ClientHello, transport: Transport) -> Fingerprint:
    string = ja3(hello)
    digest = ja3_digest(string)
    head, suites, extensions = _ja4(hello, transport)
    return Fingerprint(
        string,
        digest,
        digest,
        f"{head}_{_hash(suites)}_{_hash(extensions)}",
        f"{head}_{suites}_{extensions}",
    )


def ja3(hello: ClientHello) -> str:
    """The JA3 string: version, cipher suites, extensions, groups and point formats."""
    if hello.cut:  # Wireshark fails at the cut length, and what it had by then is the string
        return f"{hello.version},{_dashed(hello.cipher_suites)},"
    kinds = [kind for kind, _ in hello.extensions]
    groups, points = [hello.groups], [hello.point_formats]
    if _repeats_lists(kinds):
        groups = [groups_in(data) for kind, data in hello.extensions if kind == GROUPS] or groups
        points = [point_formats_in(data) for kind, data in hello.extensions if kind == POINT_FORMATS] or points
    fields = map(_dashed, (hello.cipher_suites, kinds, *groups))
    # A point format is one byte: no GREASE exists for them.
    return f"{hello.version},{','.join(fields)},{','.join('-'.join(map(str, formats)) for formats in points)}"


def _repeats_lists(kinds: Sequence[int]) -> bool:
    """Whether a list of JA3's comes more than once, as it may not (RFC 8446 §4.2): Wireshark has a field for each."""
    return kinds.count(GROUPS) > 1 or kinds.count(POINT_FORMATS) > 1


def ja3_nogrease(hello: ClientHello) -> str:
    """JA3 without GREASE. Wireshark leaves GREASE out of JA3 itself, so the two are the same string."""
    return ja3(hello)


def ja3_digest(string: str) -> str:
    """What is usually called the JA3: the MD5 of a JA3 string."""
    return md5(string.encode(), usedforsecurity=False).hexdigest()


def ja4(hello: ClientHello, transport: Transport = "t") -> str:
    """The JA4 of a hello."""
    head, suites, extensions = _ja4(hello, transport)
    return f"{head}_{_hash(suites)}_{_hash(extensions)}"


def ja4_raw(hello: ClientHello, transport: Transport = "t") -> str:
    """The JA4 with its lists in place of their hashes (JA4_r)."""
    return "_".join(_ja4(hello, transport))


def _ja4(hello: ClientHello, transport: Transport) -> tuple[str, str, str]:
    """The three parts of JA4: the head, the sorted suites, and the sorted extensions with the signature algorithms."""
    suites = [suite for suite in hello.cipher_suites if suite not in GREASE]
    kinds = [kind for kind, _ in hello.extensions if kind not in GREASE]
    version = max(hello.versions, key=lambda number: number if number < _DTLS else 2 * 0xFFFF - number)
    head = (
        f"{transport}{_VERSIONS.get(version, '00')}{'d' if SERVER_NAME in kinds else 'i'}"
        f"{min(len(suites), _MOST):02}{min(len(kinds), _MOST):02}{_ends(hello.alpn)}"
    )
    extensions = _hexes(sorted(kind for kind in kinds if kind not in (SERVER_NAME, ALPN)))
    algorithms = _hexes(algorithm for algorithm in hello.signature_algorithms if algorithm not in GREASE)
    return head, _hexes(sorted(suites)), f"{extensions}_{algorithms}" if algorithms else extensions


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


def _hexes(numbers: Iterable[int]) -> str:
    return ",".join(f"{number:04x}" for number in numbers)


def _dashed(numbers: Iterable[int]) -> str:
    return "-".join(str(number) for number in numbers if number not in GREASE)
