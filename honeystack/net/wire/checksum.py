"""The Internet checksum (RFC 1071) and the pseudo-headers of IPv4 and IPv6 (RFC 9293 §3.1, RFC 8200 §8.1)."""

from __future__ import annotations

from typing import TypeAlias

Octets: TypeAlias = "bytes | bytearray | memoryview"


def partial_sum(data: Octets) -> int:
    """The ones' complement sum of big-endian 16-bit words, unfolded; an odd last byte counts as the high half.

    2**16 ≡ 1 (mod 65535), so the number that the bytes spell, modulo 65535, is their ones' complement sum.
    """
    value = int.from_bytes(data, "big")
    if len(data) & 1:
        value <<= 8
    return value % 0xFFFF


def checksum(data: Octets, initial: int = 0) -> int:
    """The checksum to store, or 0 when `data` includes a correct one; `initial` is a partial sum to add."""
    total = (partial_sum(data) + initial) % 0xFFFF
    return ~total & 0xFFFF if total or _all_zero(data, initial) else 0


def pseudo_header_sum(source: bytes, destination: bytes, protocol: int, length: int) -> int:
    """The partial sum of the pseudo-header; `length` counts the upper-layer header and data in bytes."""
    return partial_sum(source) + partial_sum(destination) + protocol + (length >> 16) + (length & 0xFFFF)


def _all_zero(data: Octets, initial: int) -> bool:
    # A residue of 0 stands for both 0x0000 and 0xFFFF; only data that is all zero sums to 0x0000.
    return initial == 0 and not any(data)
