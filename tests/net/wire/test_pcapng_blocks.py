"""pcapng files of our own, of scapy, and made by hand: times, orders, sections, damage."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.utils import PcapNgWriter

from honeystack.errors import Malformed
from honeystack.net.wire import pcapng
from honeystack.net.wire.capture import LINKTYPE_RAW, CapturedPacket, Source
from honeystack.net.wire.pcapng_blocks import decode_pcapng

LITTLE, BIG = "<", ">"


def block(kind: int, body: bytes, order: str = LITTLE) -> bytes:
    length = pack(order + "I", len(body) + 12)
    return pack(order + "I", kind) + length + body + length


def section(order: str = LITTLE, *, major: int = 1) -> bytes:
    return block(0x0A0D0D0A, pack(order + "IHHq", 0x1A2B3C4D, major, 0, -1), order)


def interface(order: str = LITTLE, *, link_type: int = 1, snap_length: int = 0, options: bytes = b"") -> bytes:
    return block(1, pack(order + "HHI", link_type, 0, snap_length) + options, order)


def option(code: int, value: bytes, order: str = LITTLE) -> bytes:
    return pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(data: bytes, ticks: int, order: str = LITTLE, *, number: int = 0, length: int | None = None) -> bytes:
    whole = len(data) if length is None else length
    head = pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), whole)
    return block(6, head + data + bytes(-len(data) % 4), order)


def packets(data: bytes) -> Iterator[CapturedPacket]:
    source = Source(io.BytesIO(data).read)
    return decode_pcapng(source, source.take(4, "the beginning"))


def test_what_is_written_is_read() -> None:
    file = pcapng.section_header("test") + pcapng.interface() + pcapng.secrets(b"CLIENT_RANDOM 00 11\n")
    start = len(file)
    file += pcapng.packet(b"one", 1_700_000_000.5) + pcapng.packet(b"packet", 1_700_000_001.0)
    assert list(packets(file)) == [
        CapturedPacket(1_700_000_000_500_000_000, LINKTYPE_RAW, b"one", 3, start),
        CapturedPacket(1_700_000_001_000_000_000, LINKTYPE_RAW, b"packet", 6, start + 36),
    ]


def test_a_file_that_another_program_wrote_is_read(tmp_path: Path) -> None:
    writer = PcapNgWriter(str(tmp_path / "file"))
    frame = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / IP(src="192.0.2.1", dst="192.0.2.2")
    frame.time = 1_700_000_000.25
    writer.write(frame)
    writer.close()
    [packet] = packets((tmp_path / "file").read_bytes())
    assert (packet.at, packet.link_type, packet.data) == (1_700_000_000_250_000_000, 1, bytes(frame))


@pytest.mark.parametrize("order", [LITTLE, BIG])
def test_both_orders_are_read(order: str) -> None:
    file = section(order) + interface(order) + enhanced(b"data", 2_000_000, order, length=99)
    assert list(packets(file)) == [CapturedPacket(2_000_000_000, 1, b"data", 99, 48)]


@pytest.mark.parametrize(
    ("options", "ticks", "at"),
    [
        (b"", 3, 3_000),
        (option(9, b"\x09"), 3, 3),
        (option(9, b"\x00"), 3, 3_000_000_000),
        (option(9, b"\x0c"), 3_000, 3),
        (option(9, b"\x81"), 3, 1_500_000_000),
        (option(9, b"\x09\x09"), 3, 3_000),  # of a length that it cannot have: not meant
        (option(14, pack("<q", 10)), 3, 10_000_003_000),
        (option(14, pack("<q", -10)), 3, -9_999_997_000),
        (option(14, b"\1\2\3\4"), 3, 3_000),
        (option(2, b"eth0") + option(9, b"\x09") + option(0, b""), 3, 3),
    ],
)
def test_times_are_as_the_interface_says(options: bytes, ticks: int, at: int) -> None:
    assert [packet.at for packet in packets(section() + interface(options=options) + enhanced(b"", ticks))] == [at]


def test_each_packet_is_of_its_own_interface() -> None:
    file = section() + interface(link_type=101) + interface() + enhanced(b"a", 0, number=1) + enhanced(b"b", 0)
    assert [(packet.link_type, packet.data) for packet in packets(file)] == [(1, b"a"), (101, b"b")]


def test_a_new_section_has_its_own_order_and_interfaces() -> None:
    file = section() + interface() + enhanced(b"a", 1) + section(BIG) + interface(BIG, link_type=101)
    file += enhanced(b"b", 2, BIG)
    assert [(packet.at, packet.link_type, packet.data) for packet in packets(file)] == [
        (1_000, 1, b"a"),
        (2_000, 101, b"b"),
    ]


def test_old_and_simple_packet_blocks_are_read() -> None:
    old = block(2, pack("<HHIIII", 0, 0, 0, 5, 3, 3) + b"old\0")
    simple, cut = block(3, pack("<I", 6) + b"simple\0\0"), block(3, pack("<I", 100) + b"12345678")
    file = section() + interface(snap_length=8) + old + simple + cut
    assert [(packet.at, packet.data, packet.length) for packet in packets(file)] == [
        (5_000, b"old", 3),
        (5_000, b"simple", 6),
        (5_000, b"12345678", 100),
    ]


def test_a_simple_packet_without_a_bound_is_whole() -> None:
    file = section() + interface() + block(3, pack("<I", 4) + b"data")
    assert [packet.data for packet in packets(file)] == [b"data"]


def test_other_blocks_are_passed_over() -> None:
    file = (
        section()
        + block(4, b"names...")
        + interface()
        + block(0xBAD, b"")
        + enhanced(b"a", 0)
        + block(5, b"statistic---")
    )
    assert [packet.data for packet in packets(file)] == [b"a"]


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (section()[:6], "the file ends within a section header: 2 of 8"),
        (b"\x0a\x0d\x0d\x0a" + bytes(8), "a section's byte order 00000000 is none"),
        (section()[:4] + pack("<II", 24, 0x1A2B3C4D) + bytes(16), "a section header of 24 bytes is too short"),
        (section(major=2), "version 2 of the format is unknown"),
        (section() + b"\1\0", "within the type of a block: 2 of 4"),
        (section() + pack("<II", 1, 8), "a block of 8 bytes is none"),
        (section() + pack("<II", 1, 21), "a block of 21 bytes is none"),
        (section() + pack("<II", 1, 1 << 28), "a block of 268435456 bytes is none"),
        (section() + interface()[:-1], "within a block: 11 of 12"),
        (section() + interface()[:-4] + pack("<I", 99), "a block of 20 bytes says at its end that it has 99"),
        (section() + block(1, b"1234"), "the description of an interface is cut off"),
        (section() + interface(options=pack("<HH", 2, 9)), "an option of an interface is cut off"),
        (section() + enhanced(b"", 0), "a packet of interface 0 comes before any description of it"),
        (section() + interface() + block(6, b"1234"), "a packet block is cut off"),
        (section() + interface() + block(2, b"1234"), "a packet block is cut off"),
        (section() + interface() + block(3, b""), "a packet block is cut off"),
        (section() + interface() + block(3, pack("<I", 9) + b"1234"), "a packet of 9 bytes in a block that has 4"),
        (
            section() + interface() + block(6, pack("<IIIII", 0, 0, 0, 9, 9) + b"1234"),
            "a packet of 9 bytes in a block that has 4 for it",
        ),
    ],
)
def test_damage_is_told(damaged: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        list(packets(damaged))


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_fail_as_malformed(rest: bytes) -> None:
    for head in (section()[:4], section(), section() + interface()):
        try:
            for packet in packets(head + rest):
                assert len(packet.data) <= packet.length
        except Malformed:
            pass


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(4, 600))
def test_a_file_cut_anywhere_gives_the_packets_before_the_cut(datas: list[bytes], cut: int) -> None:
    whole = section() + interface() + b"".join(enhanced(data, 0) for data in datas)
    found: list[bytes] = []
    try:
        found.extend(packet.data for packet in packets(whole[:cut]))
    except Malformed:
        assert cut < len(whole)
    assert found == datas[: len(found)]
