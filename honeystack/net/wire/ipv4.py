"""IPv4 headers (RFC 791, RFC 1122 §3.2.1)."""

from __future__ import annotations

from struct import pack, unpack_from
from typing import NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import Octets, checksum, partial_sum

HEADER_LENGTH = 20
LIMITED_BROADCAST = b"\xff" * 4
ICMP, IGMP, TCP, UDP = 1, 2, 6, 17

DONT_FRAGMENT = 0x4000
MORE_FRAGMENTS = 0x2000
OFFSET_MASK = 0x1FFF

OPTION_END, OPTION_NOP = 0, 1
SOURCE_ROUTES = (131, 137)  # loose and strict


class Ipv4Header(NamedTuple):
    """One header; `total_length` is the packet's, header and payload, within the frame."""

    source: bytes
    destination: bytes
    protocol: int
    ttl: int
    ident: int
    tos: int
    dont_fragment: bool
    more_fragments: bool
    fragment_offset: int  # in bytes
    header_length: int
    total_length: int
    source_routed: bool


def decode_ipv4(packet: Octets, *, partial: bool = False) -> Ipv4Header:
    """The header of the packet that `packet` begins with; what follows total_length is the frame's padding.

    `partial`: a super-frame from this machine, whose length field is 0 where it could not hold the length.
    """
    if len(packet) < HEADER_LENGTH:
        raise Malformed(f"an IPv4 packet of {len(packet)} bytes is cut off")
    first, tos, total, ident, fragment, ttl, protocol, _ = unpack_from("!BBHHHBBH", packet)
    length = (first & 0x0F) * 4  # MUST-50
    if first >> 4 != 4 or length < HEADER_LENGTH or length > len(packet):
        raise Malformed("no IPv4 header: wrong version or header length")
    if total == 0 and partial:
        total = len(packet)
    if total < length or total > len(packet):
        raise Malformed(f"an IPv4 packet of {total} bytes in a frame that has {len(packet)} for it")
    if partial_sum(packet[:length]):
        raise Malformed("wrong IPv4 header checksum")
    return Ipv4Header(
        bytes(packet[12:16]),
        bytes(packet[16:20]),
        protocol,
        ttl,
        ident,
        tos,
        bool(fragment & DONT_FRAGMENT),
        bool(fragment & MORE_FRAGMENTS),
        (fragment & OFFSET_MASK) * 8,
        length,
        total,
        length > HEADER_LENGTH and _is_source_routed(bytes(packet[HEADER_LENGTH:length])),
    )


def encode_ipv4(
    source: bytes,
    destination: bytes,
    protocol: int,
    payload_length: int,
    *,
    ttl: int,
    ident: int = 0,
    tos: int = 0,
    fragment: int = 0,
) -> bytes:
    """A header without options; `fragment` is the 16-bit field of flags and offset."""
    total = HEADER_LENGTH + payload_length
    addresses = source + destination
    head = pack("!BBHHHBB", 0x45, tos, total, ident, fragment, ttl, protocol)
    return head + pack("!H", checksum(head, partial_sum(addresses))) + addresses


def _is_source_routed(options: bytes) -> bool:
    """Walk the options, which raises Malformed where one does not fit."""
    position, found = 0, False
    while position < len(options) and options[position] != OPTION_END:
        kind = options[position]
        if kind == OPTION_NOP:
            position += 1
            continue
        length = options[position + 1] if position + 1 < len(options) else 0
        if length < 2 or position + length > len(options):
            raise Malformed("an IPv4 option runs over its header")
        found = found or kind in SOURCE_ROUTES
        position += length
    return found
