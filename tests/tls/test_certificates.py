"""Certificates from files: what is wrong is a ConfigError that names the file, what is unwise a warning."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from honeystack.errors import ConfigError
from honeystack.tls.certificates import AutoCertificate, _weak_signature, load_certificate, load_certificates
from honeystack.tls.profiles import SigningKey
from tests.tls.certificates import (
    ECDSA_SHA1,
    ECDSA_SHA256,
    MD5_RSA,
    NOW,
    SHA1_RSA,
    SHA256_RSA,
    other_signature,
    self_signed,
    signed_with,
)
from tests.tls.peers import KeyPair, client_context, connected


def problem(certificate: Path, key: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_certificate(certificate, key, now=NOW)
    return str(caught.value)


@pytest.fixture
def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_a_good_pair_has_no_warnings(ecdsa_pair: KeyPair) -> None:
    certificate = load_certificate(*ecdsa_pair)
    assert certificate.warnings == ()
    assert certificate.names == ("a.example",)
    assert certificate.keys == (SigningKey("ECDSA", 23),)
    assert certificate.expires > datetime.now(UTC)
    assert (certificate.certificate, certificate.key) == ecdsa_pair


def test_each_kind_of_key_is_known(tmp_path: Path, rsa_pair: KeyPair) -> None:
    assert load_certificate(*rsa_pair).keys == (SigningKey("RSA"),)
    for key, expected in (
        (ec.generate_private_key(ec.SECP384R1()), SigningKey("ECDSA", 24)),
        (ed25519.Ed25519PrivateKey.generate(), SigningKey("ECDSA")),
    ):
        assert load_certificate(*self_signed(tmp_path, key)).keys == (expected,)


def test_a_certificate_and_key_in_one_file_do(tmp_path: Path, p256: ec.EllipticCurvePrivateKey) -> None:
    pair = self_signed(tmp_path, p256)
    both = tmp_path / "both.pem"
    both.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
    assert load_certificate(both, both, now=NOW).names == ("only.example",)


def test_the_chain_is_served(authority: trustme.CA, tmp_path: Path) -> None:
    between = authority.create_child_ca()
    issued = between.issue_cert("a.example")
    pair = KeyPair(tmp_path / "cert.pem", tmp_path / "key.pem")
    pair.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    pair.key.write_bytes(issued.private_key_pem.bytes())
    context = client_context(versions=(0x0303, 0x0304), authority=authority.cert_pem.bytes().decode())
    connected(load_certificate(*pair), context, random.Random(1))


# warnings


@pytest.mark.parametrize(
    ("days", "warning"),
    [((-10, -1), "expired on 2025-12-31"), ((1, 10), "is not valid before 2026-01-02"), ((-1, 1), None)],
)
def test_a_certificate_out_of_its_time_is_warned_of(
    tmp_path: Path, p256: ec.EllipticCurvePrivateKey, days: tuple[int, int], warning: str | None
) -> None:
    pair = self_signed(tmp_path, p256, days=days)
    expected = () if warning is None else (f"{pair.certificate} {warning}",)
    assert load_certificate(*pair, now=NOW).warnings == expected


@pytest.mark.parametrize(
    ("key", "warning"),
    [
        (
            lambda: rsa.generate_private_key(65537, 4096),
            "has an RSA key of 4096 bits, which is slow to serve; use P-256",
        ),
        (lambda: rsa.generate_private_key(65537, 1024), "has an RSA key of 1024 bits, which clients of today refuse"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), "has a key of a kind that many clients refuse"),
        (ed25519.Ed25519PrivateKey.generate, "has a key of a kind that many clients refuse"),
        (lambda: rsa.generate_private_key(65537, 2048), None),
        (lambda: ec.generate_private_key(ec.SECP384R1()), None),
    ],
    ids=["RSA-4096", "RSA-1024", "P-521", "Ed25519", "RSA-2048", "P-384"],
)
def test_slow_and_weak_keys_are_warned_of(
    tmp_path: Path, key: Callable[[], CertificateIssuerPrivateKeyTypes], warning: str | None
) -> None:
    pair = self_signed(tmp_path, key())
    warnings = load_certificate(*pair, now=NOW).warnings
    assert [one.startswith(f"{pair.certificate} {warning}") for one in warnings] == [True] * (warning is not None)


@pytest.mark.parametrize(("oid", "name"), [(SHA1_RSA, "SHA1"), (MD5_RSA, "MD5")])
def test_a_weak_signature_is_warned_of(tmp_path: Path, oid: bytes, name: str) -> None:
    pair = self_signed(tmp_path, rsa.generate_private_key(65537, 2048))
    signed_with(pair, oid)
    (warning,) = load_certificate(*pair, now=NOW).warnings
    assert warning == f"{pair.certificate} is signed with {name}, which clients of today refuse"


def test_a_signature_that_nobody_knows_is_none_of_the_weak(tmp_path: Path) -> None:
    pair = self_signed(tmp_path, rsa.generate_private_key(65537, 2048))
    signed_with(pair, SHA256_RSA[:-1] + b"\x7e")
    leaf = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    assert list(_weak_signature(leaf)) == []


def test_what_is_wrong_with_the_chain_is_warned_of(tmp_path: Path, authority: trustme.CA) -> None:
    issued = authority.create_child_ca().issue_cert("a.example")
    pair = KeyPair(tmp_path / "chain.pem", tmp_path / "chain.key")
    pair.key.write_bytes(issued.private_key_pem.bytes())
    leaf, between = (blob.bytes() for blob in issued.cert_chain_pems)
    root = authority.cert_pem.bytes()

    def warnings(*chain: bytes, now: datetime = NOW) -> list[str]:
        pair.certificate.write_bytes(b"".join(chain))
        return [one.removeprefix(f"{pair.certificate} ") for one in load_certificate(*pair, now=now).warnings]

    assert warnings(leaf, between) == warnings(leaf, between, root) == warnings(leaf) == []
    (warning,) = warnings(leaf, root)
    assert warning.startswith("holds no certificate of the issuer in the second place")
    late = warnings(leaf, between, now=datetime(9999, 1, 1, tzinfo=UTC))
    assert late[0].startswith("expired on ")
    assert any(one.startswith("holds ") and ", which expired on " in one for one in late[1:])
    old = other_signature(between, ECDSA_SHA256, ECDSA_SHA1)
    (warning,) = warnings(leaf, old)
    assert warning.endswith(", which is signed with SHA1, which clients of today refuse")
    assert warnings(leaf, between, other_signature(root, ECDSA_SHA256, ECDSA_SHA1)) == []


# errors


def test_a_key_of_another_certificate_is_an_error(ecdsa_pair: KeyPair, rsa_pair: KeyPair) -> None:
    assert problem(ecdsa_pair.certificate, rsa_pair.key) == f"{rsa_pair.key} is not the key of {ecdsa_pair.certificate}"


def test_a_missing_file_is_an_error(ecdsa_pair: KeyPair, tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    assert problem(missing, ecdsa_pair.key) == f"{missing} cannot be read: No such file or directory"
    assert problem(ecdsa_pair.certificate, missing) == f"{missing} cannot be read: No such file or directory"
    assert problem(tmp_path, ecdsa_pair.key) == f"{tmp_path} cannot be read: Is a directory"


@pytest.mark.parametrize("content", [b"", b"\0\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_pem_is_an_error(ecdsa_pair: KeyPair, tmp_path: Path, content: bytes) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_bytes(content)
    assert problem(wrong, ecdsa_pair.key).startswith(f"{wrong} holds no certificate in PEM form")
    assert problem(ecdsa_pair.certificate, wrong).startswith(f"{wrong} holds no private key in PEM form")


def test_files_that_were_exchanged_are_told(ecdsa_pair: KeyPair) -> None:
    assert problem(ecdsa_pair.key, ecdsa_pair.certificate).endswith("no certificate in PEM form, but a private key")
    assert problem(ecdsa_pair.certificate, ecdsa_pair.certificate).endswith(
        "private key in PEM form, but a certificate"
    )


def test_an_encrypted_key_is_an_error_that_says_how_to_decrypt_it(
    tmp_path: Path, p256: ec.EllipticCurvePrivateKey
) -> None:
    pair = self_signed(tmp_path, p256, encryption=BestAvailableEncryption(b"secret"))
    assert "is encrypted; decrypt it with: openssl pkey" in problem(*pair)


def test_a_broken_certificate_in_the_chain_is_an_error(ecdsa_pair: KeyPair, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    chain.write_bytes(ecdsa_pair.certificate.read_bytes() + broken)
    assert str(chain) in problem(chain, ecdsa_pair.key)


def test_a_key_that_cannot_sign_is_an_error(tmp_path: Path, p256: ec.EllipticCurvePrivateKey) -> None:
    key = x25519.X25519PrivateKey.generate()
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), NOW, NOW)
    pair = KeyPair(tmp_path / "cert.pem", tmp_path / "key.pem")
    pair.certificate.write_bytes(builder.sign(p256, SHA256()).public_bytes(Encoding.PEM))
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert problem(*pair).startswith(f"{pair.certificate} cannot be served: ")


def test_two_kinds_of_keys_serve_both_kinds_of_clients(rsa_pair: KeyPair, ecdsa_pair: KeyPair) -> None:
    both = load_certificates([ecdsa_pair, rsa_pair])
    assert both.keys == (SigningKey("ECDSA", 23), SigningKey("RSA"))
    assert both.rsa_alone is not None
    assert both.rsa_alone.keys == (SigningKey("RSA"),)
    assert both.names == ("a.example",)
    assert str(both) == f"{ecdsa_pair.certificate} and {rsa_pair.certificate}"
    for kind in ("ECDSA", "RSA"):
        context = client_context(versions=(0x0303, 0x0303), ciphers=f"ECDHE-{kind}-AES128-GCM-SHA256")
        for seed in range(5):
            machine, _ = connected(both, context, random.Random(seed))
            assert kind in str(machine.cipher)


def test_one_pair_is_just_that(rsa_pair: KeyPair) -> None:
    alone = load_certificates([rsa_pair])
    assert alone.rsa_alone is None
    assert str(alone) == str(rsa_pair.certificate)
    assert str(AutoCertificate()) == "a certificate for each name"


def test_two_keys_of_one_kind_are_refused(
    tmp_path: Path, ecdsa_pair: KeyPair, p256: ec.EllipticCurvePrivateKey
) -> None:
    other = self_signed(tmp_path, p256)
    with pytest.raises(ConfigError, match=f"^{other.certificate} has an ECDSA key as another has"):
        load_certificates([ecdsa_pair, other])


def test_warnings_and_the_earliest_end_of_all_are_kept(
    tmp_path: Path, rsa_pair: KeyPair, p256: ec.EllipticCurvePrivateKey
) -> None:
    old = self_signed(tmp_path, p256)
    both = load_certificates([rsa_pair, old], now=datetime(2100, 1, 1, tzinfo=UTC))
    assert [warning.partition(" ")[0] for warning in both.warnings] == [str(old.certificate)]
    assert both.expires == min(load_certificate(*rsa_pair).expires, load_certificate(*old).expires)
    assert AutoCertificate().keys == (SigningKey("ECDSA", 23), SigningKey("RSA"))
