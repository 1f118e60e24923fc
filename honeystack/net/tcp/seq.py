"""Sequence numbers: 32 bits, compared modulo 2**32 (RFC 9293 §3.4). Nothing else compares them."""

from __future__ import annotations

from typing import Final

MASK: Final = 0xFFFF_FFFF
HALF: Final = 0x8000_0000


def add(seq: int, count: int) -> int:
    """The sequence number `count` octets on; `count` may be negative."""
    return (seq + count) & MASK


def diff(a: int, b: int) -> int:
    """How far `a` lies after `b`, from -2**31 to 2**31 - 1."""
    return ((a - b + HALF) & MASK) - HALF


def before(a: int, b: int) -> bool:
    """Whether `a` lies before `b`."""
    return (a - b) & MASK >= HALF


def after(a: int, b: int) -> bool:
    """Whether `a` lies after `b`."""
    return (b - a) & MASK >= HALF


def between(low: int, seq: int, high: int) -> bool:
    """Whether `low` <= `seq` <= `high`, for a `low` that is not after `high`."""
    return (seq - low) & MASK <= (high - low) & MASK


def latest(a: int, b: int) -> int:
    """The later one of two sequence numbers."""
    return a if after(a, b) else b
