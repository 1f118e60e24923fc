"""First flights of servers that OpenSSL cannot be made to look like, for the probes of a JARM scan.

A probe brings no keys: whoever sends it reads the ServerHello and leaves. So the flight is put together here from what
the real server was seen to send, and no handshake can come of it. Below TLS 1.3 it goes on with a certificate and with
a key exchange, signed with the certificate's key if that is one of RSA, as those of the real servers are; in TLS 1.3
with noise, as anyone without keys sees it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from hashlib import md5, sha1

import attrs
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from honeystack.tls.hello import ClientHello

PROBES = 10  # of a scan
_CCS, _ALERT, _HANDSHAKE, _APPLICATION_DATA = 20, 21, 22, 23  # content types, RFC 8446 §5.1
_SERVER_HELLO, _CERTIFICATE, _SERVER_KEY_EXCHANGE, _SERVER_HELLO_DONE = 2, 11, 12, 14
_TLS12, _TLS13 = 0x0303, 0x0304
_FATAL = 2
_DOWNGRADES = {0x0301: b"DOWNGRD\0", 0x0302: b"DOWNGRD\0", 0x0303: b"DOWNGRD\1"}  # RFC 8446 §4.1.3
_SUITES13 = range(0x1301, 0x1306)
_DHE = frozenset({0x0033, 0x0039, 0x0067, 0x006B, 0x009E, 0x009F, 0xCCAA})
_X25519 = b"\x00\x1d"
_RSA_PKCS1_SHA256 = b"\x04\x01"
_SIGNATURE = 256  # bytes, of an RSA key of 2048 bits
_EXPONENT = 32  # bytes of a secret: RFC 7919 §5.2 asks for 225 bits at least
_MAX_FRAGMENT = 1  # extension max_fragment_length, RFC 6066 §4
_FRAGMENT, _LONGEST = 512, 16_384  # bytes of a record: as all ten probes ask for, and as TLS allows

Noise = Callable[[int], bytes]
Sign = Callable[[bytes, int], bytes]  # what is to be signed and the version; a DigitallySigned, RFC 5246 §4.7


@attrs.frozen
class ForgedHello:
    """A ServerHello by what JARM sees of it. `version` is the legacy one, 0x0303 for TLS 1.3 too."""

    suite: int
    version: int
    alpn: str
    extensions: tuple[int, ...]

    @property
    def is_13(self) -> bool:
        return self.suite in _SUITES13


@attrs.frozen
class ForgedAlert:
    """A fatal alert in a record of a version; without a number the connection is closed in silence."""

    alert: int | None = None
    version: int = _TLS12


Forgery = ForgedHello | ForgedAlert


@attrs.frozen
class Forgeries:
    """The ten answers of one server, in the order of JARM's probes."""

    answers: tuple[Forgery, ...]
    session_ids: bool = True  # below TLS 1.3 the server names its sessions
    sealed: tuple[int, ...] = ()  # lengths of the records behind its hello in TLS 1.3

    def flight(
        self, probe: int, hello: ClientHello, chain: Sequence[bytes], noise: Noise, sign: Sign | None = None
    ) -> bytes:
        """All bytes of the answer to a probe, counted from 1. `chain` holds certificates in DER.

        Without anyone to `sign` the signature is noise of the right length.
        """
        answer = self.answers[probe - 1]
        if isinstance(answer, ForgedAlert):
            return b"" if answer.alert is None else _record(_ALERT, bytes([_FATAL, answer.alert]), answer.version)
        if answer.is_13:
            first = _message(_SERVER_HELLO, _server_hello(answer, hello, noise(32), hello.session_id, noise))
            sealed = b"".join(_record(_APPLICATION_DATA, noise(length)) for length in self.sealed)
            return _record(_HANDSHAKE, first) + _record(_CCS, b"\1") + sealed
        random, session = noise(24) + _DOWNGRADES[answer.version], noise(32) if self.session_ids else b""
        flight = [_message(_SERVER_HELLO, _server_hello(answer, hello, random, session, noise))]
        flight += [_message(_CERTIFICATE, _vector(b"".join(_vector(one, 3) for one in chain), 3))]
        parameters = _parameters(answer, noise)
        signed = (sign or _unsigned(noise))(hello.random + random + parameters, answer.version)
        flight += [_message(_SERVER_KEY_EXCHANGE, parameters + signed), _message(_SERVER_HELLO_DONE, b"")]
        limit = _FRAGMENT if _MAX_FRAGMENT in answer.extensions else _LONGEST
        return b"".join(_record(_HANDSHAKE, piece, answer.version) for piece in _pieces(b"".join(flight), limit))


