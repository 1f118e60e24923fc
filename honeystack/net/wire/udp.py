"""UDP headers (RFC 768, RFC 8200 §8.1)."""

from __future__ import annotations

from struct import pack, unpack_from
from typing import Final, NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import Octets, checksum, partial_sum, pseudo_header_sum

HEADER_LENGTH: Final = 8
PROTOCOL: Final = 17


class UdpDatagram(NamedTuple):
    """One datagram, whole."""

    source_port: int
    destination_port: int
    data: bytes


def decode_udp(segment: Octets, source: bytes, destination: bytes, *, verify: bool = True) -> UdpDatagram:
    """The datagram between two packed addresses. `verify`: also look at its checksum."""
    if len(segment) < HEADER_LENGTH:
        raise Malformed(f"a UDP datagram of {len(segment)} bytes is cut off")
    source_port, destination_port, length, stored = unpack_from("!HHHH", segment)
    if length == 0 and not verify:
        length = len(segment)  # a super-frame whose length the field could not hold
    if length < HEADER_LENGTH or length > len(segment):
        raise Malformed(f"a UDP length of {length} in a packet that has {len(segment)} bytes for it")
    if verify and (stored or len(source) == 16):
        if not stored:
            raise Malformed("a UDP checksum of zero, which IPv6 forbids")
        if (partial_sum(segment[:length]) + pseudo_header_sum(source, destination, PROTOCOL, length)) % 0xFFFF:
            raise Malformed("wrong UDP checksum")
    return UdpDatagram(source_port, destination_port, bytes(segment[HEADER_LENGTH:length]))


def encode_udp(datagram: UdpDatagram, source: bytes, destination: bytes) -> bytes:
    """The datagram with its checksum, from a packed source address to a packed destination."""
    length = HEADER_LENGTH + len(datagram.data)
    ports = pack("!HHH", datagram.source_port, datagram.destination_port, length)
    total = partial_sum(ports) + pseudo_header_sum(source, destination, PROTOCOL, length)
    # A sum that comes out as zero is sent as all ones: zero means "no checksum" (RFC 768).
    return ports + pack("!H", checksum(datagram.data, total) or 0xFFFF) + datagram.data
