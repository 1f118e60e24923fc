"""What the layers above want to know of a received frame and its IP header, the same for IPv4 and IPv6."""

from __future__ import annotations

import enum
from typing import NamedTuple


class IpFacts(NamedTuple):
    """The facts of one received IP header that upper layers use, fingerprints above all."""

    ttl: int  # or hop limit
    ident: int  # IPv4 identification; 0 for IPv6, which has none outside fragments
    dont_fragment: bool  # True for IPv6, which never fragments on the way
    tos: int  # or traffic class


class ChecksumState(enum.Enum):
    """What is known about a received frame's upper-layer checksum (TP_STATUS_CSUM*)."""

    UNKNOWN = 0  # verify it
    VALID = 1  # verified by the kernel or the device
    PARTIAL = 2  # not filled in: the frame never left this machine, and is sound
