"""The ClientHello from any cut: whole equals bytewise, any bytes are survived, each byte costs the same."""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections.abc import Iterable, Iterator
from types import FrameType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.tls.hello import (
    EARLY_DATA,
    MAX_EMPTY_RECORDS,
    MAX_HELLO,
    MAX_RECORD,
    SESSION_TICKET,
    ClientHello,
    HelloReader,
    Progress,
    parse_hello,
    parse_sslv2_hello,
)
from tests.tls.vectors import (
    body,
    extension,
    full_extensions,
    message,
    record,
    records,
    shorts,
    sslv2,
    vector,
    vectors_of,
)

FULL = message(body(session_id=b"session", extensions=full_extensions() + extension(SESSION_TICKET, b"")))


def read(pieces: Iterable[bytes]) -> HelloReader:
    reader = HelloReader()
    for piece in pieces:
        reader.feed(piece)
    return reader


def cut(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for place in sorted(places):
        yield data[at:place]
        at = place
    yield data[at:]


def facts(reader: HelloReader) -> tuple[object, ...]:
    return reader.progress, reader.hello, reader.error, reader.records, reader.raw, reader.wire


# what is in it


def test_every_part_of_a_hello_is_read() -> None:
    hello = parse_hello(FULL)
    assert hello.version == 0x0303
    assert hello.random == bytes(range(32))
    assert hello.session_id == b"session"
    assert hello.cipher_suites == (0xC02F, 0x1301)
    assert hello.compressions == b"\0"
    assert [kind for kind, _ in hello.extensions] == [0, 10, 11, 13, 16, 43, 35]
    assert hello.groups == (0x1A1A, 29, 23)
    assert hello.point_formats == (0, 1)
    assert hello.signature_algorithms == (0x0403, 0x0804)
    assert hello.alpn == (b"h2", b"http/1.1")
    assert hello.server_name == b"a.example"
    assert hello.sni == "a.example"
    assert hello.supported_versions == (0x0A0A, 0x0304, 0x0303)
    assert hello.versions == (0x0304, 0x0303)
    assert not hello.sslv2
    assert not hello.cut
    assert hello.extension(SESSION_TICKET) == b""
    assert hello.extension(51) is None


def test_an_old_hello_ends_without_extensions() -> None:
    hello = parse_hello(message(body(version=0x0301)))
    assert hello.extensions == ()
    assert hello.versions == (0x0301,)
    assert hello.sni is None
    assert not hello.cut


def test_a_hello_that_ends_inside_the_length_of_its_extensions_is_cut() -> None:
    assert parse_hello(message(body() + b"\0")).cut


def test_of_an_extension_that_comes_twice_the_first_counts() -> None:
    twice = extension(10, vector(shorts(29))) + extension(10, vector(shorts(23)))
    hello = parse_hello(message(body(extensions=twice)))
    assert hello.groups == (29,)
    assert len(hello.extensions) == 2


def test_a_list_that_is_cut_short_still_tells() -> None:
    short = extension(10, shorts(100, 29)) + extension(16, shorts(9) + b"\x02h2\x08ht") + extension(43, b"") + b"\0\0"
    hello = parse_hello(message(body(extensions=short)))
    assert hello.groups == (29,)
    assert hello.alpn == (b"h2", b"ht")
    assert hello.versions == (0x0303,)


def test_an_odd_last_byte_of_the_suites_is_ignored() -> None:
    odd = shorts(0x0303) + bytes(32) + b"\0" + vector(b"\xc0\x2f\xc0") + b"\1\0"
    assert parse_hello(message(odd)).cipher_suites == (0xC02F,)


@pytest.mark.parametrize("data", [b"", shorts(4) + b"\0", vector(b"\x01" + vector(b"a"))])
def test_a_server_name_without_a_host_name_is_none(data: bytes) -> None:
    assert parse_hello(message(body(extensions=extension(0, data)))).server_name is None


def test_a_server_name_that_is_no_text_is_escaped() -> None:
    hello = parse_hello(message(body(extensions=full_extensions(name=b"\xff\0ok"))))
    assert hello.sni == "\\xff\0ok"


def test_a_dtls_hello_has_a_longer_header_and_a_cookie() -> None:
    inside = body()
    cookied = inside[:35] + b"\x02ab" + inside[35:]
    packet = b"\1" + len(cookied).to_bytes(3, "big") + bytes(5) + len(cookied).to_bytes(3, "big") + cookied
    hello = parse_hello(packet, datagram=True)
    assert hello.cookie == b"ab"
    assert hello.cipher_suites == (0xC02F, 0x1301)


# what is wrong with it


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        message(bytes(33)),
        message(body(), kind=2),
        message(body()[:36]),
        message(body()[:-2] + b"\x09\0"),
        message(body() + shorts(4) + b"abc"),
        message(body(extensions=shorts(10, 5) + b"abc")),
    ],
    ids=["empty", "short", "server hello", "suites", "compressions", "extensions", "extension"],
)
def test_a_length_that_runs_over_is_malformed(wrong: bytes) -> None:
    with pytest.raises(Malformed):
        parse_hello(wrong)


