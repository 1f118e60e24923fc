"""SYN cookies (RFC 4987 §3.6): a handshake without memory.

The sequence number of the SYN-ACK carries, under a keyed hash, when it was made and the peer's MSS as an index;
window scale and SACK ride in the low bits of our timestamp, which the peer echoes (as Linux has it). Whoever returns
the number has seen our SYN-ACK, so its address is its own.

The hash is a CBC-MAC of AES-128 over messages of one length (ISO/IEC 9797-1, algorithm 1), with a key for each version
of IP. It costs less than other hashes one by one, and next to nothing for many messages at once: a call of the cipher
takes the same block of all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from hashlib import blake2s
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from honeystack.net.tcp.seq import MASK

PERIOD: Final = 64.0  # seconds that one count lasts; a cookie lives for one to two of them
MSS_TABLE: Final = (48, 216, 536, 1024, 1220, 1400, 1440, 1460)  # three bits: both defaults, the common tunnels
OPTION_BITS: Final = 6  # low bits of the timestamp: 4 window scale (15 = none), 1 SACK, 1 unused
NO_SCALE: Final = 15
BLOCK: Final = 16  # bytes
MAC_BITS: Final = 24


class Restored(NamedTuple):
    """What a cookie brings back."""

    mss: int
    window_scale: int | None
    sack: bool


class Cookies:
    """Makes cookies and knows them again. A key is the flow's: addresses and ports as they stand in the peer's segment.

    `ciphers`: by the length of a key, what encrypts any number of blocks, each on its own.
    """

    __slots__ = ("ciphers",)

    def __init__(self, secret: bytes) -> None:
        self.ciphers: dict[int, Callable[[bytes], bytes]] = {
            12: _cipher(secret, b"cookie4"),
            14: _cipher(secret, b"cookie4v"),  # with a VLAN
            36: _cipher(secret, b"cookie6"),
            38: _cipher(secret, b"cookie6v"),
        }

    def make(self, key: bytes, irs: int, mss: int, now: float) -> int:
        """The sequence number for a SYN-ACK to a SYN with sequence number `irs`."""
        index = bisect_right(MSS_TABLE, max(mss, MSS_TABLE[0])) - 1
        count = count_at(now)
        return count << 27 | index << 24 | self._mac(key, irs, count, index)

    def mss_of(self, key: bytes, irs: int, cookie: int, now: float) -> int | None:
        """The MSS in a cookie that we made for this flow in this or the last period, else None."""
        count, index = cookie >> 27, cookie >> 24 & 7
        if (int(now / PERIOD) - count) & 31 > 1:
            return None
        if cookie & 0xFF_FFFF != self._mac(key, irs, count, index):
            return None
        return MSS_TABLE[index]

    def _mac(self, key: bytes, irs: int, count: int, index: int) -> int:
        encrypt = self.ciphers[len(key)]
        message = key + irs.to_bytes(4, "big")
        message += (count << 8 | index).to_bytes(BLOCK - len(message) % BLOCK, "big")
        state = 0
        for at in range(0, len(message), BLOCK):
            block = int.from_bytes(message[at : at + BLOCK], "big") ^ state
            state = int.from_bytes(encrypt(block.to_bytes(BLOCK, "big")), "big")
        return state & (1 << MAC_BITS) - 1


def count_at(now: float) -> int:
    """The period, as a cookie carries it."""
    return int(now / PERIOD) & 31


def stamp_options(timestamp: int, window_scale: int | None, *, sack: bool) -> int:
    """The timestamp with the options in its low bits, and not later than it was."""
    bits = (NO_SCALE if window_scale is None else window_scale) | sack << 4
    stamped = timestamp >> OPTION_BITS << OPTION_BITS | bits
    return (stamped if stamped <= timestamp else stamped - (1 << OPTION_BITS)) & MASK


def restore_options(mss: int, echo: int | None) -> Restored:
    """The options of a handshake from the cookie's MSS and the timestamp that the peer echoed, if any."""
    if echo is None:
        return Restored(mss, None, sack=False)
    scale = echo & 15
    return Restored(mss, None if scale == NO_SCALE else scale, sack=bool(echo >> 4 & 1))


def _cipher(secret: bytes, person: bytes) -> Callable[[bytes], bytes]:
    key = blake2s(digest_size=16, key=secret, person=person).digest()
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
