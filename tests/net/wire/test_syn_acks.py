"""SYN-ACKs in rows are those that are written one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from honeystack.net.wire.checksum import pseudo_header_sum
from honeystack.net.wire.ethernet import IPV4, IPV6, encode_ethernet
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.ipv4 import DONT_FRAGMENT, encode_ipv4
from honeystack.net.wire.ipv6 import encode_ipv6
from honeystack.net.wire.syn_acks import Answers, FrameBlock, write_syn_acks
from honeystack.net.wire.syn_batch import SynBatch, plain_syns
from honeystack.net.wire.tcp import ACK, SYN, encode_segment, syn_options
from tests.net.frames import OUR_MAC, PATHS
from tests.net.syns import LINUX, syn

CASES = [(False, False, False), (True, False, False), (True, True, False), (True, False, True), (True, True, True)]


def blocks(version: int, sequence: int, cases: Sequence[tuple[bool, bool, bool]] = CASES) -> FrameBlock:
    path, count = PATHS[version], len(cases)
    frames = [(syn(path, 1000 + n, 80, 0xFFFF_FFFF - n, LINUX), ChecksumState.UNKNOWN, None) for n in range(count)]
    stamped, scaled, sack = (np.array(column) for column in zip(*cases, strict=True))
    ticks, labels, numbers = np.arange(count) + 0xFFFF_FFF0, np.arange(count) + 0xFFFF0, np.full(count, sequence)
    answers = Answers(1460, 7, numbers, ticks, (64240, 65160), scaled, sack, stamped, 64, OUR_MAC, labels)
    return write_syn_acks(plain_syns(SynBatch.of(frames), version), answers)


def expected(version: int, number: int, sequence: int) -> bytes:
    path, (stamped, scaled, sack) = PATHS[version], CASES[number]
    options = syn_options(
        1460,
        window_scale=7 if scaled else None,
        sack=sack,
        timestamps=(0xFFFF_FFF0 + number, 0xFFFF_FFF0) if stamped else None,
    )
    pseudo, ack = pseudo_header_sum(path.local, path.remote, 6, 0), (0xFFFF_FFFF - number + 1) & 0xFFFF_FFFF
    window = 65160 if stamped else 64240
    segment = encode_segment(80, 1000 + number, sequence, ack, SYN | ACK, window, pseudo, options)
    if version == 4:
        header = encode_ipv4(path.local, path.remote, 6, len(segment), ttl=64, fragment=DONT_FRAGMENT)
        return encode_ethernet(path.remote_mac, path.local_mac, IPV4) + header + segment
    header = encode_ipv6(path.local, path.remote, 6, len(segment), hop_limit=64, flow_label=0xFFFF0 + number)
    return encode_ethernet(path.remote_mac, path.local_mac, IPV6) + header + segment


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("sequence", [0, 1, 0xFFFF_FFFF, 0x8000_0000])
def test_frames_are_those_of_one_by_one(version: int, sequence: int) -> None:
    block = blocks(version, sequence)
    assert len(block) == len(CASES)
    assert block.frames() == [expected(version, number, sequence) for number in range(len(CASES))]


@pytest.mark.parametrize("version", [4, 6])
def test_checksums_hold_for_any_number(version: int) -> None:
    for sequence in range(0, 1 << 32, 0x0101_0101):
        assert blocks(version, sequence).frames()[4] == expected(version, 4, sequence)


@pytest.mark.parametrize("version", [4, 6])
def test_without_any_timestamp_frames_are_the_same_as_one_by_one(version: int) -> None:
    block = blocks(version, 7, CASES[:1])
    assert block.frames() == [expected(version, 0, 7)]
