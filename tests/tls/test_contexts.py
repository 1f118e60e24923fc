"""Shared contexts: changed for each connection, and no client of any shape fails on what it gets."""

from __future__ import annotations

import random
import ssl
from collections import Counter

import pytest
import trustme

from honeystack.tls.certificates import Certificate, load_certificate
from honeystack.tls.contexts import Contexts
from honeystack.tls.machine import TlsMachine, TlsState
from honeystack.tls.openssl import OpenSsl
from honeystack.tls.profiles import Profile
from tests.tls.peers import Client, KeyPair, client_context, connected, machine_for, shake
from tests.tls.vectors import body, full_extensions, message, record, sslv2

OLD, ALL = (0x0301, 0x0302), (0x0301, 0x0304)
# name: versions, ciphers, TLS 1.3 suites, whether it can talk to an ECDSA key
SHAPES: dict[str, tuple[tuple[int, int], str | None, str | None, bool]] = {
    "default": (ALL, None, None, True),
    "1.0": ((0x0301, 0x0301), None, None, True),
    "1.1": ((0x0302, 0x0302), None, None, True),
    "1.2": ((0x0303, 0x0303), None, None, True),
    "1.3": ((0x0304, 0x0304), None, None, True),
    "up to 1.2": ((0x0301, 0x0303), None, None, True),
    "1.2 and 1.3": ((0x0303, 0x0304), None, None, True),
    "one AEAD": (ALL, "ECDHE+CHACHA20:@SECLEVEL=0", None, True),
    "CBC": ((0x0301, 0x0303), "ECDHE+AES+SHA1:@SECLEVEL=0", None, True),
    "RSA key exchange": ((0x0301, 0x0303), "kRSA+AES:@SECLEVEL=0", None, False),
    "RSA key exchange, 1.0": ((0x0301, 0x0301), "AES128-SHA:@SECLEVEL=0", None, False),
    "RSA key exchange and 1.3": (ALL, "kRSA+AES:@SECLEVEL=0", None, True),
    "DHE": (OLD, "DHE-RSA-AES256-SHA:@SECLEVEL=0", None, False),
    "Camellia": ((0x0303, 0x0303), "CAMELLIA+RSA:@SECLEVEL=0", None, False),
    "NULL": ((0x0303, 0x0303), "eNULL+kRSA:@SECLEVEL=0", None, False),
    "anonymous": ((0x0303, 0x0303), "ADH+AES:@SECLEVEL=0", None, True),
    "one suite of 1.3": ((0x0304, 0x0304), None, "TLS_AES_128_CCM_SHA256", True),
    "CHACHA20": ((0x0304, 0x0304), None, "TLS_CHACHA20_POLY1305_SHA256", True),
}


@pytest.mark.skipif(OpenSsl.find() is None, reason="clients of all shapes need libssl")
@pytest.mark.parametrize("shape", SHAPES)
def test_no_client_of_any_shape_fails(rsa: Certificate, ecdsa: Certificate, shape: str) -> None:
    versions, ciphers, suites13, speaks_ecdsa = SHAPES[shape]
    rng = random.Random(11)
    for alpn in ((), ("http/1.1",), ("h2", "http/1.1")):
        context = client_context(versions=versions, ciphers=ciphers, suites13=suites13, alpn=alpn)
        for certificate in (rsa, ecdsa) if speaks_ecdsa else (rsa,):
            for name in ("a.example", None):
                for _ in range(2):
                    machine, client = connected(certificate, context, rng, alpn=("h2", "http/1.1"), name=name)
                    assert machine.version
                    assert machine.alpn == client.tls.selected_alpn_protocol()
                    assert machine.alpn is None or machine.alpn in alpn
                    assert certificate.contexts.iana_name(str(machine.cipher)).startswith("TLS_")


def test_a_trusting_client_finds_our_certificate_good(authority: trustme.CA, ecdsa: Certificate) -> None:
    context = client_context(versions=(0x0303, 0x0304), authority=authority.cert_pem.bytes().decode())
    context.check_hostname = True
    connected(ecdsa, context, random.Random(1))


def test_an_sslv2_hello_is_answered_by_openssl(rsa: Certificate) -> None:
    wire = sslv2(version=0x0301, kinds=(0x00002F, 0x000035))
    machine, _ = machine_for(rsa, wire, random.Random(1))
    machine.receive_data(wire)
    out = machine.poll_transmit()
    assert machine.state is TlsState.HANDSHAKE
    assert out[0] == 22
    assert out[5] == 2  # a ServerHello


def test_answers_differ_from_connection_to_connection(rsa: Certificate) -> None:
    rng = random.Random(12)
    context = client_context(versions=(0x0303, 0x0304))
    seen = Counter(connected(rsa, context, rng)[0].cipher for _ in range(60))
    assert len(seen) > 6
    assert max(seen.values()) < 30


