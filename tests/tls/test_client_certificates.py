"""Clients are asked for a certificate where that is wanted, and whatever they have is taken and told."""

from __future__ import annotations

import random
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from honeystack.tls.authority import Authority
from honeystack.tls.certificates import Certificate, load_certificates
from honeystack.tls.facts import certificate_fields, outcome_fields
from honeystack.tls.machine import TlsState
from honeystack.tls.openssl import MAX_CLIENT_CHAIN, OpenSsl
from honeystack.tls.stream import TlsOutcome
from tests.tls.peers import Client, KeyPair, client_context, connected, machine_for, shake

pytestmark = pytest.mark.skipif(OpenSsl.find() is None, reason="ssl alone takes only certificates that it can verify")

VERSIONS = pytest.mark.parametrize("version", [0x0301, 0x0302, 0x0303, 0x0304], ids=["1.0", "1.1", "1.2", "1.3"])


@pytest.fixture
def asking(ecdsa_pair: KeyPair, rsa_pair: KeyPair) -> Certificate:
    return load_certificates([ecdsa_pair, rsa_pair], asks_client=True)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A client's certificate and key by an authority that nobody knows, which has expired."""
    issued = trustme.CA(organization_name="Nobody").issue_cert("spy@evil.example", common_name="spy")
    path: Path = tmp_path_factory.mktemp("stranger") / "client.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


def bearing(path: Path, version: int) -> ssl.SSLContext:
    context = client_context(versions=(version, version))
    context.load_cert_chain(path)
    return context


@VERSIONS
def test_a_certificate_of_an_unknown_authority_is_taken(asking: Certificate, stranger: Path, version: int) -> None:
    machine, _ = connected(asking, bearing(stranger, version), random.Random(version))
    assert machine.peer_certificate is not None
    leaf = x509.load_pem_x509_certificates(stranger.read_bytes())[0]
    assert machine.peer_certificate == leaf.public_bytes(Encoding.DER)


@VERSIONS
def test_who_has_none_is_served_too(asking: Certificate, version: int) -> None:
    for seed in range(4):
        machine, client = connected(asking, client_context(versions=(version, version)), random.Random(seed))
        assert machine.peer_certificate is None
        machine.receive_data(client.write(b"hello"))
        assert machine.read(100) == b"hello"


@VERSIONS
def test_nobody_is_asked_where_it_is_not_wanted(ecdsa: Certificate, stranger: Path, version: int) -> None:
    machine, _ = connected(ecdsa, bearing(stranger, version), random.Random(1))
    assert machine.peer_certificate is None
    assert not ecdsa.asks_client


def test_a_session_is_resumed_with_its_certificate(asking: Certificate, stranger: Path) -> None:
    for version in (0x0303, 0x0304):
        context = bearing(stranger, version)
        resumed = []
        for seed in range(12):  # some profiles have no tickets
            first, client = connected(asking, context, random.Random(seed))
            client.incoming.write(first.poll_transmit())
            client.read()
            machine, _ = connected(asking, context, random.Random(seed), session=client.tls.session)
            assert machine.peer_certificate == first.peer_certificate
            resumed.append(machine.resumed)
        assert any(resumed), version


def test_a_certificate_that_is_none_gets_an_alert(asking: Certificate) -> None:
    client = Client(client_context(versions=(0x0303, 0x0303)))
    wire = client.step()
    machine, _ = machine_for(asking, wire, random.Random(1))
    machine.receive_data(wire)
    machine.poll_transmit()
    garbage = b"\x0b\0\0\x09\0\0\x06\0\0\x03abc"
    machine.receive_data(b"\x16\3\3\0" + bytes([len(garbage)]) + garbage)
    assert machine.state is TlsState.FAILED
    assert machine.peer_certificate is None
    assert machine.poll_transmit()[:1] == b"\x15"


@VERSIONS
def test_a_chain_beyond_all_measure_gets_an_alert(
    asking: Certificate, stranger: Path, tmp_path: Path, version: int
) -> None:
    path = tmp_path / "long.pem"
    one = stranger.read_bytes()
    der = x509.load_pem_x509_certificates(one)[0].public_bytes(Encoding.DER)
    path.write_bytes(one + one[one.index(b"-----BEGIN CERTIFICATE") :] * (MAX_CLIENT_CHAIN // len(der) + 1))
    client = Client(bearing(path, version))
    wire = client.step()
    machine, _ = machine_for(asking, wire, random.Random(1))
    shake(machine, client, wire)
    assert (machine.state, machine.error) == (TlsState.FAILED, "excessive message size")
    assert machine.peer_certificate is None


def test_made_certificates_ask_too(tmp_path: Path, stranger: Path) -> None:
    authority = Authority(tmp_path, secret=b"s" * 32, clock=lambda: 1.8e9, per_second=1)
    asks, plain = (authority.certificate_for(b"a.example", "192.0.2.1", asks_client=asked) for asked in (True, False))
    assert (asks.asks_client, plain.asks_client) == (True, False)
    for asked in (True, False):  # and so they do when no more are made
        assert authority.certificate_for(b"b.example", "192.0.2.1", asks_client=asked).asks_client is asked
    machine, _ = connected(asks, bearing(stranger, 0x0304), random.Random(1))
    assert machine.peer_certificate is not None


# what is told


def test_all_of_a_certificate_is_told(stranger: Path) -> None:
    leaf = x509.load_pem_x509_certificates(stranger.read_bytes())[0]
    der = leaf.public_bytes(Encoding.DER)
    fields = outcome_fields(TlsOutcome("random", "1.3", client_certificate=der))
    told = {key.removeprefix("tls.client."): value for key, value in fields.items() if key.startswith("tls.client.")}
    assert told.pop("sha256") == leaf.fingerprint(SHA256()).hex()
    assert str(told.pop("subject")).startswith("CN=spy,")
    assert "O=Nobody" in str(told.pop("issuer"))
    assert int(str(told.pop("serial")), 16) == leaf.serial_number
    assert told.pop("names") == ["spy@evil.example"]
    assert str(told.pop("not-before")) == f"{leaf.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
    assert str(told.pop("not-after")) == f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    assert told == {"certificate": der}


@given(st.data())
def test_any_certificate_is_told_as_far_as_it_parses(stranger: Path, data: st.DataObject) -> None:
    der = bytearray(x509.load_pem_x509_certificates(stranger.read_bytes())[0].public_bytes(Encoding.DER))
    for _ in range(data.draw(st.integers(0, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(der[: data.draw(st.integers(0, len(der)))]) if data.draw(st.booleans()) else bytes(der)
    fields = certificate_fields(cut)
    assert fields["tls.client.certificate"] == cut
    assert "tls.client.error" in fields or "tls.client.subject" in fields
