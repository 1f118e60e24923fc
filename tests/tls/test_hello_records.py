"""Records around a hello: those out of place, and those that OpenSSL passes over, which must hide none of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.tls.hello import (
    MAX_EMPTY_RECORDS,
    MAX_HELLO,
    MAX_RECORDS,
    HelloReader,
    Progress,
    begins_as_tls,
    parse_hello,
)
from tests.tls.vectors import body, full_extensions, message, record, records

FULL = message(body(extensions=full_extensions()))


def bytes_of(parts: tuple[int, bytes]) -> bytes:
    return bytes([parts[0]]) + b"\3" + parts[1]


def read(pieces: Iterable[bytes]) -> HelloReader:
    reader = HelloReader()
    for piece in pieces:
        reader.feed(piece)
    return reader


@pytest.mark.parametrize(
    ("wire", "where"),
    [
        (record(b"\1", 20), "20 instead of"),
        (record(b"\2\x28", 21, 0x0304), "21 instead of"),
        (record(b"", 23, 0x0300), "23 instead of"),
        (record(b"\1\x40\0", 24), "24 instead of"),
        (record(FULL[:4]) + record(b"", 20), "20 inside"),
        (record(FULL[:3]) + record(b"\1", 20), "20 inside"),
    ],
)
def test_a_record_out_of_place_is_malformed(wire: bytes, where: str) -> None:
    for pieces in ([wire + record(FULL)], [wire[at : at + 1] for at in range(len(wire))]):
        reader = read(pieces)
        assert (reader.progress, reader.error) == (Progress.MALFORMED, f"a record of type {where} the hello")


@given(
    st.one_of(st.binary(max_size=20), st.tuples(st.sampled_from(range(19, 26)), st.binary(max_size=5)).map(bytes_of))
)
def test_what_begins_as_tls_is_what_a_reader_takes_up(data: bytes) -> None:
    assert begins_as_tls(data) is (bool(data) and read([data[:3]]).progress is not Progress.NOT_TLS)


def test_empty_records_are_counted_in_a_row() -> None:
    some = [record(FULL[at : at + 1]) + record(b"") * MAX_EMPTY_RECORDS for at in range(len(FULL))]
    assert read(some).hello == parse_hello(FULL)


@pytest.mark.parametrize("at", range(4))
def test_a_change_cipher_spec_without_a_byte_hides_no_hello(at: int) -> None:
    empty = record(b"", 20)
    reader = read([empty * 3, records(FULL[:at], 1) + empty + record(FULL[at:])])
    assert reader.hello == parse_hello(FULL)
    assert reader.records == 3 + at + 2
    assert reader.part == FULL


def test_records_without_end_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_RECORDS > MAX_HELLO
    monkeypatch.setattr("honeystack.tls.hello.MAX_RECORDS", 20)
    reader = read([record(FULL[at : at + 1]) + record(b"") for at in range(len(FULL))])
    assert (reader.progress, reader.error) == (Progress.MALFORMED, "too many records")
    assert reader.part == FULL[:11]
