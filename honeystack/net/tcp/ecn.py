"""Explicit congestion notification (RFC 3168 §6.1): the peer's marks are echoed, and our new data may be marked.

What the peer echoes halves the congestion window once in a round trip (`Congestion.marked`), and CWR tells him so.
"""

from __future__ import annotations

import enum
from typing import Final

from honeystack.net.wire.tcp import CWR, ECE, SYN

CONGESTION_EXPERIENCED: Final = 0b11  # in the type of service


class Ecn(enum.Enum):
    """How a connection stands to it."""

    OFF = 0
    AGREED = 1
    ECHOING = 2  # a packet was marked, and the peer has not said yet that it has slowed down


# By name alone: every segment asks.
ECN_OFF: Final = Ecn.OFF
ECN_AGREED: Final = Ecn.AGREED
ECN_ECHOING: Final = Ecn.ECHOING


def asks_for_ecn(flags: int, tos: int) -> bool:
    """Whether this is a SYN that offers it (§6.1.1); in a packet that can be marked it is none of RFC 3168 (Linux)."""
    return flags & (SYN | ECE | CWR) == SYN | ECE | CWR and not tos & CONGESTION_EXPERIENCED


def echo_of(ecn: Ecn, flags: int, tos: int) -> Ecn:
    """What is so after a segment with these flags in a packet of this type of service."""
    if tos & CONGESTION_EXPERIENCED == CONGESTION_EXPERIENCED:
        return ECN_ECHOING
    return ECN_AGREED if flags & CWR else ecn
