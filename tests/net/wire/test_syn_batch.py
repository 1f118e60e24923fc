"""A batch gives back its frames, and finds in them what is plain."""

from __future__ import annotations

import numpy as np
import pytest

from honeystack.net.wire.ethernet import encode_ethernet
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.syn_batch import LONGEST, SynBatch, plain_syns
from honeystack.net.wire.tcp import ACK, PSH, SYN
from tests.net.frames import PATHS, ip_frame, syn_segment
from tests.net.syns import LINUX, Received, fragment_field, plain, syn

UNKNOWN = ChecksumState.UNKNOWN


def is_plain(frame: bytes, version: int, state: ChecksumState = UNKNOWN, tag: int | None = None) -> bool:
    """Whether one of three is plain, whose neighbours are."""
    good: Received = (syn(PATHS[version], 5, 80), UNKNOWN, None)
    found = plain_syns(SynBatch.of([good, (frame, state, tag), good]), version)
    assert {0, 2} <= set(found.places.tolist())
    return len(found) == 3


def test_frames_come_back_as_they_were() -> None:
    frames: list[Received] = [
        (b"", UNKNOWN, None),
        (b"x" * LONGEST, ChecksumState.PARTIAL, 7),
        (b"y", ChecksumState.VALID, 0x88A8_0007),
    ]
    batch = SynBatch.of(frames)
    assert [batch.frame(row) for row in range(len(batch))] == frames
    assert [batch.after(1).frame(row) for row in range(2)] == frames[1:]
    assert batch.after(0) is batch


@pytest.mark.parametrize("version", [4, 6])
def test_fields_are_those_of_the_frames(version: int) -> None:
    path = PATHS[version]
    found = plain_syns(
        SynBatch.of([*[(syn(path, 1000, 80, 0xFFFF_FFFF, LINUX), UNKNOWN, None)], *plain(5, version)]), version
    )
    assert found.places.tolist() == list(range(6))
    assert (found.ports[0], found.local_ports[0], found.sequence[0]) == (1000 << 16 | 80, 80, 0xFFFF_FFFF)
    assert (found.mss[0], found.scale[0], found.sack[0], found.timestamp[0]) == (1460, 7, True, 0xFFFF_FFF0)
    start = 28 if version == 4 else 24
    assert found.octets(start, start + len(path.remote))[0].tobytes() == path.remote
    assert found.word(1)[0] == int.from_bytes(path.local_mac[2:], "big")
    some = found.where(np.arange(6) % 2 == 1)
    assert some.places.tolist() == [1, 3, 5]
    assert some.words.tobytes() == found.words[1::2].tobytes()


@pytest.mark.parametrize("version", [4, 6])
def test_one_version_is_none_of_the_others(version: int) -> None:
    assert len(plain_syns(SynBatch.of(plain(4, version)), 10 - version)) == 0


@pytest.mark.parametrize("version", [4, 6])
def test_each_wrong_byte_of_the_headers_is_seen_unless_the_checksum_is_vouched_for(version: int) -> None:
    frame = syn(PATHS[version], 5, 80, options=LINUX)
    addressed = 14 if version == 4 else 22  # the checksum of IPv6 does not cover what is before the addresses
    for place in range(addressed, len(frame)):
        wrong = frame[:place] + bytes([frame[place] ^ 1]) + frame[place + 1 :]
        assert not is_plain(wrong, version), place
    last = frame[:-1] + bytes([frame[-1] ^ 1])
    assert is_plain(last, version, ChecksumState.VALID)
    assert is_plain(last, version, ChecksumState.PARTIAL)


@pytest.mark.parametrize("version", [4, 6])
def test_padding_is_no_part_of_it(version: int) -> None:
    frame = syn(PATHS[version], 5, 80)
    assert is_plain(frame + b"\xff" * 6, version)
    assert not is_plain(frame[:-1], version)


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_more_or_less_than_a_plain_syn_is_left(version: int) -> None:
    path = PATHS[version]
    assert not any(is_plain(syn(path, 5, 80, flags=flags), version) for flags in (0, SYN | ACK, SYN | PSH))
    assert is_plain(syn(path, 5, 80, flags=SYN | 0xC0), version)
    assert not is_plain(ip_frame(path, 6, syn_segment(path) + b"data"), version, ChecksumState.VALID)
    assert not is_plain(ip_frame(path, 17, syn_segment(path)), version)
    assert not is_plain(syn(path, 5, 80), version, tag=7)
    tagged = encode_ethernet(path.local_mac, path.remote_mac, 0x8100) + b"\0\7" + syn(path, 5, 80)[12:]
    assert not is_plain(tagged, version)


def test_fragments_and_extended_headers_are_left() -> None:
    whole = syn(PATHS[4], 5, 80)
    assert not any(is_plain(fragment_field(whole, field), 4) for field in (0x2000, 1, 0x8000))
    assert is_plain(ip_frame(PATHS[4], 6, whole[34:], fragment=0x4000), 4)
    segment = syn_segment(PATHS[6])
    assert not is_plain(ip_frame(PATHS[6], 0, b"\6\0\1\4\0\0\0\0" + segment), 6)


def test_an_empty_batch_has_none() -> None:
    assert len(plain_syns(SynBatch.of([]), 4)) == 0
