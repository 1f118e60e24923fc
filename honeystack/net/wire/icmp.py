"""ICMP messages (RFC 792, RFC 1122 §3.2.2, RFC 1191)."""

from __future__ import annotations

from struct import pack, unpack_from
from typing import NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import Octets, checksum, partial_sum

HEADER_LENGTH = 8
PROTOCOL = 1

ECHO_REPLY, UNREACHABLE, SOURCE_QUENCH, REDIRECT, ECHO_REQUEST, TIME_EXCEEDED, PARAMETER_PROBLEM = 0, 3, 4, 5, 8, 11, 12
TIMESTAMP, TIMESTAMP_REPLY = 13, 14
ERRORS = frozenset({UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM})

HOST_UNREACHABLE, PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED = 1, 2, 3, 4
REASSEMBLY_TIME_EXCEEDED = 1


class IcmpMessage(NamedTuple):
    """One message; `rest` is the second word of the header: identifier and sequence, pointer, MTU."""

    type: int
    code: int
    rest: int
    data: bytes


def decode_icmp(segment: Octets, *, verify: bool = True) -> IcmpMessage:
    if len(segment) < HEADER_LENGTH:
        raise Malformed(f"an ICMP message of {len(segment)} bytes is cut off")
    if verify and partial_sum(segment):
        raise Malformed("wrong ICMP checksum")
    kind, code, _, rest = unpack_from("!BBHI", segment)
    return IcmpMessage(kind, code, rest, bytes(segment[HEADER_LENGTH:]))


def encode_icmp(message: IcmpMessage) -> bytes:
    body = pack("!I", message.rest) + message.data
    return pack("!BBH", message.type, message.code, checksum(body, message.type << 8 | message.code)) + body
