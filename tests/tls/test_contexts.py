"""Shared contexts: changed for each connection, and no client of any shape fails on what it gets."""

from __future__ import annotations

import random
import ssl
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import trustme

from honeystack.tls.certificates import Certificate, load_certificate
from honeystack.tls.contexts import CHANGES, MOST, Contexts
from honeystack.tls.machine import TlsMachine, TlsState
from honeystack.tls.openssl import OpenSsl
from honeystack.tls.profiles import Profile, random_profile
from honeystack.tls.suites import suite_name
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

NEEDS_LIBSSL = pytest.mark.skipif(OpenSsl.find() is None, reason="needs libssl")


@NEEDS_LIBSSL
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
                    assert suite_name(machine.suite or 0).startswith("TLS_")


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
        machine = TlsMachine(partial(contexts.configure, profile))
        shake(machine, client, client.step())
        assert machine.state is TlsState.ESTABLISHED
        assert not client.tls.session.has_ticket  # type: ignore[union-attr]
    assert context.session_stats()["number"] == 0


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[Profile]:
    """Every profile that a context is changed to, from now on."""
    changes: list[Profile] = []
    apply = Contexts._apply
    monkeypatch.setattr(
        Contexts, "_apply", lambda self, slot, profile: (changes.append(profile), apply(self, slot, profile))
    )
    return changes


def looks(count: int) -> list[Profile]:
    return [random_profile(None, (), rng=random.Random(seed)) for seed in range(count)]


def test_the_same_profile_is_applied_once(rsa_pair: KeyPair, applied: list[Profile]) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    one, other = Profile("", "DEFAULT", ""), Profile("", "HIGH", "")
    for profile in (one, one, Profile("", "DEFAULT", "", minimum=0x0303), other, one):
        contexts.configure(profile)
    assert applied == [one, other, one]


def test_another_range_of_versions_needs_no_change(rsa_pair: KeyPair, applied: list[Profile]) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    for version in (0x0303, 0x0304, 0x0303):
        context = contexts.configure(Profile("", "DEFAULT", "", minimum=version, maximum=version))
        assert context.minimum_version == context.maximum_version == version
    assert len(applied) == 1


@NEEDS_LIBSSL
def test_contexts_become_more_with_the_changes_that_they_see(rsa_pair: KeyPair, applied: list[Profile]) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    profiles = [profile for profile in looks(40) if profile.extended_master_secret][:MOST]
    used = [contexts.configure(profile) for _ in range(MOST) for profile in profiles]
    assert len(set(used[: CHANGES - 1])) == 1
    assert len(set(used)) == MOST
    changes = len(applied)
    for profile in profiles:  # by now each look has a context of its own
        contexts.configure(profile)
    assert len(applied) == changes
    contexts.configure(Profile("", "HIGH", ""))
    contexts.configure(profiles[-1])
    assert len(applied) == changes + 1  # it was the one used longest ago that had to change


def test_without_the_library_contexts_do_not_become_more(rsa_pair: KeyPair) -> None:
    contexts = Contexts(rsa_pair)
    assert len({contexts.configure(profile) for _ in range(MOST) for profile in looks(20)}) == 2


def test_a_context_that_another_has_changed_is_changed_back(rsa_pair: KeyPair) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    ours, theirs = Profile("", "AES128-SHA", ""), Profile("", "AES256-SHA", "")
    for openssl_looks_at_it_again in range(3):
        context = contexts.configure(ours)
        assert contexts.configure(theirs) is context
        assert contexts.configure(ours, context) is context, openssl_looks_at_it_again
        assert [suite["name"] for suite in context.get_ciphers()][-1] == "AES128-SHA"


