"""Certificates as no authority of ours makes them: for any key, out of their time, with the signatures of old."""

from __future__ import annotations

from base64 import encodebytes
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from tests.tls.peers import KeyPair

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# What stands in a certificate for how it is signed (RFC 4055 §5, RFC 5758 §3.2)
_RSA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
SHA256_RSA, SHA1_RSA, MD5_RSA = _RSA + b"\x0b", _RSA + b"\x05", _RSA + b"\x04"
ECDSA_SHA256 = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
ECDSA_SHA1 = b"\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01"


def self_signed(
    folder: Path,
    key: CertificateIssuerPrivateKeyTypes,
    *,
    name: str | None = "only.example",
    days: tuple[int, int] = (-10, 10),
    encryption: KeySerializationEncryption | None = None,
) -> KeyPair:
    """A certificate with a common name and no other, valid from and to so many days from NOW."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else [])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW + timedelta(days=days[0])).not_valid_after(NOW + timedelta(days=days[1]))
    certificate = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())
    pair = KeyPair(folder / "cert.pem", folder / "key.pem")
    pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))
    return pair


def signed_with(pair: KeyPair, oid: bytes) -> None:
    """Let a certificate of RSA and SHA-256 say that it is signed otherwise; no library signs like that any more."""
    pair.certificate.write_bytes(other_signature(pair.certificate.read_bytes(), SHA256_RSA, oid))


def other_signature(pem: bytes, old: bytes, new: bytes) -> bytes:
    """A certificate (PEM) with another word for how it is signed; the signature is then wrong."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    assert der.count(old) == 2
    inner = der[4:].replace(old, new)  # behind the header of the whole, whose length has four bytes
    shorter = len(old) - len(new)
    length = int.from_bytes(inner[2:4], "big") - shorter
    inner = inner[:2] + length.to_bytes(2, "big") + inner[4:]
    whole = b"\x30\x82" + len(inner).to_bytes(2, "big") + inner
    return b"-----BEGIN CERTIFICATE-----\n" + encodebytes(whole) + b"-----END CERTIFICATE-----\n"
