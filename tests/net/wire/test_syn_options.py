"""Options in columns say what they say one by one, and only where they are in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.wire.syn_options import OptionColumns, read_options
from honeystack.net.wire.tcp import TIMESTAMPS, decode_syn_options, walk_options
from tests.net.syns import ODD_OPTIONS, OPTIONS

START = 6


def columns(*options: bytes, wanted: bool = True) -> OptionColumns:
    rows = np.full((len(options), 48), 0xAA, np.uint8)
    for row, each in zip(rows, options, strict=True):
        row[START : START + len(each)] = list(each)
    sizes = np.array([len(each) for each in options])
    return read_options(rows, START, sizes, np.full(len(options), wanted))


def timestamp(options: bytes) -> int:
    return next((int.from_bytes(v[:4], "big") for kind, v in walk_options(options) if kind == TIMESTAMPS), -1)


def is_right(found: OptionColumns, row: int, options: bytes) -> bool:
    said = decode_syn_options(options)
    return (found.mss[row], found.scale[row], found.sack[row], found.timestamp[row]) == (
        said.mss or 0,
        -1 if said.window_scale is None else said.window_scale,
        said.sack_permitted,
        timestamp(options),
    )


def test_what_stacks_send_is_read() -> None:
    found = columns(*OPTIONS)
    assert found.in_order.all()
    assert all(is_right(found, row, options) for row, options in enumerate(OPTIONS))


@pytest.mark.parametrize("options", [odd for odd in ODD_OPTIONS if odd.strip(b"\0")], ids=bytes.hex)
def test_what_is_odd_is_left_to_others(options: bytes) -> None:
    found = columns(OPTIONS[2], options, OPTIONS[1])
    assert found.in_order.tolist() == [True, False, True]
    assert is_right(found, 0, OPTIONS[2])
    assert is_right(found, 2, OPTIONS[1])


def test_rows_that_are_not_wanted_are_not_read() -> None:
    found = columns(ODD_OPTIONS[0], OPTIONS[2], wanted=False)
    assert found.in_order.all()
    assert found.mss.tolist() == [0, 0]


def test_nothing_behind_the_end_is_read() -> None:
    found = columns(b"\x02\x04\x05\xb4\x00\x03\x03\x07")
    assert (found.in_order[0], found.scale[0]) == (True, -1)
    assert not columns(b"\x02\x04\x05")[0][0]
    assert not columns(b"\x01" * 3 + b"\x02")[0][0]


option = st.sampled_from([each for options in OPTIONS + ODD_OPTIONS for each in (options, options[:4], options[4:8])])


@given(
    st.lists(st.lists(option | st.binary(max_size=8), max_size=4).map(lambda parts: b"".join(parts)[:40]), min_size=1)
)
def test_what_is_in_order_is_right_and_nothing_odd_is(many: list[bytes]) -> None:
    found = columns(*many)
    for row, options in enumerate(many):
        if found.in_order[row]:
            assert is_right(found, row, options)
            assert decode_syn_options(options).sound
