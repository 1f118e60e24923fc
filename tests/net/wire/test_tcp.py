"""TCP segments: any bytes, every option, and what is written is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire import tcp
from honeystack.net.wire.checksum import partial_sum
from honeystack.net.wire.tcp import (
    ACK,
    FIN,
    SYN,
    decode_segment,
    decode_syn_options,
    encode_segment,
    sack_option,
    syn_options,
    timestamp_option,
    walk_options,
)

WORD = st.integers(0, 0xFFFF)
LONG = st.integers(0, 0xFFFF_FFFF)
PARTS = {1: b"\x01", 2: b"\x02\x04\x05\xb4", 3: b"\x03\x03\x07", 4: b"\x04\x02", 8: b"\x08\x0a" + bytes(8)}
OPTIONS = st.lists(st.sampled_from(list(PARTS.values())) | st.binary(max_size=4), max_size=4).map(b"".join)


def decode(octets: bytes) -> tcp.Segment:
    return decode_segment(memoryview(octets))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_segment_or_malformed(octets: bytes) -> None:
    try:
        seg = decode(octets)
    except Malformed:
        return
    decode_syn_options(seg.options)
    assert seg.length >= len(seg.data)


@given(st.binary(max_size=40))
def test_any_options_are_read_to_the_first_that_does_not_fit(options: bytes) -> None:
    for kind, value in walk_options(options):
        assert 0 <= kind <= 255
        assert len(value) <= 38
    decode_syn_options(options)


def test_an_option_kind_as_the_last_byte_ends_the_reading() -> None:
    assert walk_options(b"\x01\x01\x01\x02") == [(1, b"")] * 3


@pytest.mark.parametrize(
    "options", [b"\x02\x00\x05\xb4", b"\x02\x01\x05\xb4", b"\x02\x05\x05\xb4", b"\x08\x0a\x00\x00"]
)
def test_an_option_with_a_wrong_length_ends_the_reading(options: bytes) -> None:
    assert walk_options(options) == []
    assert decode_syn_options(options).mss is None


def test_nothing_is_read_after_the_end_option() -> None:
    assert walk_options(b"\x00\x02\x04\x05") == [(0, b"")]


def test_a_header_cut_short_is_malformed() -> None:
    whole = encode_segment(1, 2, 3, 4, ACK, 5, 0, b"\x01\x01\x01\x01")
    for length in range(24):
        with pytest.raises(Malformed):
            decode(whole[:length])
    assert decode(whole).options == b"\x01\x01\x01\x01"


def test_a_data_offset_below_five_is_malformed() -> None:
    octets = bytearray(encode_segment(1, 2, 3, 4, ACK, 5, 0))
    octets[12] = 0x40
    with pytest.raises(Malformed, match="offset"):
        decode(bytes(octets))


@given(WORD, WORD, LONG, LONG, st.integers(0, 255), WORD, st.integers(0, 0x1FFFF), st.binary(max_size=99))
def test_what_is_written_is_read_back_and_the_checksum_holds(
    source: int, destination: int, seq: int, ack: int, flags: int, window: int, pseudo: int, data: bytes
) -> None:
    octets = encode_segment(source, destination, seq, ack, flags, window, pseudo, timestamp_option(7, 9), data)
    assert (partial_sum(octets) + pseudo + len(octets)) % 0xFFFF == 0
    seg = decode(octets)
    assert seg[:7] == (source, destination, seq, ack, flags, window, 0)
    assert seg.timestamps == (7, 9)
    assert bytes(seg.data) == data
    assert seg.length == len(data) + bool(flags & SYN) + bool(flags & FIN)


@given(st.lists(st.tuples(LONG, LONG), min_size=1, max_size=4))
def test_sack_blocks_are_read_back(blocks: list[tuple[int, int]]) -> None:
    octets = encode_segment(1, 2, 3, 4, ACK, 5, 0, sack_option(blocks))
    assert decode(octets).sack == tuple(blocks)


def test_timestamps_are_found_wherever_they_stand() -> None:
    options = b"\x08\x0a" + bytes(3) + b"\x05" + bytes(3) + b"\x06\x01\x01"
    assert decode(encode_segment(1, 2, 3, 4, ACK, 5, 0, options)).timestamps == (5, 6)


def test_sack_of_an_odd_length_is_no_sack() -> None:
    assert decode(encode_segment(1, 2, 3, 4, ACK, 5, 0, b"\x05\x06\x00\x00\x00\x01\x01\x01")).sack == ()


def test_syn_options_stand_in_the_order_and_padding_of_linux() -> None:
    everything = syn_options(1460, window_scale=7, sack=True, timestamps=(1, 0))
    assert everything.hex() == "020405b40402080a000000010000000001030307"
    assert decode_syn_options(everything)[:4] == (1460, 7, True, bytes([2, 4, 8, 1, 3]))


@pytest.mark.parametrize("scale", [None, 7])
@pytest.mark.parametrize("sack", [False, True])
@pytest.mark.parametrize("timestamps", [None, (1, 2)])
def test_syn_options_fill_whole_words_and_read_back(
    scale: int | None, sack: bool, timestamps: tuple[int, int] | None
) -> None:
    options = syn_options(1440, window_scale=scale, sack=sack, timestamps=timestamps)
    assert len(options) % 4 == 0
    assert decode_syn_options(options)[:3] == (1440, scale, sack)
    assert decode(encode_segment(1, 2, 3, 4, SYN, 5, 0, options)).timestamps == timestamps


@given(OPTIONS, OPTIONS, LONG, LONG)
def test_what_is_remembered_of_a_syn_is_what_would_be_read(before: bytes, after: bytes, then: int, now: int) -> None:
    for time in (then, now):
        options = before + timestamp_option(time, time)[2:] + after
        assert decode_syn_options(options) == tcp._read_syn_options.__wrapped__(options)


@pytest.mark.parametrize(
    "options",
    [
        b"\x02\x04\x08\x0a\x04\x02\x03\x03\x07\x00\x00\x00",  # what looks like timestamps is an MSS of 2058
        b"\x02\x04\x08\x0a\x01\x01\x03\x03\x09\x00\x00\x00",
    ],
)
def test_what_only_looks_like_a_time_is_read(options: bytes) -> None:
    said = decode_syn_options(options)
    assert said.mss == 0x080A
    assert said.window_scale == options[8]
    assert said.sack_permitted is (options[4] == 4)
    assert said.stamps_at == 0


@given(st.lists(st.sampled_from(list(PARTS)), max_size=4))
def test_a_syn_is_sound_if_each_of_its_options_is_and_comes_once(kinds: list[int]) -> None:
    said = decode_syn_options(b"".join(PARTS[kind] for kind in kinds))
    real = [kind for kind in kinds if kind > 1]
    assert said.sound is (len(real) == len(set(real)))


@pytest.mark.parametrize(
    "odd", [b"\x02\x04\x00\x2f", b"\x02\x03\x05", b"\x03\x03\x0f", b"\x03\x04\x01\x01", b"\x08\x0a\x00"]
)
def test_an_option_that_is_broken_or_beyond_its_bounds_is_not_sound(odd: bytes) -> None:
    assert not decode_syn_options(odd).sound
    assert not decode_syn_options(PARTS[4] + odd).sound


def test_an_mss_of_zero_is_none_and_a_scale_is_at_most_fourteen() -> None:
    options = decode_syn_options(b"\x02\x04\x00\x00\x03\x03\xff")
    assert options.mss is None
    assert options.window_scale == 14


def test_a_segment_without_options_has_none() -> None:
    segment = decode(encode_segment(1, 2, 3, 4, ACK, 5, 0, data=b"text"))
    assert (segment.options, segment.timestamps, segment.sack, bytes(segment.data)) == (b"", None, (), b"text")


def test_the_header_of_a_run_sums_the_pseudo_header_alone() -> None:
    data = bytes(range(100))
    whole = encode_segment(1, 2, 3, 4, ACK, 5, 777, b"\x01\x01\x01\x01", data)
    head = encode_segment(1, 2, 3, 4, ACK, 5, 777, b"\x01\x01\x01\x01", data, whole=False)
    assert head[:16] + head[18:] == whole[:16] + whole[18:24]
    assert int.from_bytes(head[16:18], "big") == 777 + 24 + 100
