"""Threats: each attack by what it sends, and nothing of what ordinary clients do."""

from __future__ import annotations

import random
import ssl
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.tls.certificates import Certificate
from honeystack.tls.hello import ClientHello
from honeystack.tls.machine import TlsState
from honeystack.tls.threats import RecordWatch, hello_threats
from tests.tls.peers import Client, client_context, connected, machine_for, shake
from tests.tls.vectors import record, vectors_of

HEARTBEAT = ((15, b"\1"),)
OPENSSL = tuple((kind, b"") for kind in (11, 10, 35, 13, 15))

GNUTLS = tuple((kind, b"") for kind in (5, 10, 11, 13, 15, 22, 23, 35, 51, 43, 65281, 45, 28))  # 3.7 --heartbeat


def hello_of(**parts: Any) -> ClientHello:
    given = {"version": 0x0303, "random": bytes(32), "session_id": b"", "cipher_suites": (0xC02F,)}
    return ClientHello(**(given | parts))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, []),
        ({"compressions": b"\0"}, []),
        ({"compressions": b"\1\0"}, ["crime"]),
        ({"version": 0x0300}, ["poodle"]),
        ({"version": 0x0301}, []),
        ({"cipher_suites": (0xC02F, 0x5600)}, ["fallback-scsv"]),
        ({"cipher_suites": (0x0003, 0x0014, 0x00FF)}, ["freak"]),
        ({"cipher_suites": (0x0003, 0x002F)}, []),
        ({"cipher_suites": (0x0014, 0x0011)}, ["logjam"]),
        ({"cipher_suites": ()}, []),
        ({"cipher_suites": (0x00FF,)}, []),
        ({"extensions": HEARTBEAT}, ["heartbleed"]),
        ({"extensions": GNUTLS}, ["heartbeat-offered"]),
        ({"extensions": OPENSSL}, []),
        ({"extensions": (*OPENSSL, (0x7777, b""))}, []),
        ({"extensions": tuple(reversed(OPENSSL))}, ["heartbleed"]),
        ({"sslv2": True, "version": 0x0002, "cipher_suites": (0x020080,)}, ["sslv2", "drown"]),
        ({"sslv2": True, "version": 0x0002, "cipher_suites": (0x0700C0,)}, ["sslv2"]),
        ({"sslv2": True, "version": 0x0301, "cipher_suites": (0x00002F, 0x5600)}, []),
        ({"version": 0x0300, "cipher_suites": (0x0003, 0x5600), "compressions": b"\1"},
         ["poodle", "fallback-scsv", "crime", "freak"]),
    ],
)  # fmt: skip
def test_a_hello_tells(parts: dict[str, Any], expected: list[str]) -> None:
    assert hello_threats(hello_of(**parts)) == expected


def test_who_scans_and_who_cuts() -> None:
    assert hello_threats(hello_of(), scanner="jarm") == ["jarm"]
    assert hello_threats(hello_of(), records=2) == ["fragmented-hello"]
    assert hello_threats(hello_of(extensions=((21, bytes(17_000)),)), records=2) == []


def test_recorded_hellos_of_clients_are_mostly_none() -> None:
    from tests.tls.peers import hello_in

    hellos = [hello for vector in vectors_of("tls") if (hello := hello_in(bytes.fromhex(vector["wire_hex"])))]
    assert sum(bool(hello_threats(hello)) for hello in hellos) < len(hellos) / 5


# records

SERVER_HELLO = record(b"\2\0\0\x26\3\3" + bytes(32) + b"\0\xc0\x2f\0")
RSA_HELLO = record(b"\2\0\0\x46\3\3" + bytes(32) + b"\x20" + bytes(32) + b"\0\x2f\0")
TLS13_HELLO = record(b"\2\0\0\x26\3\3" + bytes(32) + b"\0\x13\x01\0")
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")  # RFC 8446 §4.1.3
TLS13_RETRY = record(b"\2\0\0\x26\3\3" + RETRY + b"\0\x13\x01\0")
HELLO = record(b"\1\0\0\0")
CCS, KEY_EXCHANGE, FINISHED = record(b"\1", 20), record(b"\x10\0\0\0"), record(bytes(40))

