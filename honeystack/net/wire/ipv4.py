"""IPv4 headers (RFC 791, RFC 1122 §3.2.1)."""

from __future__ import annotations

from struct import pack, unpack_from
from typing import Final, NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import Octets, checksum, partial_sum

HEADER_LENGTH: Final = 20
LIMITED_BROADCAST: Final = b"\xff" * 4
ICMP: Final = 1
IGMP: Final = 2
PIM: Final = 103  # RFC 7761
TCP: Final = 6
UDP: Final = 17

DONT_FRAGMENT: Final = 0x4000
MORE_FRAGMENTS: Final = 0x2000
OFFSET_MASK: Final = 0x1FFF


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
    options: bytes = b"",
) -> bytes:
    """A header; `fragment` is the 16-bit field of flags and offset, `options` a multiple of four bytes."""
    length = HEADER_LENGTH + len(options)
    behind = source + destination + options
    head = pack("!BBHHHBB", 0x40 | length // 4, tos, length + payload_length, ident, fragment, ttl, protocol)
    return head + pack("!H", checksum(head, partial_sum(behind))) + behind
