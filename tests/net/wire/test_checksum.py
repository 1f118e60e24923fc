"""The Internet checksum against the textbook loop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.wire.checksum import checksum, partial_sum, pseudo_header_sum


def textbook(data: bytes, initial: int = 0) -> int:
    """RFC 1071 §4.1."""
    total = initial
    padded = data + b"\0" * (len(data) & 1)
    for at in range(0, len(padded), 2):
        total += padded[at] << 8 | padded[at + 1]
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def test_the_example_of_the_specification() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D  # RFC 1071 §3: the sum is ddf2


def test_all_zero_data_and_all_ones_data_are_told_apart() -> None:
    assert checksum(bytes(8)) == 0xFFFF
    assert checksum(b"\xff" * 8) == 0
    assert checksum(b"") == 0xFFFF


@given(st.binary(max_size=2000), st.integers(0, 0x3FFFF))
def test_it_equals_the_textbook(data: bytes, initial: int) -> None:
    assert checksum(data, initial) == textbook(data, initial)


@given(st.binary(max_size=200).filter(lambda data: len(data) % 2 == 0))
def test_data_with_its_checksum_sums_to_zero(data: bytes) -> None:
    assert checksum(data + checksum(data).to_bytes(2, "big")) == 0


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_partial_sums_add_up_over_even_parts(one: bytes, other: bytes) -> None:
    one += b"\0" * (len(one) & 1)
    assert (partial_sum(one) + partial_sum(other)) % 0xFFFF == partial_sum(one + other)


@given(st.binary(min_size=1, max_size=99))
def test_every_kind_of_buffer_gives_the_same(data: bytes) -> None:
    assert checksum(data) == checksum(bytearray(data)) == checksum(memoryview(data))


@given(
    st.sampled_from([4, 16]).flatmap(
        lambda n: st.tuples(st.binary(min_size=n, max_size=n), st.binary(min_size=n, max_size=n))
    ),
    st.integers(0, 70_000),
)
def test_the_pseudo_header_is_that_of_the_specification(addresses: tuple[bytes, bytes], length: int) -> None:
    source, destination = addresses
    header = source + destination + length.to_bytes(4, "big") + bytes(3) + b"\x06"  # RFC 8200 §8.1; equal sum for IPv4
    assert pseudo_header_sum(source, destination, 6, length) % 0xFFFF == partial_sum(header)