Step = tuple[str, bytes]


def told(*steps: Step, cut: int = 0) -> list[str]:
    """The threats after bytes received ("<") and sent (">"), whole or cut into pieces of a size."""
    watch = RecordWatch()
    for direction, data in steps:
        take = watch.received if direction == "<" else watch.sent
        for at in range(0, len(data), cut or len(data)):
            take(data[at : at + (cut or len(data))])
    return watch.threats


@pytest.mark.parametrize("cut", [0, 1, 7])
@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("<", HELLO), (">", SERVER_HELLO), ("<", KEY_EXCHANGE + CCS + FINISHED)], []),
        ([("<", HELLO), (">", SERVER_HELLO), ("<", CCS)], ["ccs-injection"]),
        ([("<", HELLO), (">", SERVER_HELLO + CCS + FINISHED), ("<", CCS + FINISHED)], []),  # resumed
        ([("<", HELLO), (">", TLS13_HELLO), ("<", CCS + record(bytes(40), 23))], []),  # RFC 8446 appendix D.4
        ([("<", HELLO + CCS)], []),  # likewise, before a HelloRetryRequest is answered
        ([("<", HELLO), (">", SERVER_HELLO), ("<", KEY_EXCHANGE + CCS + FINISHED + FINISHED)], ["renegotiation"]),
        ([("<", HELLO), (">", SERVER_HELLO), ("<", KEY_EXCHANGE + CCS + 3 * FINISHED)], ["renegotiation"]),
        ([("<", HELLO), (">", TLS13_HELLO), ("<", CCS + HELLO + HELLO)], []),
        ([("<", HELLO + record(b"\1\x40\0", 24))], ["heartbleed"]),
        ([("<", HELLO), (">", SERVER_HELLO), ("<", KEY_EXCHANGE + CCS + record(bytes(60), 24))], ["heartbleed"]),
        ([("<", HELLO), (">", SERVER_HELLO), ("<", KEY_EXCHANGE + CCS + FINISHED + record(bytes(60), 24))], []),
        ([("<", HELLO), (">", SERVER_HELLO), ("<", KEY_EXCHANGE + CCS + FINISHED + record(bytes(27), 24))],
         ["heartbleed"]),  # no room for the padding
        ([("<", HELLO), (">", TLS13_HELLO), ("<", CCS + FINISHED + record(bytes(60), 24))], ["heartbleed"]),
        ([("<", HELLO), (">", TLS13_RETRY), ("<", CCS + HELLO + HELLO)], []),  # its second hello in two records
        ([("<", HELLO), (">", SERVER_HELLO), ("<", record(b"\2\x2e", 21))], ["certificate-rejected"]),
        ([("<", HELLO), (">", SERVER_HELLO), ("<", record(b"\2\x28", 21))], []),
        ([("<", HELLO), (">", SERVER_HELLO), ("<", record(b"\2", 21))], []),
        ([("<", HELLO), (">", SERVER_HELLO), ("<", KEY_EXCHANGE + CCS + record(b"\2\x2e", 21))], []),  # ciphered
        ([("<", b"\x80\x2e\1" + bytes(45)), (">", SERVER_HELLO), ("<", CCS)], ["ccs-injection"]),
        ([("<", b"\x80\0\1\0\0"), ("<", record(b"", 24))], ["heartbleed"]),
        ([("<", HELLO), (">", record(b"\2")), ("<", CCS)], ["ccs-injection"]),
        ([(">", record(b"\x0b") + SERVER_HELLO), ("<", record(bytes(9000), 23) + CCS)], ["ccs-injection"]),
        ([("<", record(b"", 22) + HELLO), (">", record(b"", 22))], []),
    ],
)  # fmt: skip
def test_records_tell_however_they_are_cut(steps: list[Step], expected: list[str], cut: int) -> None:
    assert told(*steps, cut=cut) == expected


