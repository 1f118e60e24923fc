"""What a stranger must not guess: initial sequence numbers (RFC 6528) and timestamp offsets (RFC 7323 §5.4)."""

from __future__ import annotations

from hashlib import blake2s
from typing import Final

from honeystack.net.tcp.seq import MASK

TICKS_PER_SECOND: Final = 250_000  # RFC 6528 §3: M is a timer of 4 microseconds


def flow_secrets(secret: bytes, key: bytes, now: float) -> tuple[int, int]:
    """The initial sequence number for a flow at this time, and the offset of the flow's timestamp clock.

    The number is M + F(flow, secret): it grows with time within one flow, and flows tell nothing of each other.
    """
    digest = blake2s(key, digest_size=8, key=secret, person=b"isn").digest()  # MUST-9
    isn = int.from_bytes(digest[:4], "big") + int(now * TICKS_PER_SECOND)  # MUST-8
    return isn & MASK, int.from_bytes(digest[4:], "big")


def shared_offset(secret: bytes) -> int:
    """The offset of a timestamp clock that all flows have in common; it does not tell how long the host is up."""
    return int.from_bytes(blake2s(digest_size=4, key=secret, person=b"clock").digest(), "big")