@pytest.mark.parametrize("wrong", [b"", sslv2()[:-1], sslv2() + b"\0", sslv2()[:6] + b"\x07" + sslv2()[7:]])
def test_an_sslv2_hello_whose_lengths_do_not_add_up_is_malformed(wrong: bytes) -> None:
    with pytest.raises(Malformed):
        parse_sslv2_hello(wrong)


# the reader


def test_nothing_yet_may_become_anything() -> None:
    reader = HelloReader()
    assert reader.feed(b"") is Progress.MORE
    assert (reader.hello, reader.error, reader.raw) == (None, None, b"")


def test_what_comes_behind_the_hello_is_kept_but_not_part_of_it() -> None:
    reader = HelloReader()
    assert reader.feed(record(FULL) + b"early") is Progress.COMPLETE
    assert reader.feed(b" data") is Progress.COMPLETE
    assert reader.raw == record(FULL) + b"early data"
    assert reader.wire == record(FULL)


def test_pieces_are_counted_until_the_hello_is_there() -> None:
    wire = record(FULL)
    assert read([wire]).pieces == 1
    assert read([wire[:7], wire[7:8], wire[8:], b"more"]).pieces == 3


def test_another_message_in_the_same_record_is_left_out() -> None:
    reader = read([record(FULL + message(b"", kind=11))])
    assert reader.progress is Progress.COMPLETE
    assert reader.hello == parse_hello(FULL)


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1",
        b"\x16\x02\x01",
        b"\x80\x2e\x04",
        b"\x17\x03\x05",
        b"\x19\x03",
        sslv2(version=0x0102),
        b"\xff\xff\xff",
    ],
)
def test_other_bytes_are_not_tls(first: bytes) -> None:
    assert read([first]).progress is Progress.NOT_TLS
    assert read(bytes([byte]) for byte in first).progress is Progress.NOT_TLS


@pytest.mark.parametrize(
    "first",
    [
        b"\x16",
        b"\x15\x03\x01\0",
        b"\x14\x03\x01\0\0",
        b"\x16\x03",
        b"\x16\x03\x01\x00\x05\x01",
        b"\x80",
        b"\x80\x2e\x01",
        sslv2()[:-1],
    ],
)
def test_a_beginning_asks_for_more(first: bytes) -> None:
    assert read([first]).progress is Progress.MORE


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (record(b"\1\0") + record(b"", kind=21), "a record of type 21"),
        (b"\x16\x03\x01" + shorts(MAX_RECORD + 1), "a record of"),
        (record(message(b"", kind=2)), "message 2 instead"),
        (record(b"\1" + (MAX_HELLO + 1).to_bytes(3, "big")), "a hello of"),
        (record(b"") * (MAX_EMPTY_RECORDS + 1), "empty records"),
        (record(message(b"short")), "no ClientHello"),
        (b"\x80\x2e\x01\x03\x01\x00\x04" + bytes(9), "do not add up"),
        (shorts(0x8000 | 19) + b"\1" + shorts(0x0301, 10, 0, 0) + bytes(10), "do not add up"),
    ],
)
def test_what_begins_as_a_hello_and_is_none_is_malformed(wire: bytes, error: str) -> None:
    reader = read([wire])
    assert reader.progress is Progress.MALFORMED
    assert error in str(reader.error)
    assert reader.wire == reader.raw == wire
    assert facts(read(bytes([byte]) for byte in wire))[:3] == facts(reader)[:3]


def test_as_many_empty_records_as_openssl_takes_are_fine() -> None:
    assert read([record(b"") * MAX_EMPTY_RECORDS, record(FULL)]).progress is Progress.COMPLETE


def test_an_sslv2_hello_is_read() -> None:
    reader = read([sslv2(session=b"s", challenge=b"c" * 16), b"more"])
    assert reader.progress is Progress.COMPLETE
    assert reader.records == 1
    assert reader.wire == sslv2(session=b"s", challenge=b"c" * 16)
    hello = reader.hello
    assert hello == ClientHello(0x0301, b"c" * 16, b"s", (0x2F, 0x010080), sslv2=True)


def test_the_longest_hello_is_read() -> None:
    inside = body(extensions=full_extensions())
    longest = message(inside + bytes(MAX_HELLO - len(inside)))
    assert read([records(longest, 16_384)]).hello == parse_hello(message(inside))
    assert read([records(message(bytes(MAX_HELLO + 1)), 16_384)]).progress is Progress.MALFORMED


