"""Options of IPv4 headers: who writes what where, what is wrong and where, and any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.wire.ipv4_options import Ipv4Options, Writer, read_options, time_of_day

US, OTHER, TIME = b"\xc0\0\2\1", b"\xc0\0\2\x63", b"\1\2\3\4"
WRITER = Writer(US, TIME, lambda address: address == US)


def read(options: bytes) -> Ipv4Options:
    return read_options(options, WRITER)


@pytest.mark.parametrize(
    "options",
    [
        b"",
        b"\1\1\1\0",
        b"\x94\4\0\0",  # router alert
        b"\x82\x0b" + bytes(9) + b"\0",  # security
        b"\xde\4\0\0",  # unknown
        b"\xde\2\xde\2",  # unknown, twice
    ],
)
def test_options_that_nothing_is_written_into(options: bytes) -> None:
    assert read(options) == Ipv4Options(options, b"", False, None)


@pytest.mark.parametrize(
    ("options", "written", "reply"),
    [
        # record route: one place each for arrival and answer
        (b"\7\x0b\4" + bytes(8) + b"\0", b"\7\x0b\x08" + US + bytes(5), b"\7\x0b\x0c" + US * 2 + b"\0"),
        (b"\7\7\4" + bytes(4) + b"\0", b"\7\7\x08" + US + b"\0", b"\7\7\x08" + US + b"\0"),
        (b"\7\7\x08" + OTHER + b"\0", b"\7\7\x08" + OTHER + b"\0", b"\7\7\x08" + OTHER + b"\0"),
        (b"\7\x09\4" + bytes(7), b"\7\x09\x08" + US + bytes(3), b""),  # two bytes are left: no answer can write there
        # timestamps alone
        (
            b"\x44\x0c\5\0" + bytes(8),
            b"\x44\x0c\x09\0" + TIME + bytes(4),
            b"\x44\x0c\x0d\0" + TIME * 2,
        ),
        # timestamps with addresses
        (b"\x44\x0c\5\1" + bytes(8), b"\x44\x0c\x0d\1" + US + TIME, b"\x44\x0c\x0d\1" + US + TIME),
        # timestamps of those who are named
        (
            b"\x44\x14\5\3" + US + bytes(4) + OTHER + bytes(4),
            b"\x44\x14\x0d\3" + US + TIME + OTHER + bytes(4),
            b"\x44\x14\x0d\3" + US + TIME + OTHER + bytes(4),
        ),
        # full: how many could not write
        (b"\x44\x08\x09\0" + TIME, b"\x44\x08\x09\x10" + TIME, b"\x44\x08\x09\x10" + TIME),
        (b"\x44\x08\5\2" + bytes(4), b"\x44\x08\5\2" + bytes(4), b"\x44\x08\5\2" + bytes(4)),  # no such mode
        # both, and what an answer leaves out
        (
            b"\1\7\7\4" + bytes(4) + b"\x44\x08\5\0" + bytes(4) + b"\x94\4\0\0",
            b"\1\7\7\x08" + US + b"\x44\x08\x09\0" + TIME + b"\x94\4\0\0",
            b"\7\7\x08" + US + b"\x44\x08\x09\0" + TIME + b"\0",
        ),
        (b"\0\xde\4\0", bytes(4), b""),  # nothing is said behind the end
    ],
)
def test_what_is_written_on_arrival_and_in_the_answer(options: bytes, written: bytes, reply: bytes) -> None:
    assert read(options) == Ipv4Options(written, reply, False, None)


@pytest.mark.parametrize("kind", [131, 137])
def test_source_routes_are_told(kind: int) -> None:
    assert read(bytes([1, kind, 7, 4]) + OTHER).source_routed
    assert not read(bytes([0, kind, 7, 4]) + OTHER).source_routed


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (b"\xde\0\0\0", 20),
        (b"\xde\1\0\0", 20),
        (b"\1\xde\x20\0", 21),
        (b"\1\1\1\xde", 23),  # a kind as the last byte
        (b"\x83\2\0\0", 21),
        (b"\x89\7\3" + OTHER + b"\0", 22),
        (b"\x83\3\4\x89\3\4\0\0", 23),  # one source route, of whichever kind
        (b"\7\2\0\0", 21),
        (b"\7\7\3" + bytes(5), 22),
        (b"\7\6\4" + bytes(5), 22),
        (b"\7\7\4" + bytes(4) + b"\7\7\4" + bytes(6), 27),
        (b"\x44\3\0\0", 21),
        (b"\x44\x08\4\0" + bytes(4), 22),
        (b"\x44\x07\5\0" + bytes(4), 22),
        (b"\x44\x0a\5\1" + bytes(8), 22),
        (b"\x44\x0a\5\3" + bytes(8), 22),
        (b"\x44\x04\x05\xf0", 23),
        (b"\x94\2\0\0", 21),
        (b"\x86\x08\0\0\0\1\0\0", 22),
        (b"\x86\6\0\0\0\1\0\0", 21),
    ],
)
def test_a_problem_points_at_what_is_wrong(options: bytes, problem: int) -> None:
    assert read(options).problem == problem


def test_an_error_about_a_later_option_carries_the_earlier_ones() -> None:
    found = read(b"\7\7\4" + bytes(4) + b"\xde\0\0\0\0")
    assert (found.problem, found.reply) == (27, b"\7\7\x08" + US + b"\0")


def test_an_error_about_a_label_carries_the_label() -> None:
    assert read(b"\1\1\x86\6\0\0\0\1").reply == b"\x86\6\0\0\0\1\0\0"


@pytest.mark.parametrize(
    ("now", "midnight", "stamp"),
    [
        (1.5, 0.0, 1500),
        (86_400.25, 0.0, 250),
        (10.0, -86_395.0, 5_000),
        (1.5, None, 0x80000000 | 1500),
    ],
)
def test_the_time_of_day_is_in_milliseconds(now: float, midnight: float | None, stamp: int) -> None:
    assert int.from_bytes(time_of_day(now, midnight), "big") == stamp


@given(st.binary(max_size=10).map(lambda octets: octets * 4), st.booleans())
def test_any_options_are_read_to_their_end_or_to_a_problem(options: bytes, ours: bool) -> None:
    found = read_options(options, Writer(US, TIME, lambda address: ours))
    assert len(found.written) == len(options)
    assert len(found.reply) % 4 == 0
    assert len(found.reply) <= len(options)
    assert found.problem is None or 20 <= found.problem < 20 + len(options)
