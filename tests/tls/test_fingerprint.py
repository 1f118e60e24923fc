"""JA3 and JA4 equal what tshark and the JA4 tools computed of 1 226 recorded hellos."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5, sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.tls.fingerprint import (
    REMEMBERED,
    Fingerprint,
    _remembered,
    fingerprint,
    ja3,
    ja3_digest,
    ja3_nogrease,
    ja4,
    ja4_raw,
)
from honeystack.tls.hello import GREASE, ClientHello, HelloReader, parse_hello
from tests.tls.vectors import body, extension, full_extensions, message, record, shorts, vectors_of
from tests.tls.vectors import vector as sized


def hello_of(**parts: Any) -> ClientHello:
    return ClientHello(**{"version": 0x0303, "random": bytes(32), "session_id": b"", "cipher_suites": (1,)} | parts)


def recorded() -> Iterator[tuple[dict[str, Any], ClientHello, Fingerprint]]:
    """Each recorded hello that parses and is no SSLv2."""
    for vector in vectors_of("tls", "quic", "dtls"):
        if vector.get("malformed"):
            continue
        if vector["kind"] == "tls":
            reader = HelloReader()
            reader.feed(bytes.fromhex(vector["wire_hex"]))
            hello = reader.hello
        else:
            hello = parse_hello(bytes.fromhex(vector["hello_hex"]), datagram=vector["kind"] == "dtls")
        assert hello is not None
        prints = fingerprint(hello)
        assert prints is not None
        yield vector, hello, prints


def test_ja3_equals_that_of_tshark_for_every_recorded_hello() -> None:
    compared = 0
    for vector, _, prints in recorded():
        assert prints.ja3_digest == vector["ja3"], vector["id"]
        compared += 1
    assert compared == 1_213


def test_ja4_equals_that_of_the_tools_wherever_they_agree() -> None:
    compared = 0
    for vector, hello, prints in recorded():
        if vector["ja4"] is not None:
            assert prints.ja4 == vector["ja4"], vector["id"]
            assert prints.ja4_raw == vector["ja4_raw"], vector["id"]
            assert ja4(hello, "q") == "q" + prints.ja4[1:]
            compared += 1
    assert compared == 1_173


@pytest.mark.parametrize(
    ("kinds", "string"),  # as tshark 4.0 has them
    [
        ((10, 11, 10, 11, 11), "771,49199-4865,10-11-10-11-11,29,4866,0-1,,2"),
        ((11, 35, 11), "771,49199-4865,11-35-11,,0-1,"),
        ((10, 10), "771,49199-4865,10-10,29,4866,"),
        ((35, 35), "771,49199-4865,35-35,,"),
    ],
)
def test_a_list_that_comes_again_is_another_field(kinds: tuple[int, ...], string: str) -> None:
    lists = {
        10: [sized(shorts(0x2A2A, 29)), sized(shorts(4866))],
        11: [sized(b"\0\1", 1), sized(b"", 1), sized(b"\2", 1)],
        35: [b"", b""],
    }
    hello = parse_hello(message(body(extensions=b"".join(extension(kind, lists[kind].pop(0)) for kind in kinds))))
    prints = fingerprint(hello)
    assert prints is not None
    assert (prints.ja3, prints.ja3_digest) == (string, md5(string.encode()).hexdigest())
    other = parse_hello(message(body(extensions=b"".join(extension(kind, b"") for kind in kinds))))
    assert (fingerprint(other) == prints) is (kinds == (35, 35))  # what came before is not remembered for it


def test_one_by_one_they_are_the_same_as_all_at_once() -> None:
    for _, hello, prints in list(recorded())[::50]:
        string = ja3(hello)
        together = Fingerprint(string, ja3_digest(string), ja3_digest(ja3_nogrease(hello)), ja4(hello), ja4_raw(hello))
        assert together == prints


@pytest.mark.parametrize(
    "parts",
    [
        {"version": 0x0301},
        {"cut": True},
        {"cipher_suites": (1, 2)},
        {"extensions": ((0, b""),)},
        {"groups": (29,)},
        {"point_formats": (0,)},
        {"signature_algorithms": (0x0403,)},
        {"alpn": (b"h2",)},
        {"supported_versions": (0x0304,)},
    ],
)
def test_what_is_remembered_is_never_that_of_another_hello(parts: dict[str, Any]) -> None:
    hello = hello_of(**parts)
    for other in (hello_of(), hello, hello_of(random=bytes(range(32)), **parts), hello):
        string = ja3(other)
        assert fingerprint(other) == Fingerprint(string, *2 * [ja3_digest(string)], ja4(other), ja4_raw(other))
    assert fingerprint(hello, "q") != fingerprint(hello)


def test_what_is_remembered_is_bounded() -> None:
    for number in range(REMEMBERED + 10):
        fingerprint(hello_of(cipher_suites=(number,)))
    assert len(_remembered) <= REMEMBERED
    before = len(_remembered)
    fingerprint(hello_of(cipher_suites=tuple(range(60_000))))
    assert len(_remembered) == before


def test_an_sslv2_hello_has_none() -> None:
    for vector in vectors_of("sslv2"):
        reader = HelloReader()
        reader.feed(bytes.fromhex(vector["wire_hex"]))
        assert reader.hello is not None
        assert fingerprint(reader.hello) is None
        assert vector["ja3"] is None


def test_grease_is_in_no_fingerprint() -> None:
    greasy = tuple(sorted(GREASE))
    plain = hello_of(extensions=((43, b""),), groups=(29,), signature_algorithms=(0x0403,))
    greased = hello_of(
        cipher_suites=(*greasy, 1),
        extensions=(*((kind, b"") for kind in greasy), (43, b"")),
        groups=(*greasy, 29),
        signature_algorithms=(*greasy, 0x0403),
        supported_versions=(*greasy, 0x0303),
    )
    assert fingerprint(greased) == fingerprint(plain)


def test_a_ja3_without_extensions_keeps_its_commas() -> None:
    assert ja3(hello_of(cipher_suites=(47, 53))) == "771,47-53,,,"
    assert ja3(hello_of(cut=True)) == "771,1,"
    assert ja3_digest("771,1,") == md5(b"771,1,").hexdigest()


def test_ja4_of_nothing_is_zeros() -> None:
    assert ja4(hello_of(cipher_suites=())) == "t12i000000_000000000000_000000000000"
    assert ja4_raw(hello_of(cipher_suites=())) == "t12i000000__"


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ((0x0304, 0x0303), "13"),
        ((0x0303, 0x0301), "12"),
        ((0x7F1C, 0x0303), "00"),
        ((0xFEFF, 0xFEFD), "d2"),
        ((0xFEFD, 0xFEFC), "d3"),
        ((0x0300,), "s3"),
        ((0x0002,), "s2"),
    ],
)
def test_the_version_of_ja4_is_the_highest(versions: tuple[int, ...], expected: str) -> None:
    assert ja4(hello_of(supported_versions=versions))[1:3] == expected


@pytest.mark.parametrize(
    ("alpn", "expected"),
    [
        ((), "00"),
        ((b"",), "00"),
        ((b"h2",), "h2"),
        ((b"http/1.1", b"h2"), "h1"),
        ((b"x",), "xx"),
        ((b"\xab",), "ab"),
        ((b"\x30\xab",), "3b"),
        ((b"\xaba",), "a1"),
        ((b"-x-",), "2d"),
        ((b"\xc3\xa9",), "c9"),
    ],
)
def test_the_ends_of_the_alpn(alpn: tuple[bytes, ...], expected: str) -> None:
    assert ja4(hello_of(alpn=alpn))[8:10] == expected


def test_an_empty_server_name_counts_as_one() -> None:
    assert ja4(parse_hello(message(body(extensions=extension(0, b"")))))[3] == "d"


def test_counts_end_at_99() -> None:
    hello = hello_of(cipher_suites=tuple(range(1, 150)), extensions=tuple((kind, b"") for kind in range(100, 250)))
    assert ja4(hello)[4:8] == "9999"


def test_ja4_sorts_what_clients_shuffle() -> None:
    one = hello_of(
        cipher_suites=(3, 1), extensions=((51, b""), (0, b""), (16, b""), (13, b"")), signature_algorithms=(5, 4)
    )
    assert ja4_raw(one) == "t12d020400_0001,0003_000d,0033_0005,0004"
    assert ja4(one).endswith(sha256(b"000d,0033_0005,0004").hexdigest()[:12])


@given(st.binary(max_size=120))
@settings(max_examples=150)
def test_whatever_parses_has_fingerprints_of_their_shape(tail: bytes) -> None:
    reader = HelloReader()
    reader.feed(record(message(body(extensions=full_extensions() + extension(0x4469, tail)))))
    assert reader.hello is not None
    prints = fingerprint(reader.hello)
    assert prints is not None
    assert len(prints.ja3_digest) == 32
    assert [len(part) for part in prints.ja4.split("_")] == [10, 12, 12]