# any cut


@pytest.mark.parametrize("kind", ["tls", "sslv2"])
def test_recorded_hellos_read_the_same_whole_and_cut_anywhere(kind: str) -> None:
    rng = random.Random(20)
    for recorded in vectors_of(kind):
        wire = bytes.fromhex(recorded["wire_hex"])
        whole = read([wire])
        expected = Progress.MALFORMED if recorded.get("malformed") else Progress.COMPLETE
        assert whole.progress is expected, recorded["id"]
        places = rng.sample(range(1, len(wire)), rng.randrange(1, 6))
        assert facts(read(cut(wire, places))) == facts(whole), recorded["id"]


def test_a_sample_of_recorded_hellos_cut_at_every_byte() -> None:
    sample = random.Random(21).sample(vectors_of("tls"), 12) + vectors_of("sslv2")[:3]
    for recorded in sample:
        wire = bytes.fromhex(recorded["wire_hex"])
        whole = facts(read([wire]))
        assert facts(read(wire[at : at + 1] for at in range(len(wire)))) == whole
        for place in range(1, len(wire)):
            assert facts(read([wire[:place], wire[place:]])) == whole


@given(st.integers(1, 300), st.lists(st.integers(0, 500), max_size=8))
@settings(max_examples=60)
def test_any_records_and_any_cut_give_the_same_hello(size: int, places: list[int]) -> None:
    wire = records(FULL, size)
    reader = read(cut(wire, [place for place in places if place < len(wire)]))
    assert reader.progress is Progress.COMPLETE
    assert reader.hello == parse_hello(FULL)
    assert reader.records == -(-len(FULL) // size)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x16\x03\x01", record(FULL)[:60], b"\x80\x40\x01\x03\x01"]))
@example(b"\x80", b"")
@settings(max_examples=300)
def test_any_bytes_are_survived_whole_and_bytewise(data: bytes, start: bytes) -> None:
    wire = start + data
    whole = read([wire])
    bytewise = read(bytes([byte]) for byte in wire)
    assert (bytewise.progress, bytewise.hello, bytewise.error) == (whole.progress, whole.hello, whole.error)
    assert whole.raw == bytewise.raw == wire


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=200)
def test_any_message_parses_or_is_malformed(data: bytes, datagram: bool) -> None:
    for parse in (lambda: parse_hello(b"\1" + data, datagram=datagram), lambda: parse_sslv2_hello(data)):
        with contextlib.suppress(Malformed):
            assert isinstance(parse(), ClientHello)


@given(st.data())
@settings(max_examples=150)
def test_a_flipped_byte_is_survived(data: st.DataObject) -> None:
    wire = bytearray(record(FULL))
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    reader = read([bytes(wire)])
    assert (reader.hello is not None) == (reader.progress is Progress.COMPLETE)


# cost


def calls_to_read(padding: int) -> int:
    """How many calls it takes to read a hello in records of one byte, each record fed in a segment of its own."""
    hello = message(body(extensions=extension(21, bytes(padding))))
    segments = [record(hello[at : at + 1]) for at in range(len(hello))]
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    reader = HelloReader()
    sys.setprofile(count)
    try:
        for segment in segments:
            reader.feed(segment)
    finally:
        sys.setprofile(None)
    assert reader.progress is Progress.COMPLETE
    assert reader.records == len(hello)
    return calls


def test_a_hello_in_16_000_records_of_one_byte_costs_linear_time() -> None:
    assert calls_to_read(16_000) < 2.2 * calls_to_read(8_000)


def test_a_hello_in_16_000_records_of_one_byte_takes_less_than_a_tenth_of_a_second() -> None:
    """The one bound in seconds, of the processor's time; it takes some 0.03."""
    hello = message(body(extensions=extension(21, bytes(16_000))))
    segments = [record(hello[at : at + 1]) for at in range(len(hello))]

    def seconds(parts: list[bytes]) -> float:
        began = time.process_time()
        assert read(parts).progress is Progress.COMPLETE
        return time.process_time() - began

    for parts in (segments, [b"".join(segments)]):
        assert min(seconds(parts) for _ in range(5)) < 0.1


def test_early_data_is_announced_by_an_extension() -> None:
    assert not parse_hello(FULL).offers_early_data
    assert parse_hello(message(body(extensions=extension(EARLY_DATA, b"")))).offers_early_data


def test_a_hello_under_way_has_a_part_that_grows_to_the_whole() -> None:
    reader, wire = HelloReader(), records(FULL, 50)
    for at in range(len(wire)):
        reader.feed(wire[at : at + 1])
        assert FULL.startswith(reader.part)
    assert reader.part == FULL
    assert read([sslv2()[:20]]).part == b""
