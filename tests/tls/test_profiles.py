"""Profiles: drawn at random, and yet never one that the hello cannot live with."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.tls.hello import ClientHello
from honeystack.tls.profiles import Deck, Profile, SigningKey, offered_versions, random_profile
from tests.tls.peers import hello_in
from tests.tls.vectors import vectors_of

RSA, P256 = SigningKey("RSA"), SigningKey("ECDSA", 23)
MODERN: dict[str, Any] = {
    "cipher_suites": (0x1301, 0x1302, 0xC02B, 0xC02F),
    "supported_versions": (0x0A0A, 0x0304, 0x0303),
    "groups": (29, 23),
}
AEAD = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")


def hello_of(**parts: Any) -> ClientHello:
    given = {"version": 0x0303, "random": bytes(32), "session_id": b"", "cipher_suites": (0xC02F,)}
    return ClientHello(**(given | parts))


def draw(
    hello: ClientHello | None, *, key: SigningKey = RSA, alpn: tuple[str, ...] = (), count: int = 60
) -> list[Profile]:
    rng = random.Random(9)
    return [random_profile(hello, [key], alpn=alpn, rng=rng) for _ in range(count)]


def maxima(hello: ClientHello | None, key: SigningKey = RSA) -> set[int]:
    return {profile.maximum for profile in draw(hello, key=key)}


# versions


def test_a_modern_client_gets_either_version() -> None:
    assert maxima(hello_of(**MODERN)) == {0x0303, 0x0304}
    assert maxima(hello_of(**MODERN), P256) == {0x0303, 0x0304}


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        ({"supported_versions": (0x0304,)}, RSA),
        ({"cipher_suites": (0x1301, 0x1302)}, RSA),
        ({"cipher_suites": (0x1301, 0xC02B)}, RSA),
        ({"cipher_suites": (0x1301, 0xC02F)}, P256),
        ({"cipher_suites": (0x1301, 0x002F)}, RSA),
        ({"groups": (0x11EC,)}, RSA),
        ({"groups": (24, 25)}, P256),
    ],
    ids=["only 1.3", "no suite of 1.2", "none for RSA", "none for ECDSA", "no AEAD", "no group", "not our curve"],
)
def test_13_is_served_where_12_could_fail(parts: dict[str, Any], key: SigningKey) -> None:
    assert maxima(hello_of(**MODERN | parts), key) == {0x0304}


def test_13_is_served_where_early_data_would_spoil_12() -> None:
    assert maxima(hello_of(**MODERN)) == {0x0303, 0x0304}
    assert maxima(hello_of(**MODERN | {"extensions": ((42, b""),)})) == {0x0304}


def test_12_is_served_where_13_must_fail() -> None:
    assert maxima(hello_of(**MODERN | {"cipher_suites": (0xC02F,)})) == {0x0303}


@pytest.mark.parametrize("version", [0x0301, 0x0302, 0x0303])
def test_an_old_client_gets_the_version_that_it_asks_for(version: int) -> None:
    for profile in draw(hello_of(version=version)):
        assert profile.maximum == version
        assert 0x0301 <= profile.minimum <= version


def test_without_the_list_no_client_gets_13() -> None:
    assert maxima(hello_of(version=0x0304)) == {0x0303}


@pytest.mark.parametrize(
    "hello", [None, hello_of(version=0x0300), hello_of(version=2, sslv2=True), hello_of(supported_versions=(0x7F1C,))]
)
def test_where_nothing_offered_is_ours_all_stays_open(hello: ClientHello | None) -> None:
    assert {(profile.minimum, profile.maximum) for profile in draw(hello)} == {(0x0301, 0x0304)}


def test_offered_versions_are_those_we_speak() -> None:
    assert offered_versions(hello_of(supported_versions=(0x0A0A, 0x0304, 0x7F1C, 0x0302, 0x0300))) == (0x0302, 0x0304)
    assert offered_versions(hello_of(version=0x0302)) == (0x0301, 0x0302)
    assert offered_versions(hello_of(version=0x0300)) == ()


# suites


@pytest.mark.parametrize("alpn", [(), ("http/1.1",), ("h2", "http/1.1")])
def test_three_suites_with_forward_secrecy_and_aead_are_always_there(alpn: tuple[str, ...]) -> None:
    for profile in draw(hello_of(**MODERN), alpn=alpn):
        ciphers = profile.ciphers.split(":")
        for key in ("RSA", "ECDSA"):
            assert {f"ECDHE-{key}-{suite}" for suite in AEAD} <= set(ciphers)
        assert ciphers[-1] == "@SECLEVEL=0"
        assert profile.suites13.count("TLS_") == 5


def test_for_h2_the_suites_with_aead_lead() -> None:
    for profile in draw(hello_of(**MODERN), alpn=("h2",)):
        leading = profile.ciphers.split(":")[:6]
        assert all(cipher.endswith(AEAD) for cipher in leading)


def test_what_is_drawn_differs() -> None:
    profiles = draw(hello_of(**MODERN), count=200)
    assert len({profile.ciphers for profile in profiles}) > 195
    assert len({profile.suites13 for profile in profiles}) == 6
    for name in ("server_order", "extended_master_secret", "tickets", "answers_sni"):
        assert {getattr(profile, name) for profile in profiles} == {True, False}
    assert {profile.name for profile in profiles} == {"random"}


def test_the_same_source_draws_the_same() -> None:
    assert draw(hello_of(**MODERN)) == draw(hello_of(**MODERN))


# a deck


def dealt(deck: Deck, hello: ClientHello | None, count: int, alpn: tuple[str, ...] = ()) -> list[Profile]:
    rng = random.Random(3)
    return [random_profile(hello, [RSA], alpn=alpn, rng=rng, deck=deck) for _ in range(count)]


def test_a_deck_deals_some_faces_again_and_again() -> None:
    profiles = dealt(Deck(faces=16, deals=10_000), hello_of(**MODERN), 600)
    used = Counter(profile.look for profile in profiles)
    assert len(used) == 16
    assert max(used.values()) < 600 / 8
    assert len({id(profile) for profile in profiles}) == len(set(profiles)) <= 16 * 3  # for each, ranges of versions
    for name in ("server_order", "extended_master_secret", "tickets", "answers_sni", "minimum", "maximum"):
        assert len({getattr(profile, name) for profile in profiles}) == 2


def test_a_face_makes_way_for_a_new_one() -> None:
    assert len({profile.ciphers for profile in dealt(Deck(faces=2, deals=5), hello_of(**MODERN), 100)}) >= 20
    assert len({profile.ciphers for profile in dealt(Deck(faces=1, deals=1), hello_of(**MODERN), 100)}) == 100


def test_what_is_dealt_is_drawn_for_the_service_and_fits_the_hello() -> None:
    deck = Deck()
    web = ("h2", "http/1.1")
    assert {profile.alpn for profile in dealt(deck, hello_of(**MODERN), 60)} == {()}
    assert {profile.alpn for profile in dealt(deck, hello_of(**MODERN, alpn=(b"http/1.1",)), 60, web)} > {()}
    for profile in dealt(deck, hello_of(**MODERN, alpn=(b"h2",), server_name=b"\xff"), 60, web):
        assert set(profile.alpn) == set(web)
        assert not profile.answers_sni


def test_tickets_of_13_are_sent_where_there_are_tickets() -> None:
    for profile in draw(hello_of(**MODERN)):
        assert profile.tickets13 == int(profile.tickets)


# the server's name and ALPN


@pytest.mark.parametrize("hello", [None, hello_of(server_name=b"caf\xc3\xa9.example")])
def test_a_name_that_python_cannot_take_is_not_answered(hello: ClientHello | None) -> None:
    assert not any(profile.answers_sni for profile in draw(hello))


def test_alpn_is_never_what_the_service_cannot_speak() -> None:
    hello = hello_of(**MODERN, alpn=(b"h2", b"http/1.1", b"smtp"))
    for profile in draw(hello, alpn=("http/1.1",)):
        assert set(profile.alpn) <= {"http/1.1"}
    assert {profile.alpn for profile in draw(hello)} == {()}


def test_alpn_comes_in_any_order_and_is_left_out_where_http_needs_none() -> None:
    hello = hello_of(**MODERN, alpn=(b"h2", b"http/1.1"))
    assert {profile.alpn for profile in draw(hello, alpn=("h2", "http/1.1"))} == {
        (),
        ("h2", "http/1.1"),
        ("http/1.1", "h2"),
    }


def test_alpn_is_not_left_out_for_a_client_that_speaks_only_h2() -> None:
    assert all(profile.alpn for profile in draw(hello_of(**MODERN, alpn=(b"h2",)), alpn=("h2", "http/1.1")))


# any hello


def test_every_recorded_hello_gets_a_version_that_it_offers() -> None:
    rng = random.Random(10)
    for vector in vectors_of("tls", "sslv2"):
        hello = hello_in(bytes.fromhex(vector["wire_hex"]))
        for key in (RSA, P256):
            profile = random_profile(hello, [key], alpn=("http/1.1",), rng=rng)
            if hello is not None and offered_versions(hello):
                assert profile.maximum in offered_versions(hello)
                assert profile.minimum in offered_versions(hello)
            assert profile.minimum <= profile.maximum


_NUMBERS = st.lists(st.integers(0, 0xFFFF) | st.sampled_from([0x0304, 0x0303, 0xC02F, 0x1301, 29]), max_size=6)


@given(st.integers(0, 0xFFFF), _NUMBERS, _NUMBERS, _NUMBERS, st.integers())
@settings(max_examples=150)
def test_any_hello_gets_a_legal_profile(
    version: int, suites: list[int], versions: list[int], groups: list[int], seed: int
) -> None:
    hello = hello_of(
        version=version, cipher_suites=tuple(suites), supported_versions=tuple(versions), groups=tuple(groups)
    )
    profile = random_profile(hello, [RSA], rng=random.Random(seed))
    assert 0x0301 <= profile.minimum <= profile.maximum <= 0x0304
