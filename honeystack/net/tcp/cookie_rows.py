"""The cookies of many SYNs at once; they are those of `cookies`. Needs numpy."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from honeystack.net.tcp.cookies import BLOCK, MAC_BITS, MSS_TABLE, NO_SCALE, OPTION_BITS, Cookies, count_at
from honeystack.net.tcp.seq import MASK

KEY_LENGTHS: Final = {16: 12, 40: 36}  # of a flow's key, by the length of a message: with the sequence number behind it


def make_cookies(
    cookies: Cookies, messages: NDArray[np.uint8], mss: NDArray[np.int64], now: float
) -> NDArray[np.int64]:
    """The sequence number for each SYN-ACK; a message is the flow's key and the SYN's sequence number."""
    count, length = count_at(now), messages.shape[1]
    index = np.searchsorted(MSS_TABLE, np.maximum(mss, MSS_TABLE[0]), side="right") - 1
    encrypt = cookies.ciphers[KEY_LENGTHS[length]]
    padded = np.zeros((len(messages), length + BLOCK - length % BLOCK), np.uint8)
    padded[:, :length] = messages
    padded[:, -2], padded[:, -1] = count, index
    words = padded.view(np.uint64)
    state: NDArray[np.uint64] = np.zeros((len(messages), BLOCK // 8), np.uint64)
    for at in range(0, words.shape[1], BLOCK // 8):
        block = words[:, at : at + BLOCK // 8] ^ state
        state = np.frombuffer(encrypt(block.tobytes()), np.uint64).reshape(block.shape)
    low = state.view(">u4")[:, -1].astype(np.int64) & (1 << MAC_BITS) - 1
    made: NDArray[np.int64] = count << 27 | index << MAC_BITS | low
    return made


def stamp_rows(ticks: NDArray[np.int64] | int, scale: NDArray[np.int64], sack: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The timestamps with options in their low bits, and not later than they were; scale -1: none."""
    bits = np.where(scale < 0, NO_SCALE, scale) | sack.astype(np.int64) << 4
    stamped = ticks >> OPTION_BITS << OPTION_BITS | bits
    kept: NDArray[np.int64] = np.where(stamped <= ticks, stamped, stamped - (1 << OPTION_BITS)) & MASK
    return kept