def test_sessions_are_resumed_across_configurations_or_begun_anew_but_never_fail(rsa: Certificate) -> None:
    rng = random.Random(13)
    resumed = 0
    for versions in ((0x0303, 0x0303), (0x0304, 0x0304)):
        context = client_context(versions=versions)
        session = None
        for _ in range(60):
            machine, client = connected(rsa, context, rng, session=session)
            machine.send(b"x")
            client.incoming.write(machine.poll_transmit())
            client.read()  # the tickets of 1.3 come with it
            session = client.tls.session if client.tls.session and client.tls.session.has_ticket else session
            resumed += machine.resumed
    assert resumed > 10


def test_without_tickets_no_session_is_kept(rsa_pair: KeyPair) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    profile = Profile("", "DEFAULT:@SECLEVEL=0", "TLS_AES_128_GCM_SHA256", maximum=0x0303, tickets=False)
    context = contexts.configure(profile)
    for _ in range(5):
        client = Client(client_context())
        machine = TlsMachine(lambda: contexts.configure(profile))
        shake(machine, client, client.step())
        assert machine.state is TlsState.ESTABLISHED
        assert not client.tls.session.has_ticket  # type: ignore[union-attr]
    assert context.session_stats()["number"] == 0


def test_the_same_profile_is_applied_once(rsa_pair: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    one, other = Profile("", "DEFAULT", ""), Profile("", "HIGH", "")
    applied = []
    monkeypatch.setattr(contexts, "_apply", lambda context, profile: applied.append(profile))
    for profile in (one, one, other, one):
        contexts.configure(profile)
    assert applied == [one, other, one]


def test_what_a_profile_says_is_in_the_context(rsa_pair: KeyPair) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    plain = contexts.configure(Profile("", "DEFAULT", "", server_order=False, answers_sni=False))
    assert not plain.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert not plain.options & ssl.OP_NO_TICKET
    assert plain.sni_callback is None
    again = contexts.configure(Profile("", "DEFAULT", "", minimum=0x0303, maximum=0x0303))
    assert again is plain
    assert again.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert again.sni_callback is not None
    assert again.minimum_version == again.maximum_version == ssl.TLSVersion.TLSv1_2
    without = contexts.configure(Profile("", "DEFAULT", "", extended_master_secret=False))
    assert without is not plain
    assert without.options & 1


def test_without_the_functions_of_openssl_clients_are_served_too(rsa_pair: KeyPair) -> None:
    contexts = Contexts(rsa_pair)
    for version, maximum in (("1.0", 0x0301), ("1.2", 0x0303), ("1.3", 0x0304)):
        profile = Profile("", "ALL:@SECLEVEL=0", "", minimum=maximum, maximum=maximum, tickets=False)
        client = Client(client_context())
        machine = TlsMachine(lambda profile=profile: contexts.configure(profile))  # type: ignore[misc]
        shake(machine, client, client.step())
        assert machine.version == version
        assert not contexts.configure(profile).options & ssl.OP_NO_TICKET


def test_names_are_those_of_the_registry(rsa: Certificate) -> None:
    contexts = rsa.contexts
    assert contexts.iana_name("ECDHE-RSA-AES128-SHA") == "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
    assert contexts.iana_name("TLS_AES_128_CCM_8_SHA256") == "TLS_AES_128_CCM_8_SHA256"


@pytest.mark.parametrize(
    "name", [b"xn--caf-dma.example", b"a..b", b"a" * 70 + b".example", b"under_score", b"caf\xc3\xa9", b"\xff", b"."]
)
def test_odd_server_names_are_served(rsa: Certificate, name: bytes) -> None:
    rng = random.Random(14)
    wire = record(message(body(extensions=full_extensions(name=name, versions=(0x0303,)))))
    for _ in range(6):
        machine, _ = machine_for(rsa, wire, rng)
        machine.receive_data(wire)
        assert machine.state is TlsState.HANDSHAKE, machine.error


@pytest.mark.parametrize(("version", "labels"), [(0x0303, 1), (0x0304, 5)])
def test_secrets_are_given_to_who_asks(rsa_pair: KeyPair, version: int, labels: int) -> None:
    certificate = load_certificate(*rsa_pair)
    lines: list[bytes] = []
    take = lines.append
    connected(certificate, client_context(versions=(version, version)), random.Random(1))
    assert lines == []
    certificate.contexts.log_keys(take)
    certificate.contexts.log_keys(take)
    connected(certificate, client_context(versions=(version, version)), random.Random(1))
    assert len(lines) == labels
    assert {len(line.split()) for line in lines} == {3}
    assert len({line.split()[1] for line in lines}) == 1


def test_without_the_library_there_are_no_secrets(rsa_pair: KeyPair) -> None:
    Contexts(rsa_pair).log_keys(print)
