"""DTLS hellos: recorded ones, in fragments of every size, and what is none."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.tls.dtls import DtlsReader, may_be_hello
from honeystack.tls.fingerprint import fingerprint
from honeystack.tls.hello import Progress, parse_hello
from tests.tls.packets import dtls_fragment, dtls_record
from tests.tls.vectors import body, full_extensions, message, vectors_of

PLAIN = body(version=0xFEFD, extensions=full_extensions(versions=(0xFEFD,)))
HELLO = message(PLAIN[:35] + b"\0" + PLAIN[35:])  # an empty cookie behind the empty session id
SIZE = len(HELLO) - 4
WHOLE = dtls_fragment(HELLO, 0, SIZE)


def fed(*datagrams: bytes) -> DtlsReader:
    reader = DtlsReader()
    for datagram in datagrams:
        reader.feed(datagram)
    return reader


@pytest.mark.parametrize("vector", vectors_of("dtls"), ids=lambda vector: vector["id"])
def test_recorded_hellos_have_their_fingerprints(vector: dict[str, str]) -> None:
    hello = bytes.fromhex(vector["hello_hex"])
    reader = fed(dtls_record(hello))
    assert reader.progress is Progress.COMPLETE
    assert reader.message == hello
    assert reader.hello is not None
    prints = fingerprint(reader.hello, "d")
    assert prints is not None
    if vector["ja4"] is not None:
        assert prints.ja4 == vector["ja4"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 90), st.integers(1, 4))
def test_fragments_come_in_any_order_over_any_records(seed: int, size: int, together: int) -> None:
    rng = random.Random(seed)
    fragments = [dtls_fragment(HELLO, at, min(size, SIZE - at)) for at in range(0, SIZE, size)]
    rng.shuffle(fragments)
    records = [dtls_record(b"".join(fragments[at : at + together])) for at in range(0, len(fragments), together)]
    datagrams = [b"".join(records[at : at + 2]) for at in range(0, len(records), 2)]
    reader = fed(*datagrams)
    assert reader.hello == parse_hello(WHOLE, datagram=True)
    assert reader.message == WHOLE


def test_a_message_of_another_kind_behind_it_is_passed_over() -> None:
    half = dtls_fragment(HELLO, 0, 50)
    other = dtls_fragment(b"\x10\0\0\2ab", 0, 2)
    rest = dtls_fragment(HELLO, 50, SIZE - 50)
    assert fed(dtls_record(half + other + rest)).progress is Progress.COMPLETE
    assert fed(dtls_record(WHOLE) + dtls_record(b"\1", kind=21)).progress is Progress.COMPLETE
    assert fed(dtls_record(half) * 70).progress is Progress.MORE


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        dtls_record(WHOLE)[:25],
        dtls_record(WHOLE, kind=23),
        dtls_record(WHOLE, epoch=1),
        dtls_record(WHOLE, version=0x0303),
        dtls_record(b"\2" + WHOLE[1:]),
    ],
)
def test_other_datagrams_are_not_for_us(datagram: bytes) -> None:
    assert not may_be_hello(datagram)
    assert fed(datagram).progress is Progress.NOT_TLS


@pytest.mark.parametrize(
    "datagram",
    [
        dtls_record(WHOLE)[:-1],
        dtls_record(WHOLE[:-1]),
        dtls_record(dtls_fragment(HELLO, 0, 9) + dtls_fragment(HELLO, 9, 9, sequence=1)),
        dtls_record(b"\1\0\0\5\0\0\0\0\4\0\0\2ab"),
        dtls_record(b"\1\xff\xff\xff\0\0\0\0\0\0\0\1a" + bytes(9)),
        dtls_record(dtls_fragment(message(b"\0" * 9), 0, 9)),
    ],
)
def test_what_is_broken_is_malformed(datagram: bytes) -> None:
    reader = fed(datagram)
    assert reader.progress is Progress.MALFORMED
    assert reader.feed(dtls_record(WHOLE)) is Progress.MALFORMED


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=90), max_size=3), st.booleans())
def test_any_datagrams_are_borne(datagrams: list[bytes], framed: bool) -> None:
    fed(*(dtls_record(b"\1" + datagram) if framed else datagram for datagram in datagrams))
