"""Many SYN-ACKs at once, written into the rows of an array as `wire.tcp` and `net.output` write one. Needs numpy."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from honeystack.net.wire.syn_batch import ADDRESSES_AT, FRAME_AT, TCP, TCP_AT, Column, Syns
from honeystack.net.wire.tcp import ACK, SYN

PLAIN: Final = 24  # bytes of a TCP header with an MSS
STAMPED: Final = 36  # with timestamps too
SCALED: Final = 40  # and with a window scale


class FrameBlock(NamedTuple):
    """Frames in the rows of an array, each from its third byte on; what a link sends by one call."""

    rows: NDArray[np.uint8]
    lengths: Column

    def __len__(self) -> int:
        return len(self.rows)

    def frames(self) -> list[bytes]:
        """One by one."""
        pairs = zip(self.rows, self.lengths.tolist(), strict=True)
        return [row[FRAME_AT : FRAME_AT + length].tobytes() for row, length in pairs]


class Answers(NamedTuple):
    """What the SYN-ACKs of one version of IP say; a column where they differ."""

    mss: int
    scale: int  # the window scale that is offered to those who offered one
    sequence: Column
    ticks: Column
    windows: tuple[int, int]  # without and with timestamps
    with_scale: NDArray[np.bool_]
    with_sack: NDArray[np.bool_]
    with_timestamps: NDArray[np.bool_]  # without them none has the other two
    ttl: int
    mac: bytes
    flow_labels: Column  # of IPv6


def write_syn_acks(syns: Syns, answers: Answers) -> FrameBlock:
    """The frames that answer the SYNs."""
    at = TCP_AT[syns.version]
    words = np.zeros((len(syns), at + SCALED // 4), ">u4")
    sizes = np.where(answers.with_scale, SCALED, np.where(answers.with_timestamps, STAMPED, PLAIN))
    _write_ethernet(words, syns, answers)
    addresses, half = ADDRESSES_AT[syns.version], (at - ADDRESSES_AT[syns.version]) // 2
    words[:, addresses : addresses + half] = syns.words[:, addresses + half : at]
    words[:, addresses + half : at] = syns.words[:, addresses : addresses + half]
    (_write_ipv4 if syns.version == 4 else _write_ipv6)(words, sizes, answers)
    _write_tcp(words, at, sizes, syns, answers)
    return FrameBlock(words.view(np.uint8), 4 * at - FRAME_AT + sizes)


def _write_ethernet(words: NDArray[np.uint32], syns: Syns, answers: Answers) -> None:
    high, low = syns.word(2), syns.word(3)
    words[:, 0] = high >> 16
    words[:, 1] = (high & 0xFFFF) << 16 | low >> 16
    words[:, 2] = int.from_bytes(answers.mac[:4], "big")
    words[:, 3] = int.from_bytes(answers.mac[4:], "big") << 16 | (0x0800 if syns.version == 4 else 0x86DD)


def _write_ipv4(words: NDArray[np.uint32], sizes: Column, answers: Answers) -> None:
    first, third = 0x4500 << 16 | 20 + sizes, answers.ttl << 24 | TCP << 16
    words[:, 4] = first
    words[:, 5] = 0x4000  # do not fragment, and no identification
    total = (first + third + 0x4000 + words[:, 7] + words[:, 8]) % 0xFFFF
    words[:, 6] = third | 0xFFFF - np.where(total == 0, 0xFFFF, total)


def _write_ipv6(words: NDArray[np.uint32], sizes: Column, answers: Answers) -> None:
    words[:, 4] = 6 << 28 | answers.flow_labels
    words[:, 5] = sizes << 16 | TCP << 8 | answers.ttl


def _write_tcp(words: NDArray[np.uint32], at: int, sizes: Column, syns: Syns, answers: Answers) -> None:
    stamped = answers.with_timestamps
    words[:, at] = syns.ports >> 16 | (syns.ports & 0xFFFF) << 16
    words[:, at + 1] = answers.sequence
    words[:, at + 2] = syns.sequence + 1 & 0xFFFF_FFFF
    windows = np.where(stamped, answers.windows[1], answers.windows[0])
    words[:, at + 3] = sizes << 26 | (SYN | ACK) << 16 | windows
    words[:, at + 5] = 0x0204 << 16 | answers.mss
    if stamped.any():
        kinds = np.where(answers.with_sack, 0x0402, 0x0101) << 16 | 0x080A
        words[:, at + 6] = np.where(stamped, kinds, 0)
        words[:, at + 7] = np.where(stamped, answers.ticks, 0)
        words[:, at + 8] = np.where(stamped, syns.timestamp, 0)
        words[:, at + 9] = np.where(answers.with_scale, 0x010303 << 8 | answers.scale, 0)
    # What is not written is zero, and adds nothing.
    start = ADDRESSES_AT[4] if at == TCP_AT[4] else ADDRESSES_AT[6]
    total = words[:, start:].T.astype(np.int64, order="C").sum(axis=0) + TCP + sizes
    words[:, at + 4] = 0xFFFF - total % 0xFFFF << 16
