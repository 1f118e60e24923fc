"""CRC-32 as zlib has it, of many short byte strings of one length at once. Needs numpy."""

from __future__ import annotations

from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

ALL: Final = 0xFFFF_FFFF
# What each byte adds, taken from zlib itself: a CRC is linear, but for its inversion at both ends.
TABLE: Final = np.array([crc32(bytes([byte]), ALL) ^ ALL for byte in range(256)], np.uint32)


def crc32_rows(rows: NDArray[np.uint8], initial: int = 0) -> NDArray[np.uint32]:
    """crc32(row, initial) of each row."""
    value = np.full(len(rows), initial ^ ALL, np.uint32)
    for column in rows.T:
        value = TABLE[(value ^ column) & 0xFF] ^ value >> np.uint32(8)
    return value ^ np.uint32(ALL)