def test_rsa_key_exchange_that_fails_is_robot() -> None:
    for hello, exchange, expected in [
        (RSA_HELLO, KEY_EXCHANGE, ["robot"]),
        (RSA_HELLO, b"", []),
        (SERVER_HELLO, KEY_EXCHANGE, []),
    ]:
        watch = RecordWatch()
        watch.received(HELLO)
        watch.sent(hello)
        watch.received(exchange)
        watch.failed()
        watch.failed()
        assert watch.threats == expected


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", False),
        (record(b"\2\x28", 21), False),
        (SERVER_HELLO, True),
        (TLS13_HELLO, True),
        (TLS13_RETRY, False),
        (TLS13_RETRY + CCS + TLS13_HELLO, True),
    ],
)
@pytest.mark.parametrize("cut", [1, 1000])
def test_a_hello_is_answered_once_no_other_is_asked_for(sent: bytes, answered: bool, cut: int) -> None:
    watch = RecordWatch()
    for at in range(0, len(sent), cut):
        watch.sent(sent[at : at + cut])
    assert watch.answered is answered


def test_alerts_by_name() -> None:
    watch = RecordWatch()
    watch.alerted("user_canceled")
    assert watch.threats == []
    watch.alerted("unknown_ca")
    assert watch.threats == ["certificate-rejected"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("<>"), st.binary(max_size=90)), max_size=6), st.integers(1, 9))
def test_any_bytes_are_looked_at_alike_however_cut(steps: list[Step], cut: int) -> None:
    steps = [step for step in steps if step[1]]
    assert told(*steps, cut=cut) == told(*steps)


def test_a_long_record_is_not_kept() -> None:
    watch = RecordWatch()
    watch.received(b"\x17\3\3\xff\xff")
    for _ in range(60):
        watch.received(bytes(1000))
    assert len(watch._inward._start) <= 85


# the real thing


@pytest.mark.parametrize("versions", [(0x0301, 0x0301), (0x0303, 0x0303), (0x0304, 0x0304)])
@pytest.mark.parametrize("ciphers", [None, "AES128-SHA:@SECLEVEL=0"])
def test_clients_are_no_threat(rsa: Certificate, versions: tuple[int, int], ciphers: str | None) -> None:
    rng = random.Random(4)
    session: ssl.SSLSession | None = None
    for _ in range(4):
        context = client_context(versions=versions, ciphers=ciphers)
        machine, client = connected(rsa, context, rng)
        machine.receive_data(client.write(b"hello"))
        assert machine.read(100) == b"hello"
        assert machine.threats == []
        assert session is None


@pytest.mark.parametrize("versions", [(0x0303, 0x0303), (0x0304, 0x0304)])
def test_a_client_that_does_not_trust_us_is_told(rsa: Certificate, versions: tuple[int, int]) -> None:
    context = client_context(versions=versions)
    context.verify_mode = ssl.CERT_REQUIRED
    client = Client(context)
    wire = client.step()
    machine, _ = machine_for(rsa, wire, random.Random(1))
    shake(machine, client, wire)
    assert machine.state is TlsState.FAILED
    assert machine.threats == ["certificate-rejected"]


@pytest.mark.parametrize(
    ("sent", "agreed"),
    [
        (b"", None),
        (record(b"\2\x28", 21), None),
        (SERVER_HELLO, (0x0303, 0xC02F)),
        (TLS13_RETRY, None),
        (TLS13_HELLO, (0x0304, 0x1301)),
    ],
)
def test_what_our_hello_has_agreed_to_is_known(sent: bytes, agreed: tuple[int, int] | None) -> None:
    watch = RecordWatch()
    watch.sent(sent)
    assert watch.agreed == agreed