@NEEDS_LIBSSL
def test_two_contexts_may_come_to_look_alike(rsa_pair: KeyPair) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    ours, *others = [profile for profile in looks(40) if profile.extended_master_secret][:MOST]
    first = contexts.configure(ours)
    while contexts.configure(ours) is first:  # another context is made for this look
        for other in others:
            contexts.configure(other)
    again = contexts.configure(ours)
    assert contexts.configure(ours, first) is first
    assert contexts.configure(ours) is first
    for other in others:
        assert contexts.configure(other) is not first or len(others) < MOST
    assert contexts.configure(ours, again) is again


@NEEDS_LIBSSL
def test_every_context_serves_all_certificates_and_their_chains(
    authority: trustme.CA, rsa_pair: KeyPair, ecdsa_pair: KeyPair, tmp_path: Path
) -> None:
    pairs = [(tmp_path / f"{kind}.crt", tmp_path / f"{kind}.key") for kind in ("rsa", "ecdsa")]
    for pair, copies in zip((rsa_pair, ecdsa_pair), pairs, strict=True):
        copies[0].write_bytes(pair[0].read_bytes() + authority.cert_pem.bytes())
        copies[1].write_bytes(pair[1].read_bytes())
    contexts = Contexts(*pairs, openssl=OpenSsl.find())
    for file in tmp_path.iterdir():
        file.unlink()
    chain = ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())
    profiles = looks(60)
    used = Counter(contexts.configure(profile) for profile in profiles)
    assert len(used) > 4
    for ciphers, names in (("ECDHE+aRSA:@SECLEVEL=0", "RSA"), ("ECDHE+aECDSA:@SECLEVEL=0", "ECDSA")):
        for profile in profiles[:20]:
            client = Client(client_context(versions=(0x0303, 0x0303), ciphers=ciphers))
            machine = TlsMachine(partial(contexts.configure, profile))
            machine.receive_data(client.step())
            flight = machine.poll_transmit()
            assert chain in flight
            shake(machine, client, client.step(flight))
            assert names in suite_name(machine.suite or 0), machine.error


@NEEDS_LIBSSL
def test_tickets_of_one_context_are_good_for_others(rsa_pair: KeyPair) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    profiles = [profile for profile in looks(80) if profile.extended_master_secret and profile.tickets]
    for profile in profiles:
        contexts.configure(profile)
    context, session = client_context(versions=(0x0303, 0x0303)), None
    used = set()
    for profile in profiles:
        client = Client(context, session=session)
        configure = partial(contexts.configure, profile)
        machine = TlsMachine(configure)
        shake(machine, client, client.step())
        assert machine.resumed == (session is not None)
        session = client.tls.session
        used.add(configure())
    assert len(used) > 2


@pytest.mark.parametrize("tickets", [0, 1, 2])
def test_so_many_tickets_follow_a_handshake_of_13(rsa_pair: KeyPair, tickets: int) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    profile = Profile("", "DEFAULT", "TLS_AES_128_GCM_SHA256", tickets13=tickets)
    client = Client(client_context(versions=(0x0304, 0x0304)))
    machine = TlsMachine(partial(contexts.configure, profile))
    machine.receive_data(client.step())
    machine.receive_data(client.step(machine.poll_transmit()))
    assert machine.state is TlsState.ESTABLISHED
    assert machine.poll_transmit().count(b"\x17\3\3\0") == tickets


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
        machine = TlsMachine(partial(contexts.configure, profile))
        shake(machine, client, client.step())
        assert machine.version == version
        assert not contexts.configure(profile).options & ssl.OP_NO_TICKET


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


@NEEDS_LIBSSL
def test_contexts_that_come_later_give_their_secrets_too(rsa_pair: KeyPair) -> None:
    contexts = Contexts(rsa_pair, openssl=OpenSsl.find())
    lines: list[bytes] = []
    contexts.log_keys(lines.append)
    used = set()
    for number, profile in enumerate(looks(60), 1):
        configure = partial(contexts.configure, profile)
        client = Client(client_context(versions=(0x0303, 0x0303)))
        shake(TlsMachine(configure), client, client.step())
        used.add(configure())
        assert len(lines) == number
    assert len(used) > 4


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
