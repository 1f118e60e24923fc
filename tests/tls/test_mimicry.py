"""Mimicry: exactly the server for a scanner, and yet no client is turned away."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.errors import ConfigError
from honeystack.tls.certificates import Certificate
from honeystack.tls.hello import ClientHello
from honeystack.tls.machine import TlsMachine, TlsState
from honeystack.tls.mimicry import (
    DAY,
    RANDOM,
    Appearance,
    Server,
    appearances,
    mimic,
    parse_appearance,
    rotated_server,
)
from honeystack.tls.profiles import SigningKey
from honeystack.tls.servers import shipped_servers
from tests.tls.peers import Client, client_context, hello_in, shake

SERVERS = shipped_servers()
NGINX, NODE, APACHE, LIGHTTPD = (SERVERS[name] for name in ("nginx", "node", "apache", "lighttpd"))
RSA, P256 = SigningKey("RSA"), SigningKey("ECDSA", 23)


def hello_of(**parts: Any) -> ClientHello:
    given = {"version": 0x0303, "random": bytes(32), "session_id": b"", "cipher_suites": (0xC02F,), "groups": (29,)}
    return ClientHello(**(given | parts))


# what a setting means


def test_every_offered_word_is_understood() -> None:
    for text in appearances(SERVERS):
        assert str(parse_appearance(text, SERVERS)) == text
    assert parse_appearance("random", SERVERS) is RANDOM
    assert parse_appearance("mimic:nginx", SERVERS) == Appearance("mimic", NGINX)


@pytest.mark.parametrize("text", ["", "Random", "mimic", "mimic:", "mimic:iis", "nginx", "rotate "])
def test_other_words_are_not(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_appearance(text, SERVERS)


# rotation


NOW = 20_000.0 * DAY


def chosen(**other: Any) -> Server:
    given: dict[str, Any] = {"secret": b"s" * 32, "remote": "198.51.100.7", "port": 443, "now": NOW}
    return rotated_server(list(SERVERS.values()), **(given | other))


def test_a_network_sees_one_server_all_day() -> None:
    assert {chosen(remote=f"198.51.100.{host}").name for host in range(256)} == {chosen().name}
    v6 = {chosen(remote=f"2001:db8:1:2:{host:x}::1").name for host in range(64)}
    assert len(v6) == 1
    assert chosen(remote="fe80::1%eth0") is chosen(remote="fe80::2")


def changes(remote: str) -> list[int]:
    """The minutes of ten days at which a network sees another server."""
    seen = [chosen(remote=remote, now=NOW + 60 * minute) for minute in range(0, 14_400, 10)]
    return [10 * place for place in range(1, len(seen)) if seen[place] is not seen[place - 1]]


def test_the_day_of_each_network_begins_at_a_time_of_its_own() -> None:
    begins = set()
    for network in range(24):
        at = {minute % 1440 for minute in changes(f"198.51.{network}.7")}
        assert len(at) == 1, "once a day, always at the same time"
        begins |= at
    assert len(begins) > 16


@pytest.mark.parametrize(
    "other",
    [
        [{"now": NOW + day * DAY} for day in range(100)],
        [{"port": port} for port in range(100)],
        [{"remote": f"198.51.{net}.7"} for net in range(100)],
        [{"remote": f"2001:db8:1:{net:x}::7"} for net in range(100)],
        [{"secret": bytes([key]) * 32} for key in range(100)],
    ],
    ids=["day", "port", "network", "network6", "secret"],
)
def test_what_differs_spreads_over_all_servers_of_the_rotation(other: list[dict[str, Any]]) -> None:
    seen = {chosen(**one).name for one in other}
    assert len(seen) == sum(server.rotated for server in SERVERS.values())
    assert "openssl" not in seen


# the configuration


def test_a_client_that_the_server_serves_gets_just_that() -> None:
    profile = mimic(NGINX, hello_of(), [RSA])
    assert (profile.name, profile.ciphers, profile.minimum, profile.maximum) == ("nginx", NGINX.ciphers, 0x0303, 0x0303)
    assert (profile.suites13, profile.dhe, profile.tickets, profile.server_order) == (
        NGINX.suites13,
        False,
        True,
        False,
    )
    assert mimic(NGINX, None, [RSA]).maximum == 0x0303


@pytest.mark.parametrize(
    ("server", "parts", "keys"),
    [
        ("nginx", {"version": 0x0301, "cipher_suites": (0xC013,)}, [RSA]),  # older than the server takes
        ("nginx", {"supported_versions": (0x0304,), "cipher_suites": (0x1301,)}, [RSA]),  # newer
        ("haproxy", {"cipher_suites": (0x002F,)}, [RSA]),  # no suite in common
        ("haproxy", {"cipher_suites": (0xC02F,)}, [P256]),  # none that the key fits
        ("haproxy", {"cipher_suites": (0xC02B,), "groups": (29,)}, [P256]),  # not the key's curve
        ("haproxy", {"groups": (0x11EC,)}, [RSA]),
        ("stunnel", {"supported_versions": (0x0304, 0x0303), "cipher_suites": (0xC02F,)}, [RSA]),
        ("stunnel", {"supported_versions": (0x0304,), "cipher_suites": (0x1301,), "groups": (0x11EC,)}, [RSA]),
        ("stunnel", {"supported_versions": (0x0304,), "cipher_suites": (0x1304,)}, [RSA]),
        ("nginx", {"version": 0x0300}, [RSA]),
    ],
)
def test_for_one_that_it_would_turn_away_the_server_is_opened(
    server: str, parts: dict[str, Any], keys: list[SigningKey]
) -> None:
    hello = hello_of(**parts)
    opened = mimic(SERVERS[server], hello, keys)
    assert (opened.minimum, opened.maximum) == (0x0301, 0x0304)
    assert opened.ciphers.endswith(":ALL:COMPLEMENTOFALL:!PSK:!SRP:!aDSS:@SECLEVEL=0")
    assert opened.dhe
    strict = mimic(SERVERS[server], hello, keys, probe=True)
    assert (strict.minimum, strict.ciphers) == (SERVERS[server].minimum, SERVERS[server].ciphers)


@pytest.mark.parametrize(
    ("server", "parts", "keys"),
    [
        ("nginx-old", {"version": 0x0301, "cipher_suites": (0xC013,)}, [RSA]),
        ("haproxy", {"cipher_suites": (0xC02F,)}, [P256, RSA]),
        ("haproxy", {"cipher_suites": (0xC02B,), "groups": (23,)}, [P256]),
        ("haproxy", {"groups": ()}, [RSA]),
        ("haproxy", {"supported_versions": (0x0304,), "cipher_suites": (0x1301,)}, [P256]),
    ],
)
def test_one_that_it_would_serve_is_not(server: str, parts: dict[str, Any], keys: list[SigningKey]) -> None:
    assert mimic(SERVERS[server], hello_of(**parts), keys).ciphers == SERVERS[server].ciphers


def test_a_client_is_only_promised_what_the_service_speaks() -> None:
    hello = hello_of(alpn=(b"h2", b"http/1.1"))
    assert mimic(SERVERS["nginx-h2"], hello, [RSA], alpn=("http/1.1",)).alpn == ("http/1.1",)
    assert mimic(NGINX, hello, [RSA], alpn=("smtp", "http/1.1")).alpn == ("http/1.1", "smtp")
    assert mimic(NGINX, hello, [RSA]).alpn == ()
    assert mimic(SERVERS["nginx-h2"], hello, [RSA], probe=True).alpn == SERVERS["nginx-h2"].alpn


def test_a_probe_with_nothing_in_common_gets_what_the_server_does_then() -> None:
    rare = hello_of(alpn=(b"hq",))
    assert mimic(APACHE, rare, [RSA], probe=True).alpn_imposed == "http/1.1"
    assert mimic(NODE, rare, [RSA], probe=True).alpn_refused
    for server in (APACHE, NODE):
        gentle = mimic(server, rare, [RSA], alpn=("http/1.1",))
        assert (gentle.alpn_imposed, gentle.alpn_refused) == (None, False)
    assert not mimic(NODE, hello_of(), [RSA], probe=True).alpn_refused


def test_lighttpd_takes_the_clients_order() -> None:
    hello = hello_of(alpn=(b"http/1.0", b"h2", b"http/1.0", b"x"))
    assert mimic(LIGHTTPD, hello, [RSA], probe=True).alpn == ("http/1.0", "h2")


def test_a_name_that_python_cannot_take_is_not_confirmed() -> None:
    assert mimic(NGINX, hello_of(server_name=b"a"), [RSA]).answers_sni
    assert not mimic(NGINX, hello_of(server_name=b"\xff"), [RSA]).answers_sni


# clients

SHAPES: list[dict[str, Any]] = [{"versions": (version, version)} for version in (0x0301, 0x0302, 0x0303, 0x0304)] + [
    {"versions": (0x0301, 0x0304)},
    {"versions": (0x0303, 0x0303), "ciphers": "AES128-SHA:@SECLEVEL=0"},
    {"versions": (0x0303, 0x0303), "ciphers": "DHE-RSA-AES128-SHA:@SECLEVEL=0"},
    {"versions": (0x0303, 0x0303), "ciphers": "AECDH-AES128-SHA:@SECLEVEL=0"},
    {"versions": (0x0304, 0x0304), "suites13": "TLS_AES_128_CCM_SHA256"},
    {"alpn": ("h2", "http/1.1")},
    {"alpn": ("h2",)},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("server", SERVERS.values(), ids=lambda server: server.name)
def test_no_client_fails(rsa: Certificate, server: Server, shape: dict[str, Any]) -> None:
    client = Client(client_context(**shape))
    wire = client.step()
    profile = mimic(server, hello_in(wire), rsa.keys, alpn=("http/1.1",))
    machine = TlsMachine(partial(rsa.contexts.configure, profile))
    shake(machine, client, wire)
    assert (machine.state, client.done) == (TlsState.ESTABLISHED, True), (machine.error, client.error, profile)


def test_one_after_the_other_they_do_not_disturb_each_other(rsa: Certificate) -> None:
    rng = random.Random(3)
    for _ in range(60):
        test_no_client_fails(rsa, rng.choice(list(SERVERS.values())), rng.choice(SHAPES))


@settings(max_examples=80, deadline=None)
@given(
    server=st.sampled_from(list(SERVERS.values())),
    version=st.integers(0, 0xFFFF),
    suites=st.lists(st.integers(0, 0xFFFF), max_size=4),
    groups=st.lists(st.integers(0, 0xFFFF), max_size=3),
    versions=st.lists(st.sampled_from([0x0301, 0x0303, 0x0304, 0x0A0A, 0x7F1C]), max_size=3),
    alpn=st.lists(st.binary(max_size=4), max_size=3),
    name=st.none() | st.binary(max_size=4),
    probe=st.booleans(),
)
def test_any_hello_gets_a_configuration_that_openssl_takes(
    rsa: Certificate,
    server: Server,
    version: int,
    suites: list[int],
    groups: list[int],
    versions: list[int],
    alpn: list[bytes],
    name: bytes | None,
    probe: bool,
) -> None:
    hello = hello_of(
        version=version,
        cipher_suites=tuple(suites),
        groups=tuple(groups),
        supported_versions=tuple(versions),
        alpn=tuple(alpn),
        server_name=name,
    )
    rsa.contexts.configure(mimic(server, hello, rsa.keys, alpn=("http/1.1",), probe=probe))
