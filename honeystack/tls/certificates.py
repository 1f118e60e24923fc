"""Certificates from files: loaded and checked once, when the configuration is read."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from honeystack.errors import ConfigError
from honeystack.tls.contexts import Contexts
from honeystack.tls.openssl import OpenSsl
from honeystack.tls.profiles import SigningKey

SLOW_RSA_BITS = 4096  # 150-180 handshakes a second and core, against 2 000 with P-256
WEAK_RSA_BITS = 2048  # NIST SP 800-57 part 1 §5.6: below it nothing is signed since 2014
_WEAK_HASHES = (MD5, SHA1)
_TAKEN_CURVES = ("secp256r1", "secp384r1")  # by every client of today
_CURVES = {"secp256r1": 23, "secp384r1": 24, "secp521r1": 25}  # RFC 8422 §5.1.1


@attrs.frozen(eq=False)
class Certificate:
    """A certificate with its key, ready to serve. `warnings` are sentences for the operator."""

    certificate: Path
    key: Path
    keys: tuple[SigningKey, ...]  # all that it can sign with
    names: tuple[str, ...]  # that it is valid for, or its common name
    expires: datetime
    warnings: tuple[str, ...]
    contexts: Contexts = attrs.field(repr=False)
    chain: tuple[bytes, ...] = attrs.field(default=(), repr=False)  # what the first one's file holds, as DER
    rsa_alone: Certificate | None = attrs.field(default=None, repr=False)  # of several, the one with an RSA key
    rsa_key: RSAPrivateKey | None = attrs.field(default=None, repr=False)  # of one alone
    beside: tuple[Path, ...] = ()  # the files of the others, of several

    def __str__(self) -> str:
        return " and ".join(str(path) for path in (self.certificate, *self.beside))

    @property
    def asks_client(self) -> bool:
        """Whether clients are asked for a certificate."""
        return self.contexts.asks_client


@attrs.frozen
class AutoCertificate:
    """Stands for certificates that are made when they are asked for."""

    certificate: str = "a certificate for each name"
    asks_client: bool = False
    keys: tuple[SigningKey, ...] = (SigningKey("ECDSA", 23), SigningKey("RSA"))

    def __str__(self) -> str:
        return self.certificate


CertificateSource = Certificate | AutoCertificate


def load_certificates(
    pairs: Sequence[tuple[Path, Path]], *, asks_client: bool = False, now: datetime | None = None
) -> Certificate:
    """Several certificates of one port, with keys of different kinds: each client is served what it can take.

    With `asks_client` clients are asked for theirs.
    Raises ConfigError as `load_certificate` does, and where two keys are of one kind.
    """
    loaded = [load_certificate(*pair, asks_client=asks_client, now=now) for pair in pairs]
    kinds = [one.keys[0].algorithm for one in loaded]
    for place, one in enumerate(loaded):
        if kinds[place] in kinds[:place]:
            raise ConfigError(
                f"{one.certificate} has an {kinds[place]} key as another has: only one of each kind serves"
            )
    if len(loaded) == 1:
        return loaded[0]
    return Certificate(
        loaded[0].certificate,
        loaded[0].key,
        tuple(one.keys[0] for one in loaded),
        tuple(dict.fromkeys(name for one in loaded for name in one.names)),
        min(one.expires for one in loaded),
        tuple(warning for one in loaded for warning in one.warnings),
        Contexts(*pairs, openssl=OpenSsl.find(), asks_client=asks_client),
        loaded[0].chain,
        rsa_alone=next((one for one in loaded if one.keys[0].algorithm == "RSA"), None),
        beside=tuple(one.certificate for one in loaded[1:]),
    )


def load_certificate(
    certificate: Path, key: Path, *, asks_client: bool = False, now: datetime | None = None
) -> Certificate:
    """Load a certificate (with its chain) and its key, both PEM. Raises ConfigError, whose message names the file.

    `now` is the time that expiry is judged by, the clock's where it is not given.
    """
    chain = _read_chain(certificate)
    leaf = chain[0]
    private = _read_key(key)
    public = leaf.public_key()
    if _spki(public) != _spki(private.public_key()):
        raise ConfigError(f"{key} is not the key of {certificate}")
    try:
        contexts = Contexts((certificate, key), openssl=OpenSsl.find(), asks_client=asks_client)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{certificate} cannot be served: {error}") from error
    return Certificate(
        certificate,
        key,
        (_signs_with(public),),
        names_of(leaf),
        leaf.not_valid_after_utc,
        tuple(_warnings(certificate, chain, now or datetime.now(UTC))),
        contexts,
        tuple(one.public_bytes(Encoding.DER) for one in chain),
        rsa_key=private if isinstance(private, RSAPrivateKey) else None,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _read_chain(path: Path) -> list[x509.Certificate]:
    data = _read(path)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise ConfigError(f"{path} holds no certificate in PEM form{_mixed_up(data, b'PRIVATE KEY')}") from error


def _read_key(path: Path) -> PrivateKeyTypes:
    data = _read(path)
    try:
        return load_pem_private_key(data, password=None)
    except TypeError as error:
        raise ConfigError(f"{path} is encrypted; decrypt it with: openssl pkey -in {path.name} -out …") from error
    except Exception as error:  # cryptography raises its own kinds for keys that it does not know
        raise ConfigError(f"{path} holds no private key in PEM form{_mixed_up(data, b'CERTIFICATE')}") from error


def _mixed_up(data: bytes, found: bytes) -> str:
    return f", but a {found.decode().lower()}" if b"-----BEGIN" in data and found in data else ""


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _signs_with(public: PublicKeyTypes) -> SigningKey:
    if isinstance(public, RSAPublicKey):
        return SigningKey("RSA")
    curve = public.curve.name if isinstance(public, EllipticCurvePublicKey) else ""
    return SigningKey("ECDSA", _CURVES.get(curve))


def names_of(leaf: x509.Certificate) -> tuple[str, ...]:
    """What a certificate is for: its alternative names, else its common names."""
    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(str(name.value) for name in alternatives)
    except (x509.ExtensionNotFound, ValueError):  # ValueError: extensions that cryptography finds badly formed
        return tuple(str(name.value) for name in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME))


def _warnings(path: Path, chain: Sequence[x509.Certificate], now: datetime) -> Iterator[str]:
    """What clients, or the operator, will not like; each sentence begins with the file."""
    leaf, *above = chain
    yield from (f"{path} {what}" for what in (*_out_of_time(leaf, now), *_weaknesses(leaf)))
    for one in above:
        name = one.subject.rfc4514_string()
        yield from (f"{path} holds {name}, which {what}" for what in _out_of_time(one, now))
        if one.subject != one.issuer:  # nobody looks at the signature of a root
            yield from (f"{path} holds {name}, which {what}" for what in _weak_signature(one))
    if above and above[0].subject != leaf.issuer:
        yield f"{path} holds no certificate of the issuer in the second place, so clients cannot follow the chain"


def _out_of_time(one: x509.Certificate, now: datetime) -> Iterator[str]:
    if now > one.not_valid_after_utc:
        yield f"expired on {one.not_valid_after_utc:%Y-%m-%d}"
    if now < one.not_valid_before_utc:
        yield f"is not valid before {one.not_valid_before_utc:%Y-%m-%d}"


def _weaknesses(leaf: x509.Certificate) -> Iterator[str]:
    public = leaf.public_key()
    if isinstance(public, RSAPublicKey):
        if public.key_size >= SLOW_RSA_BITS:
            yield f"has an RSA key of {public.key_size} bits, which is slow to serve; use P-256 or RSA-2048"
        if public.key_size < WEAK_RSA_BITS:
            yield f"has an RSA key of {public.key_size} bits, which clients of today refuse"
    elif not isinstance(public, EllipticCurvePublicKey) or public.curve.name not in _TAKEN_CURVES:
        yield "has a key of a kind that many clients refuse; use P-256 or RSA-2048"
    yield from _weak_signature(leaf)


def _weak_signature(one: x509.Certificate) -> Iterator[str]:
    try:
        found = one.signature_hash_algorithm
    except UnsupportedAlgorithm:  # one that cryptography has no name for is none of those
        return
    if isinstance(found, _WEAK_HASHES):
        yield f"is signed with {found.name.upper()}, which clients of today refuse"
