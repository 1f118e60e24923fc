"""Certificates made on the fly, for whatever name a client asks for: `tls_certificate = "auto"`.

An authority of the sensor's own, root and issuing, is made once and kept in the data directory, and so are the keys of
the leaves, one of each kind. What it is called, and a leaf's dates and serial number, follow from the sensor's secret
and the name: a second look finds the same, also in another process, and no two sensors are alike.

The work is bounded: so many certificates are made in a second, in all and for each source, and so many are remembered.
Beyond that the certificate of the address that the client came to serves, and where that is too much work too, one that
was made at the start; `on_throttled` is called. Never does a client see a name that another has asked for.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from honeystack.errors import Unavailable
from honeystack.tls.budget import WorkBudget
from honeystack.tls.certificates import Certificate, load_certificates

REMEMBERED = 64  # names
PER_SECOND = 10  # certificates made; each costs some 10 ms
LEAF_DAYS = 90
RENEWED_DAYS = 60  # before the end, as the usual clients of ACME do
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*")
_MOST_NAME = 253  # RFC 1035 §2.3.4
_COMMON_NAME = 64  # RFC 5280 appendix A.1: ub-common-name
_SERIAL = 16  # bytes

_HOSTS = ("srv", "web", "host", "node", "app", "gw")  # of the names that the certificates of last resort have

# What issuers are called by, in two halves, so that no short list of names finds all sensors.
_FIRSTS = (
    "North",
    "Hal",
    "Cor",
    "Bright",
    "Kes",
    "Ar",
    "Sol",
    "Lind",
    "Ta",
    "Wes",
    "Mon",
    "Vel",
    "Ost",
    "Clar",
    "Fen",
    "Ri",
)
_SECONDS = (
    "gate",
    "den",
    "vus",
    "water",
    "trel",
    "wick",
    "vay",
    "qvist",
    "mar",
    "ton",
    "dale",
    "stone",
    "ric",
    "berg",
    "mere",
    "vale",
)
_TRADES = ("Trust Services", "Digital Security", "Certification Authority", "Trust Network", "CyberTrust", "Secure")
_COUNTRIES = ("US", "NL", "CH", "SE", "GB", "DE", "NO")

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@attrs.frozen
class _Issuer:
    certificate: x509.Certificate
    key: _Key


class Authority:
    """Input: `certificate_for`. `secret` is the sensor's, `clock` gives seconds since 1970."""

    def __init__(
        self, folder: Path, *, secret: bytes, clock: Callable[[], float], per_second: int = PER_SECOND
    ) -> None:
        self.on_throttled: Callable[[], None] | None = None
        self._folder = folder
        self._secret = secret
        self._clock = clock
        self._issuer: _Issuer | None = None
        self._leaf_keys: dict[str, _Key] = {}
        self._made: OrderedDict[tuple[str, int, bool], Certificate] = OrderedDict()
        self._last_resorts: dict[bool, tuple[int, Certificate]] = {}
        self._names_budget = WorkBudget(per_second, now=clock())
        self._addresses_budget = WorkBudget(per_second, now=clock())  # in whose place no source can put its own names

    def prepare(self) -> None:
        """Read or make the authority, the keys and what serves at last.

        Raises Unavailable where the directory does not serve.
        """
        if self._issuer is not None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._leaf_keys = {"ecdsa": self._key("leaf-ecdsa"), "rsa": self._key("leaf-rsa", rsa_bits=2048)}
            root = self._authority("root", None)
            self._issuer = self._authority("issuing", root)
            self._last_resort(asks_client=False)
        except (OSError, ValueError) as error:
            raise Unavailable(f"no certificates can be made in {self._folder}: {error}") from error

    def certificate_for(
        self, server_name: bytes | None, address: str, *, asks_client: bool = False, source: str = ""
    ) -> Certificate:
        """The certificate for what a client asks for; for the address it came to where that is no host name.

        With `asks_client` the client will be asked for its own. `source` is the client's address or network.
        """
        self.prepare()
        own = address.partition("%")[0]
        name = _host_name(server_name) or own
        known = self._known(name, asks_client=asks_client)
        if known is not None:
            return known
        if name != own and self._names_budget.spend(self._clock(), source):
            return self._remember(name, asks_client=asks_client)
        if name != own and self.on_throttled is not None:
            self.on_throttled()
        known = self._known(own, asks_client=asks_client)
        if known is None and self._addresses_budget.spend(self._clock()):
            known = self._remember(own, asks_client=asks_client)
        return known or self._last_resort(asks_client=asks_client)

    def _known(self, name: str, *, asks_client: bool) -> Certificate | None:
        key = (name, self._period(name), asks_client)
        if key in self._made:
            self._made.move_to_end(key)
        return self._made.get(key)

    def _remember(self, name: str, *, asks_client: bool) -> Certificate:
        began = self._period(name)
        made = self._make(name, began, asks_client=asks_client)
        if len(self._made) >= REMEMBERED:
            self._made.popitem(last=False)
        self._made[(name, began, asks_client)] = made
        return made

    def _last_resort(self, *, asks_client: bool) -> Certificate:
        """For a name of the sensor's own, in a domain that is nobody's (.internal, ICANN 2024)."""
        name = f"{self._choice('host', _HOSTS)}{1 + self._number('host number', 40):02}.internal"
        began = self._period(name)
        known = self._last_resorts.get(asks_client)
        if known is None or known[0] != began:
            known = self._last_resorts[asks_client] = (began, self._make(name, began, asks_client=asks_client))
        return known[1]

    # leaves

    def _period(self, name: str) -> int:
        """The second that the certificate in force for a name began at."""
        length = RENEWED_DAYS * 86_400
        phase = self._number(f"phase {name}", length)
        return int((self._clock() - phase) // length) * length + phase

    def _make(self, name: str, began: int, *, asks_client: bool) -> Certificate:
        assert self._issuer is not None
        start = datetime.fromtimestamp(began, UTC)
        end = start + timedelta(days=LEAF_DAYS, seconds=-1)
        pairs: list[tuple[Path, Path]] = []
        with tempfile.TemporaryDirectory(dir=self._folder) as draft:
            for kind, key in self._leaf_keys.items():
                serial = self._digest(f"serial {kind} {began} {name}", _SERIAL) >> 1  # positive, RFC 5280 §4.1.2.2
                leaf = _leaf(name, key, self._issuer, serial, start, end)
                path = Path(draft) / f"{kind}.pem"
                path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (leaf, self._issuer.certificate)))
                pairs.append((path, self._folder / f"leaf-{kind}.key"))
            return load_certificates(pairs, asks_client=asks_client)

    # what is kept

    def _authority(self, role: str, signer: _Issuer | None) -> _Issuer:
        key = self._key(role)
        path = self._folder / f"{role}.crt"
        if not path.exists():
            now = datetime.fromtimestamp(self._clock(), UTC)
            _write(path, self._authority_certificate(role, key, signer, now).public_bytes(Encoding.PEM))
        return _Issuer(x509.load_pem_x509_certificate(path.read_bytes()), key)

    def _authority_certificate(self, role: str, key: _Key, signer: _Issuer | None, now: datetime) -> x509.Certificate:
        age = timedelta(days=(900 if signer is None else 200) + self._number(f"age {role}", 600))
        subject = self._subject(role)
        builder = (
            x509.CertificateBuilder(signer.certificate.subject if signer else subject, subject, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - age)
            .not_valid_after(now - age + timedelta(days=3650 if signer else 7300))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0 if signer else None), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if signer is not None:
            parent = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
            builder = builder.add_extension(parent, critical=False)
        return builder.sign(signer.key if signer else key, hashes.SHA384() if signer is None else hashes.SHA256())

    def _subject(self, role: str) -> x509.Name:
        house = self._choice("house", _FIRSTS) + self._choice("house's second half", _SECONDS)
        owner = f"{house} {self._choice('trade', _TRADES)}"
        number = 1 + self._number(f"number {role}", 4)
        title = f"{house} Root R{number}" if role == "root" else f"{house} TLS ECC CA G{number}"
        return x509.Name(
            [
                x509.NameAttribute(x509.NameOID.COUNTRY_NAME, self._choice("country", _COUNTRIES)),
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, owner),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, title),
            ]
        )

    def _key(self, name: str, *, rsa_bits: int = 0) -> _Key:
        path = self._folder / f"{name}.key"
        if not path.exists():
            made: _Key = (
                rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
            )
            _write(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError(f"{path.name} holds another kind of key")
        return key

    def _number(self, purpose: str, below: int) -> int:
        return self._digest(purpose, 8) % below

    def _digest(self, purpose: str, length: int) -> int:
        return int.from_bytes(hmac.digest(self._secret, f"certificate {purpose}".encode(), sha256)[:length], "big")

    def _choice(self, purpose: str, among: Sequence[str]) -> str:
        return among[self._number(purpose, len(among))]


def _leaf(name: str, key: _Key, issuer: _Issuer, serial: int, start: datetime, end: datetime) -> x509.Certificate:
    public = key.public_key()
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if len(name) <= _COMMON_NAME else []
    return (
        x509.CertificateBuilder(issuer.certificate.subject, x509.Name(subject), public)
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=not subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(encrypts_keys=isinstance(key, rsa.RSAPrivateKey)), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
        .sign(issuer.key, hashes.SHA256())
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _host_name(server_name: bytes | None) -> str | None:
    """A name that a certificate can be made for; whatever else a peer sends is none."""
    if server_name is None or len(server_name) > _MOST_NAME or not server_name.isascii():
        return None
    name = server_name.decode().lower()
    return name if _NAME.fullmatch(name) else None


def _usage(*, signs_certificates: bool = False, encrypts_keys: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=encrypts_keys,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, readable by the owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
