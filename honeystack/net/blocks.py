"""Blocks of frames described for sendmmsg(2), as they lie in memory. Needs numpy."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import numpy as np

from honeystack.net.sendmmsg import IoVec, MessageHeader
from honeystack.net.wire.syn_acks import FrameBlock
from honeystack.net.wire.syn_batch import FRAME_AT

MESSAGES = 1024  # of one call; the kernel takes no more (UIO_MAXIOV)


class BlockMessages:
    """The structures, built once: for each block only places and lengths are filled in."""

    def __init__(self) -> None:
        self._vectors = np.zeros((MESSAGES, 2), np.uint64)  # struct iovec
        self._headers = (MessageHeader * MESSAGES)()
        start = self._vectors.ctypes.data
        for number, header in enumerate(self._headers):
            header.message.vectors = start + number * ctypes.sizeof(IoVec)
            header.message.vector_count = 1

    def of(self, block: FrameBlock) -> Iterator[tuple[int, int]]:
        """The address of the first structure, and how many there are, until all frames have had their turn."""
        stride, start = block.rows.strides[0], block.rows.ctypes.data + FRAME_AT
        for first in range(0, len(block), MESSAGES):
            count = min(MESSAGES, len(block) - first)
            self._vectors[:count, 0] = start + stride * np.arange(first, first + count)
            self._vectors[:count, 1] = block.lengths[first : first + count]
            yield ctypes.addressof(self._headers), count
