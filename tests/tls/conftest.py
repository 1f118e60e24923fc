"""Key pairs of each kind as files, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from honeystack.tls.certificates import Certificate, load_certificate
from tests.tls.peers import KeyPair


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


def _issue(authority: trustme.CA, folder: Path, key_type: trustme.KeyType) -> KeyPair:
    issued = authority.issue_cert("a.example", key_type=key_type)
    pair = KeyPair(folder / "cert.pem", folder / "key.pem")
    pair.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    pair.key.write_bytes(issued.private_key_pem.bytes())
    return pair


@pytest.fixture(scope="session")
def rsa_pair(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return _issue(authority, tmp_path_factory.mktemp("rsa"), trustme.KeyType.RSA)


@pytest.fixture(scope="session")
def ecdsa_pair(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return _issue(authority, tmp_path_factory.mktemp("ecdsa"), trustme.KeyType.ECDSA)


@pytest.fixture(scope="session")
def rsa(rsa_pair: KeyPair) -> Certificate:
    return load_certificate(*rsa_pair)


@pytest.fixture(scope="session")
def ecdsa(ecdsa_pair: KeyPair) -> Certificate:
    return load_certificate(*ecdsa_pair)
