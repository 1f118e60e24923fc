"""UDP-Lite datagrams, as far as a host with no program for them judges them (RFC 3828)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import Octets, partial_sum, pseudo_header_sum

HEADER_LENGTH: Final = 8
PROTOCOL: Final = 136


def check_udp_lite(segment: Octets, source: bytes, destination: bytes, *, verify: bool = True) -> None:
    """Raises Malformed where the checksum does not hold over what it covers, or covers what cannot be."""
    length = len(segment)
    if length < HEADER_LENGTH:
        raise Malformed(f"a UDP-Lite datagram of {length} bytes is cut off")
    coverage, stored = unpack_from("!HH", segment, 4)
    if (coverage and coverage < HEADER_LENGTH) or coverage > length:
        raise Malformed(f"a UDP-Lite checksum that covers {coverage} of {length} bytes")
    if stored == 0:
        raise Malformed("a UDP-Lite datagram without a checksum")
    covered = segment[: coverage or length]
    if verify and (partial_sum(covered) + pseudo_header_sum(source, destination, PROTOCOL, length)) % 0xFFFF:
        raise Malformed("wrong UDP-Lite checksum")
