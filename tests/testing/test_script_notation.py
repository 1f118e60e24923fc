"""Segments as they are written: reading, writing, comparing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.wire.tcp import ACK, SYN, decode_segment, encode_segment
from honeystack.testing.script_notation import (
    LETTERS,
    Option,
    WrittenSegment,
    differences,
    encode_options,
    flag_bits,
    flag_letters,
    parse_segment,
    written_options,
)


@pytest.mark.parametrize(
    "text",
    [
        "S 0:0(0) win 64240 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>",
        "S. 0:0(0) ack 1 win 65160",
        "P. 1:101(100) ack 1 win 500 <nop,nop,TS val 100 ecr 200>",
        ". 1:1(0) ack 4001 <nop,nop,sack 5001:6001 2001:3001>",
        "R 1:1(0)",
        "- 5:5(0)",
        "SFRP.UEW 1:1(0) ack 1 urg 7",
        "F. -1:-1(0) ack -5",
        ". *:*(10) ack 1",
        ". 1:1(0) <*>",
        ". 1:1(0) <kind 253 aabb,eol>",
        "S 0:0(0) <raw 0204>",
        ". 1:1(0) <nop,nop,TS val * ecr 5>",
    ],
)
def test_what_is_read_is_written_the_same(text: str) -> None:
    segment, rest = parse_segment(text)
    assert (str(segment), rest) == (text, "")


def test_flags_may_come_in_any_order() -> None:
    assert parse_segment(".P 1:1(0)")[0].flags == "P."


def test_what_follows_is_left_over() -> None:
    assert parse_segment("S 0:0(0) win 5 badsum")[1] == "badsum"


def test_a_star_alone_is_any_number() -> None:
    segment, _ = parse_segment(". * ack 1")
    assert (segment.seq, segment.length) == (None, None)


def test_a_segment_may_pass_the_end_of_the_numbers() -> None:
    assert parse_segment(". 4294967295:1(2)")[0].length == 2


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("X 0:0(0)", "FLAGS SEQ:END"),
        (". 1:2(0)", "does not hold"),
        (". 1:1(0) <mss>", "no option"),
        (". 1:1(0) <sack 1>", "no option"),
        (". 1:1(0) <TS val 1>", "no option"),
        (". 1:1(0) <kind x>", "invalid literal"),
        (". 1:1(0) <raw zz>", "hexadecimal"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_segment(text)


@given(st.integers(0, 255))
def test_flags_are_written_as_they_are_read(bits: int) -> None:
    assert flag_bits(flag_letters(bits)) == bits


def test_there_is_a_letter_for_each_flag() -> None:
    assert sum(LETTERS.values()) == 0xFF


options = st.one_of(
    st.sampled_from([Option("nop"), Option("sackOK")]),
    st.builds(lambda n: Option("mss", (n,)), st.integers(0, 65535)),
    st.builds(lambda n: Option("wscale", (n,)), st.integers(0, 255)),
    st.builds(lambda a, b: Option("TS", (a, b)), st.integers(-1000, 1000), st.integers(0, 2**32 - 1)),
    st.builds(lambda a, b: Option("sack", (a, b)), st.integers(-1000, 1000), st.integers(-1000, 1000)),
    st.builds(lambda kind, octets: Option("kind", (kind,), octets), st.integers(30, 255), st.binary(max_size=6)),
)


@given(st.lists(options, max_size=3))
def test_options_survive_the_wire(chosen: list[Option]) -> None:
    encoded = encode_options(tuple(chosen), echo_base=0, ack_base=5000)
    seg = decode_segment(memoryview(encode_segment(1, 2, 3, 4, ACK, 5, 0, encoded)))
    seen = written_options(seg, stamp_base=0, sack_base=5000)
    padding = -len(b"".join(encode_options((o,), echo_base=0, ack_base=5000) for o in chosen)) % 4
    assert len(encoded) % 4 == 0
    assert seen[: len(chosen)] == tuple(chosen)
    assert all(option == Option("eol") for option in seen[len(chosen) :])
    assert padding == 0 or chosen


def test_an_echo_is_relative_to_the_base() -> None:
    encoded = encode_options((Option("TS", (7, 100)),), echo_base=5000, ack_base=0)
    assert encoded == bytes([8, 10]) + (7).to_bytes(4, "big") + (5100).to_bytes(4, "big") + bytes(2)


def test_an_option_of_an_odd_size_is_written_as_a_kind() -> None:
    seg = decode_segment(memoryview(encode_segment(1, 2, 3, 4, SYN, 5, 0, bytes([2, 3, 5, 1, 4, 3, 9, 1]))))
    assert written_options(seg, stamp_base=0, sack_base=0) == (
        Option("kind", (2,), b"\x05"),
        Option("nop"),
        Option("kind", (4,), b"\x09"),
        Option("nop"),
    )


def segment(**fields: Any) -> WrittenSegment:
    return WrittenSegment(**{"flags": ".", "seq": 1, "length": 0, "ack": 1, "window": 5, **fields})


@pytest.mark.parametrize(
    ("expected", "named"),
    [
        ({}, []),
        ({"flags": "P."}, ["flags"]),
        ({"seq": 2}, ["seq"]),
        ({"seq": None}, []),
        ({"seq": 1 + 2**32}, []),
        ({"length": 1}, ["length"]),
        ({"ack": 2}, ["ack"]),
        ({"ack": None}, []),
        ({"window": 6}, ["window"]),
        ({"urgent": 1}, ["urgent"]),
        ({"options": (Option("nop"),)}, ["options"]),
        ({"options": None}, []),
        ({"flags": "S", "ack": 9}, ["flags", "ack"]),
    ],
)
def test_differences_are_named(expected: dict[str, Any], named: list[str]) -> None:
    assert differences(segment(**expected), segment()) == named


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (Option("TS", (None, 5)), Option("TS", (9, 5)), True),
        (Option("TS", (9, 6)), Option("TS", (9, 5)), False),
        (Option("nop"), Option("eol"), False),
        (Option("sack", (1, 2)), Option("sack", (1, 2, 3, 4)), False),
        (Option("kind", (9,), b"a"), Option("kind", (9,), b"b"), False),
        (Option("sack", (-1, 2)), Option("sack", (2**32 - 1, 2)), True),
    ],
)
def test_options_are_compared_one_by_one(expected: Option, actual: Option, same: bool) -> None:
    assert (differences(segment(options=(expected,)), segment(options=(actual,))) == []) is same


def test_raw_octets_go_out_as_they_are() -> None:
    assert encode_options((Option("raw", (), b"\x02\xff"), Option("nop")), echo_base=0, ack_base=0) == b"\x02\xff\x01\0"
