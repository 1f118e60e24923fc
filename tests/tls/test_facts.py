"""Fields of TLS events: each declared, absent where there is nothing to tell."""

from __future__ import annotations

import pytest

from honeystack.events.catalogue import undeclared
from honeystack.events.event import Event
from honeystack.tls.facts import (
    MOST_NAME,
    MOST_PART,
    MOST_PROTOCOLS,
    MOST_RAW,
    TLS,
    certificate_fields,
    cut_fields,
    hello_fields,
    outcome_fields,
    part_fields,
    scanner_fields,
    threat_fields,
)
from honeystack.tls.fingerprint import fingerprint
from honeystack.tls.hello import ClientHello, parse_hello
from honeystack.tls.stream import TlsOutcome
from tests.tls.peers import hello_in
from tests.tls.scans import probes
from tests.tls.vectors import body, extension, full_extensions, message

HELLO = parse_hello(message(body(extensions=full_extensions())))
EARLY = parse_hello(message(body(extensions=full_extensions() + extension(42, b""))))
# Of a client's certificate that parses: tests/tls/test_client_certificates.py
SEEN_ELSEWHERE = [f"tls.client.{name}" for name in ("subject", "issuer", "serial", "names", "not-before", "not-after")]


def test_a_hello_tells_all_that_is_in_it() -> None:
    prints = fingerprint(HELLO)
    assert prints is not None
    assert hello_fields(HELLO, prints, b"raw") == {
        "ja3.digest": prints.ja3_digest,
        "ja3.string": "771,49199-4865,0-10-11-13-16-43,29-23,0-1",
        "ja3.nogrease-digest": prints.ja3_digest,
        "ja4": prints.ja4,
        "ja4.raw": "t13d0206h2_1301,c02f_000a,000b,000d,002b_0403,0804",
        "tls.sni": "a.example",
        "tls.alpn": ["h2", "http/1.1"],
        "tls.versions": ["1.3", "1.2"],
        "tls.client.hello.payload": b"raw",
    }


def test_what_a_hello_does_not_say_is_left_out() -> None:
    hello = parse_hello(message(body(version=0x0301)))
    assert set(hello_fields(hello, None, b"")) == {"tls.versions", "tls.client.hello.payload"}


def test_a_hello_that_does_not_parse_is_its_bytes() -> None:
    assert part_fields(b"\x16\x03", b"") == {"tls.client.hello.payload": b"\x16\x03"}


def test_of_a_hello_that_is_not_whole_is_told_what_has_come() -> None:
    whole = message(body(extensions=full_extensions() + extension(42, b"") + extension(99, bytes(9))))
    assert part_fields(b"raw", whole[:-1]) == {
        "tls.client.hello.payload": b"raw",
        "tls.sni": "a.example",
        "tls.alpn": ["h2", "http/1.1"],
        "tls.early-data": "offered",
        "tls.versions": ["1.3", "1.2"],
    }
    assert "tls.versions" not in part_fields(b"raw", whole[:60])  # a list of them may be to come


def test_of_a_large_hello_that_is_not_whole_the_start_is_told() -> None:
    fields = part_fields(bytes(MOST_PART + 1), b"")
    assert fields == {"tls.client.hello.payload": bytes(MOST_PART), "tls.client.hello.payload-truncated": True}
    assert part_fields(bytes(MOST_PART), b"") == {"tls.client.hello.payload": bytes(MOST_PART)}


@pytest.mark.parametrize(("version", "name"), [(0x0002, "ssl2"), (0x0300, "ssl3"), (0x0302, "1.1"), (0x7F1C, "0x7f1c")])
def test_every_version_has_a_name(version: int, name: str) -> None:
    fields = hello_fields(ClientHello(version, bytes(32), b"", ()), None, b"")
    assert fields["tls.versions"] == [name]


def test_names_that_are_no_text_are_escaped() -> None:
    hello = parse_hello(message(body(extensions=full_extensions(name=b"\xff", alpn=(b"\xfe",)))))
    fields = hello_fields(hello, None, b"")
    assert (fields["tls.sni"], fields["tls.alpn"]) == ("\\xff", ["\\xfe"])


HUGE = parse_hello(
    message(
        body(
            suites=range(0x6000, 0x6000 + 32_000),
            extensions=full_extensions(name=b"\xff" * 12_000, alpn=tuple(b"\xfe" * 90 for _ in range(200))),
        )
    )
)


