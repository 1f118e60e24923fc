"""Frames out of files, and what is said of files that are none, are damaged, or were captured otherwise."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import CaptureError
from honeystack.net.wire import pcapng
from honeystack.net.wire.ethernet import IPV4, IPV6, encode_ethernet
from honeystack.replay.captures import NO_MAC, Recorded, Remarks, read_captures, untagged
from tests.replay.files import BEGAN, PEER6, SERVER6, pcap, udp, write

FRAME = udp(b"data")
RECORD = 24  # where the first one begins


def read(*paths: Path) -> list[Recorded]:
    return list(read_captures(paths, Remarks()))


def test_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    first, second = write(tmp_path, [FRAME], "a"), write(tmp_path, [udp(b"more")], "b")
    assert read(first, second) == [Recorded(BEGAN, FRAME), Recorded(BEGAN, udp(b"more"))]


def test_transcripts_of_our_own_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ours.pcapng"
    path.write_bytes(pcapng.section_header("x") + pcapng.interface() + pcapng.packet(FRAME[14:], 1.5))
    [recorded] = read(path)
    assert recorded == Recorded(1_500_000_000, NO_MAC + NO_MAC + IPV4.to_bytes(2, "big") + FRAME[14:])


@pytest.mark.parametrize("link_type", [101, 228, 229])
def test_bare_packets_get_an_ethernet_header_without_addresses(tmp_path: Path, link_type: int) -> None:
    v6 = udp(b"x", source=PEER6, destination=SERVER6)
    found = read(write(tmp_path, [FRAME[14:], v6[14:], b""], link_type=link_type))
    assert [int.from_bytes(recorded.frame[12:14], "big") for recorded in found] == [IPV4, IPV6, IPV4]
    assert [recorded.frame[14:] for recorded in found] == [FRAME[14:], v6[14:], b""]


def tagged(tag: bytes) -> bytes:
    return FRAME[:12] + tag + FRAME[12:]


@pytest.mark.parametrize(
    ("tag", "vlan"),
    [
        (b"\x81\x00\x00\x07", 7),
        (b"\x81\x00\xe0\x07", 0xE007),
        (b"\x88\xa8\x00\x07", 0x88A8_0007),
        (b"\x81\x00\xe0\x00", None),  # a priority and no VLAN
        (b"", None),
    ],
)
def test_a_tag_is_taken_out_as_the_kernel_does(tmp_path: Path, tag: bytes, vlan: int | None) -> None:
    assert read(write(tmp_path, [tagged(tag)])) == [Recorded(BEGAN, FRAME, vlan)]


def test_of_two_tags_the_outer_one_is_taken_out() -> None:
    twice = tagged(b"\x88\xa8\x00\x02\x81\x00\x00\x03")
    assert untagged(0, twice) == Recorded(0, tagged(b"\x81\x00\x00\x03"), 0x88A8_0002)


def test_a_tag_that_is_cut_off_stays_for_the_stack_to_judge() -> None:
    cut = encode_ethernet(NO_MAC, NO_MAC, 0x8100) + b"\0"
    assert untagged(0, cut) == Recorded(0, cut)


def test_packets_that_were_not_captured_whole_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    whole = pcap([FRAME])
    path.write_bytes(whole + pack("<IIII", 0, 0, 3, 1500) + b"cut" + pack("<IIII", 0, 0, 1, 99) + b"c" + whole[24:])
    remarks = Remarks()
    assert [recorded.frame for recorded in read_captures([path], remarks)] == [FRAME, FRAME]
    assert (remarks.cut, remarks.first_cut) == (2, f"{path}: at byte {len(whole)}: 3 of 1500 bytes are there")


def test_times_that_go_backwards_are_counted(tmp_path: Path) -> None:
    frames = [Recorded(at * 1000, FRAME) for at in (5, 3, 4, 6, 6)]
    remarks = Remarks()
    assert len(list(read_captures([write(tmp_path, frames)], remarks))) == 5
    assert remarks.backwards == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "at byte 0: the file ends before its first four bytes, which say what it is"),
        (b"abc", "at byte 0: the file ends within its first four bytes"),
        (b"GIF89a", "at byte 0: neither pcap nor pcapng but something that begins with 47494638"),
        (
            b"\x1f\x8b\x08\x00" + bytes(20),
            "at byte 0: neither pcap nor pcapng but compressed with gzip: unpack it first",
        ),
        (b"\xfd7zXZ\x00", "but compressed with xz: unpack it first"),
        (b"\x28\xb5\x2f\xfd", "but compressed with zstd: unpack it first"),
        (b"\x34\xcd\xb2\xa1", "but a pcap file of a modified format: write it anew with `editcap -F pcapng`"),
        (pcap([])[:-1], "at byte 0: the file ends within its header: 19 of 20 bytes are there"),
        (pcap([FRAME])[:-1], f"at byte {RECORD}: the file ends within a packet"),
        (pcap([FRAME, FRAME])[:-1], f"at byte {RECORD + 16 + len(FRAME)}: the file ends within a packet"),
        (
            pcap([FRAME], link_type=113),
            f"at byte {RECORD}: a packet of link type 113 (cooked frames of `tcpdump -i any`",
        ),
        (pcap([FRAME], link_type=200), "a packet of link type 200; Ethernet and bare IP can be replayed"),
    ],
)
def test_what_is_no_capture_or_a_damaged_one_is_told_with_its_place(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(CaptureError) as told:
        read(path)
    assert str(told.value).startswith(f"{path}: ")
    assert said in str(told.value)


def test_a_damaged_block_is_told_by_where_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole = pcapng.section_header("x") + pcapng.interface() + pcapng.packet(FRAME[14:], 1.0)
    path.write_bytes(whole + pcapng.secrets(b"some")[:-2])
    with pytest.raises(CaptureError, match=f"at byte {len(whole)}: the file ends within a block"):
        read(path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="none cannot be read: No such file"):
        read(tmp_path / "none")


@given(st.binary(max_size=300))
def test_no_file_does_anything_else_than_frames_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    for beginning in (b"", pcap([FRAME])[:24], pcapng.section_header("x") + pcapng.interface(1)):
        path.write_bytes(beginning + data)
        said = f"{path}: at byte "
        try:
            read(path)
        except CaptureError as error:
            said = str(error)
        assert said.startswith(f"{path}: at byte ")
