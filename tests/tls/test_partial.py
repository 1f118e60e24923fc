"""Hellos of which a part is there: what has come whole is told, whatever comes after it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.tls.hello import HelloReader, Progress, parse_hello
from honeystack.tls.partial import parse_part
from tests.tls.vectors import body, extension, full_extensions, message, record, records, sslv2, vectors_of

FULL = message(body(extensions=full_extensions(), session_id=bytes(32)))
RANDOM_ENDS = 4 + 2 + 32


def test_a_whole_hello_is_what_it_is() -> None:
    assert parse_part(FULL) == parse_hello(FULL)


def test_recorded_hellos_are_what_they_are() -> None:
    for vector in vectors_of("quic"):
        whole = bytes.fromhex(vector["hello_hex"])
        if not parse_hello(whole).cut:
            assert parse_part(whole) == parse_hello(whole)


def test_before_its_random_is_there_it_says_nothing() -> None:
    assert parse_part(FULL[: RANDOM_ENDS - 1]) is None
    first = parse_part(FULL[:RANDOM_ENDS])
    assert first is not None
    assert (first.version, first.random, first.cipher_suites) == (0x0303, bytes(range(32)), ())


@pytest.mark.parametrize("kind", [0, 2])
def test_another_message_is_no_part_of_a_hello(kind: int) -> None:
    assert parse_part(message(body(), kind)) is None


def test_each_part_says_as_much_as_is_there() -> None:
    whole = parse_hello(FULL)
    parts = [parse_part(FULL[:size]) for size in range(RANDOM_ENDS, len(FULL))]
    suites, kinds = [], []
    for part in parts:
        assert part is not None
        assert part.cipher_suites == whole.cipher_suites[: len(part.cipher_suites)]
        assert part.extensions == whole.extensions[: len(part.extensions)]
        suites.append(len(part.cipher_suites))
        kinds.append(len(part.extensions))
    assert suites == sorted(suites)
    assert kinds == sorted(kinds)
    assert (suites[-1], kinds[-1]) == (2, 5)  # the last extension lacks a byte


def test_an_extension_that_runs_over_hides_none_before_it() -> None:
    broken = full_extensions() + b"\0\x15\xff\xff\0"
    part = parse_part(message(body(extensions=broken)))
    assert part is not None
    assert part.sni == "a.example"
    assert part.extensions == parse_hello(message(body(extensions=full_extensions()))).extensions


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    parse_part(data)
    parse_part(FULL[:RANDOM_ENDS] + data)


@given(st.integers(0, len(FULL)), st.integers(1, 300), st.booleans())
def test_what_a_reader_has_is_the_start_of_the_message(size: int, cut: int, bytewise: bool) -> None:
    wire = records(FULL, cut)
    reader = HelloReader()
    given_ = wire[: len(wire) * size // len(FULL)]
    for piece in [given_[at : at + 1] for at in range(len(given_))] if bytewise else [given_]:
        reader.feed(piece)
    assert FULL.startswith(reader.part)
    full, rest = divmod(len(given_), cut + 5)
    assert len(reader.part) == min(len(FULL), full * cut + max(0, rest - 5))


def test_of_what_does_not_parse_a_reader_has_the_message_alone() -> None:
    broken = message(body(extensions=full_extensions() + extension(99, b"")[:-1]))
    over = broken[:-3] + b"\xff\xff\0"
    reader = HelloReader()
    assert reader.feed(record(over) + b"GET / HTTP/1.1") in (Progress.MALFORMED, Progress.COMPLETE)
    assert reader.part == over
    other = HelloReader()
    assert other.feed(record(FULL[:80]) + record(b"\2\x28", 21)) is Progress.MALFORMED
    assert other.part == FULL[:80]


def test_of_an_sslv2_hello_there_is_no_such_message() -> None:
    reader = HelloReader()
    assert reader.feed(sslv2()[:20]) is Progress.MORE
    assert reader.part == b""
