"""Files of libpcap in both orders and both resolutions, whole, cut anywhere and damaged."""

from __future__ import annotations

import io
from collections.abc import Iterator
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.utils import PcapWriter

from honeystack.errors import Malformed
from honeystack.net.wire.capture import MAX_PACKET, CapturedPacket, Source
from honeystack.net.wire.pcap import MAGIC, decode_pcap

HEAD, RECORD = 24, 16


def header(magic: bytes, *, network: int = 1, major: int = 2) -> bytes:
    return magic + pack(MAGIC[magic][0] + "HHiIII", major, 4, 0, 0, 262144, network)


def record(magic: bytes, data: bytes, *, length: int | None = None, seconds: int = 7, fraction: int = 5) -> bytes:
    whole = len(data) if length is None else length
    return pack(MAGIC[magic][0] + "IIII", seconds, fraction, len(data), whole) + data


def packets(data: bytes) -> Iterator[CapturedPacket]:
    source = Source(io.BytesIO(data).read)
    return decode_pcap(source, source.take(4, "the beginning"))


LITTLE = b"\xd4\xc3\xb2\xa1"


@pytest.mark.parametrize("magic", MAGIC)
def test_packets_are_read_in_both_orders_and_resolutions(magic: bytes) -> None:
    found = list(packets(header(magic) + record(magic, b"first") + record(magic, b"second", length=1500)))
    nanoseconds = 5 if MAGIC[magic][1] == 1_000_000_000 else 5_000
    at = 7_000_000_000 + nanoseconds
    assert found == [
        CapturedPacket(at, 1, b"first", 5, HEAD),
        CapturedPacket(at, 1, b"second", 1500, HEAD + RECORD + 5),
    ]


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("endianness", ["<", ">"])
def test_files_that_another_program_wrote_are_read(nano: bool, endianness: str) -> None:
    file = io.BytesIO()
    writer = PcapWriter(file, linktype=1, endianness=endianness, nano=nano)
    frame = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / IP(src="192.0.2.1", dst="192.0.2.2")
    frame.time = 1_700_000_000.25
    writer.write(frame)
    writer.flush()
    [packet] = packets(file.getvalue())
    assert (packet.at, packet.link_type, packet.data) == (1_700_000_000_250_000_000, 1, bytes(frame))


def test_an_empty_capture_has_no_packets() -> None:
    assert list(packets(header(LITTLE))) == []


def test_checksums_of_frames_are_taken_off() -> None:
    with_checksum = header(LITTLE, network=1 | 2 << 28 | 1 << 26)
    file = with_checksum + record(LITTLE, b"frameCRCS") + record(LITTLE, b"cut", length=99)
    assert [(packet.data, packet.length, packet.link_type) for packet in packets(file)] == [
        (b"frame", 5, 1),
        (b"cut", 99, 1),
    ]


def test_a_length_below_what_was_captured_is_none() -> None:
    assert [packet.length for packet in packets(header(LITTLE) + record(LITTLE, b"data", length=0))] == [4]


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (header(LITTLE)[:20], "the file ends within its header: 16 of 20 bytes are there"),
        (header(LITTLE, major=3), "version 3 of the format is unknown"),
        (header(LITTLE) + record(LITTLE, b"")[:9], "within the header of a packet: 9 of 16"),
        (header(LITTLE) + record(LITTLE, b"data")[:-1], "within a packet: 3 of 4"),
        (header(LITTLE) + record(LITTLE, b"data")[:-4], "before a packet"),
        (header(LITTLE) + pack("<IIII", 0, 0, MAX_PACKET + 1, 60), f"a packet of {MAX_PACKET + 1} bytes is none"),
        (header(LITTLE) + record(LITTLE, b"", fraction=1_000_000), "has 1000000 parts of a second that has 1000000"),
    ],
)
def test_damage_is_told(damaged: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        list(packets(damaged))


def test_what_came_before_the_damage_is_given() -> None:
    found = packets(header(LITTLE) + record(LITTLE, b"whole") + record(LITTLE, b"damaged")[:-1])
    assert next(found).data == b"whole"
    with pytest.raises(Malformed):
        next(found)


@given(st.sampled_from(sorted(MAGIC)), st.binary(max_size=200))
def test_no_bytes_do_anything_but_fail_as_malformed(magic: bytes, rest: bytes) -> None:
    try:
        for packet in packets(magic + rest):
            assert len(packet.data) <= packet.length
    except Malformed:
        pass


@given(st.sampled_from(sorted(MAGIC)), st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 400))
def test_a_file_cut_anywhere_gives_the_packets_before_the_cut(magic: bytes, datas: list[bytes], cut: int) -> None:
    whole = header(magic) + b"".join(record(magic, data) for data in datas)
    found: list[bytes] = []
    try:
        if cut >= 4:
            found.extend(packet.data for packet in packets(whole[:cut]))
    except Malformed:
        assert cut < len(whole)
    assert found == datas[: len(found)]