def read_forgeries(answers: Sequence[str], *, sealed: Sequence[int] = (), session_ids: bool = True) -> Forgeries:
    """Answers as the tables of servers have them. Raises ValueError."""
    if len(answers) != PROBES:
        raise ValueError(f"{len(answers)} answers are not those to {PROBES} probes")
    return Forgeries(tuple(parse_forgery(answer) for answer in answers), session_ids, tuple(sealed))


def parse_forgery(text: str) -> Forgery:
    """One answer: `close`, `alert|VERSION|NUMBER`, or a ServerHello as JARM writes it. Raises ValueError."""
    if text == "close":
        return ForgedAlert()
    parts = text.split("|")
    if parts[0] == "alert":
        _, version, alert = parts
        return ForgedAlert(int(alert), int(version, 16))
    suite, version, alpn, extensions = parts
    kinds = tuple(int(kind, 16) for kind in extensions.split("-"))
    return ForgedHello(int(suite, 16), int(version, 16), alpn, kinds)


def _server_hello(answer: ForgedHello, hello: ClientHello, random: bytes, session: bytes, noise: Noise) -> bytes:
    """RFC 8446 §4.1.3."""
    extensions = b"".join(
        kind.to_bytes(2, "big") + _vector(_extension(kind, answer, hello, noise), 2) for kind in answer.extensions
    )
    named = answer.version.to_bytes(2, "big") + random + _vector(session, 1)
    return named + answer.suite.to_bytes(2, "big") + b"\0" + _vector(extensions, 2)


def _extension(kind: int, answer: ForgedHello, hello: ClientHello, noise: Noise) -> bytes:
    contents: dict[int, Callable[[], bytes]] = {
        _MAX_FRAGMENT: lambda: hello.extension(_MAX_FRAGMENT) or b"",
        0x000B: lambda: b"\1\0",  # uncompressed points only, RFC 8422 §5.2
        0x0010: lambda: _vector(_vector(answer.alpn.encode(), 1), 2),
        0x002B: lambda: _TLS13.to_bytes(2, "big"),
        0x0033: lambda: _X25519 + _vector(_share(noise), 2),
        0xFF01: lambda: b"\0",  # RFC 5746 §3.2
    }
    return contents[kind]() if kind in contents else b""


def _parameters(answer: ForgedHello, noise: Noise) -> bytes:
    """RFC 5246 §7.4.3, RFC 8422 §5.4."""
    if answer.suite in _DHE:
        prime = _ffdhe2048()
        public = pow(2, int.from_bytes(noise(_EXPONENT), "big"), int.from_bytes(prime, "big"))
        return _vector(prime, 2) + _vector(b"\2", 2) + _vector(public.to_bytes(len(prime), "big"), 2)
    return b"\3" + _X25519 + _vector(_share(noise), 1)


def _share(noise: Noise) -> bytes:
    """The public half of an X25519 key (RFC 7748)."""
    return X25519PrivateKey.from_private_bytes(noise(32)).public_key().public_bytes_raw()


def rsa_signer(key: RSAPrivateKey) -> Sign:
    """Signs as servers with an RSA key do: PKCS #1 v1.5, with SHA-256 in TLS 1.2 and MD5 beside SHA-1 before it."""

    def sign(message: bytes, version: int) -> bytes:
        if version == _TLS12:
            return _RSA_PKCS1_SHA256 + _vector(key.sign(message, PKCS1v15(), SHA256()), 2)
        digest = md5(message, usedforsecurity=False).digest() + sha1(message, usedforsecurity=False).digest()
        return _vector(key.sign(digest, PKCS1v15(), NoDigestInfo()), 2)  # RFC 2246 §7.4.3

    return sign


def _unsigned(noise: Noise) -> Sign:
    def sign(_: bytes, version: int) -> bytes:
        algorithm = _RSA_PKCS1_SHA256 if version == _TLS12 else b""
        return algorithm + _vector(b"\x7f" + noise(_SIGNATURE - 1), 2)

    return sign


@functools.cache
def _ffdhe2048() -> bytes:
    """The prime of RFC 7919 appendix A.1: 2^2048 - 2^1984 + ([2^1918 e] + 560316) 2^64 - 1."""
    guard = 64  # more bits than the sum is asked for, as each of its terms is rounded down
    e, term, number = 0, 1 << (1918 + guard), 0
    while term:
        e += term
        number += 1
        term //= number
    prime = (1 << 2048) - (1 << 1984) + (((e >> guard) + 560316) << 64) - 1
    return prime.to_bytes(256, "big")


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + _vector(body, 3)


def _vector(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data


def _record(kind: int, body: bytes, version: int = _TLS12) -> bytes:
    return bytes([kind]) + version.to_bytes(2, "big") + _vector(body, 2)


def _pieces(body: bytes, limit: int) -> Iterator[bytes]:
    return (body[start : start + limit] for start in range(0, len(body), limit))
