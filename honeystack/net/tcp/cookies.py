"""SYN cookies (RFC 4987 §3.6): a handshake without memory.

The sequence number of the SYN-ACK carries, under a keyed hash, when it was made and the peer's MSS as an index;
window scale and SACK ride in the low bits of our timestamp, which the peer echoes (as Linux has it). Whoever returns
the number has seen our SYN-ACK, so its address is its own.
"""

from __future__ import annotations

from bisect import bisect_right
from hashlib import blake2s
from typing import Final, NamedTuple

from honeystack.net.tcp.seq import MASK

PERIOD: Final = 64.0  # seconds that one count lasts; a cookie lives for one to two of them
MSS_TABLE: Final = (48, 216, 536, 1024, 1220, 1400, 1440, 1460)  # three bits: both defaults, the common tunnels
OPTION_BITS: Final = 6  # low bits of the timestamp: 4 window scale (15 = none), 1 SACK, 1 unused
NO_SCALE: Final = 15


class Restored(NamedTuple):
    """What a cookie brings back."""

    mss: int
    window_scale: int | None
    sack: bool


def make_cookie(secret: bytes, key: bytes, irs: int, mss: int, now: float) -> int:
    """The sequence number for a SYN-ACK to a SYN with sequence number `irs`."""
    index = bisect_right(MSS_TABLE, max(mss, MSS_TABLE[0])) - 1
    count = int(now / PERIOD) & 31
    return count << 27 | index << 24 | _mac(secret, key, irs, count, index)


def cookie_mss(secret: bytes, key: bytes, irs: int, cookie: int, now: float) -> int | None:
    """The MSS in a cookie that we made for this flow in this or the last period, else None."""
    count, index = cookie >> 27, cookie >> 24 & 7
    if (int(now / PERIOD) - count) & 31 > 1:
        return None
    if cookie & 0xFF_FFFF != _mac(secret, key, irs, count, index):
        return None
    return MSS_TABLE[index]


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


def _mac(secret: bytes, key: bytes, irs: int, count: int, index: int) -> int:
    message = key + irs.to_bytes(4, "big") + bytes((count, index))
    return int.from_bytes(blake2s(message, digest_size=3, key=secret, person=b"cookie").digest(), "big")