def test_what_a_peer_makes_long_is_cut_and_marked() -> None:
    prints = fingerprint(HUGE)
    assert prints is not None
    fields = hello_fields(HUGE, prints, b"")
    assert (len(str(fields["ja3.string"])), len(str(fields["ja4.raw"]))) == (MOST_RAW, MOST_RAW)
    assert len(str(fields["tls.sni"])) == MOST_NAME
    assert fields["tls.alpn"] == ["\\xfe" * 64] * MOST_PROTOCOLS
    marks = {key for key in fields if key.endswith("-truncated")}
    assert marks == {f"{key}-truncated" for key in ("ja3.string", "ja4.raw", "tls.sni", "tls.alpn")}
    assert fields["ja3.digest"] == prints.ja3_digest
    assert sum(len(str(value)) for value in fields.values()) < 20_000


def test_many_protocols_or_one_that_is_long_are_marked() -> None:
    for alpn in [(b"a",) * (MOST_PROTOCOLS + 1), (b"a" * 65,)]:
        hello = parse_hello(message(body(extensions=full_extensions(alpn=alpn))))
        assert hello_fields(hello, None, b"")["tls.alpn-truncated"] is True
    whole = parse_hello(message(body(extensions=full_extensions(alpn=(b"a" * 64,) * MOST_PROTOCOLS))))
    assert "tls.alpn-truncated" not in hello_fields(whole, None, b"")


def test_an_outcome_tells_what_it_came_to() -> None:
    good = TlsOutcome("random", "1.3", "TLS_AES_128_GCM_SHA256", "h2", resumed=True)
    assert outcome_fields(good) == {
        "tls.profile": "random",
        "tls.version": "1.3",
        "tls.ciphersuite": "TLS_AES_128_GCM_SHA256",
        "tls.next-protocol": "h2",
        "tls.resumed": True,
    }
    bad = TlsOutcome("random", error="no shared cipher", alert="handshake_failure")
    assert outcome_fields(bad) == {
        "tls.profile": "random",
        "tls.error": "no shared cipher",
        "tls.alert": "handshake_failure",
    }


def test_early_data_is_offered_and_then_rejected() -> None:
    assert hello_fields(EARLY, None, b"")["tls.early-data"] == "offered"
    assert outcome_fields(TlsOutcome("random", "1.3"), EARLY)["tls.early-data"] == "rejected"
    assert "tls.early-data" not in outcome_fields(TlsOutcome("random", error="the connection broke"), EARLY)
    assert "tls.early-data" not in outcome_fields(TlsOutcome("random", "1.3"), HELLO)


@pytest.mark.parametrize(
    ("pieces", "size", "told"), [(1, 1, {}), (2, 536, {"tls.segments": 2}), (2, 537, {}), (4, 1900, {})]
)
def test_segments_are_told_where_the_size_does_not_need_them(pieces: int, size: int, told: dict[str, int]) -> None:
    assert cut_fields(HELLO, pieces=pieces, size=size) == told
    assert cut_fields(None, pieces=pieces, size=size) == {}


def test_every_field_is_declared() -> None:
    outcome = TlsOutcome(
        "random", "1.2", "TLS", "h2", resumed=True, error="e", alert="a", threats=("robot",), forged=True
    )
    fields = {"tls.stage": "hello", "payload": b""}
    fields |= hello_fields(HUGE, fingerprint(HUGE), b"") | hello_fields(HELLO, fingerprint(HELLO), b"")
    fields |= outcome_fields(outcome, EARLY)
    fields |= certificate_fields(b"none") | dict.fromkeys(SEEN_ELSEWHERE)
    assert undeclared(Event("id", 0.0, TLS, fields)) == []
    scan = hello_in(probes()[3][1])
    assert scan is not None
    assert scanner_fields(fingerprint(HELLO)) == scanner_fields(None) == {}
    fields |= scanner_fields(fingerprint(scan))
    assert (fields["tls.scanner"], fields["tls.probe"]) == ("jarm", 4)
    assert threat_fields(HELLO, fingerprint(HELLO), 1) == threat_fields(None, None, 0) == {}
    assert threat_fields(scan, fingerprint(scan), 2) == {"tls.threat": ["jarm", "fragmented-hello"], "tls.records": 2}
    fields |= threat_fields(scan, fingerprint(scan), 2)
    fields |= cut_fields(HELLO, pieces=2, size=100) | part_fields(bytes(MOST_PART + 1), b"")
    assert set(TLS.fields) == set(fields)
