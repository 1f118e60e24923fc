"""ICMP messages (RFC 792, RFC 1122 §3.2.2, RFC 1191)."""

from __future__ import annotations

from struct import pack, unpack_from
from typing import Final, NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import Octets, checksum, partial_sum

HEADER_LENGTH: Final = 8
PROTOCOL: Final = 1

ECHO_REPLY: Final = 0
UNREACHABLE: Final = 3
SOURCE_QUENCH: Final = 4
REDIRECT: Final = 5
ECHO_REQUEST: Final = 8
TIME_EXCEEDED: Final = 11
PARAMETER_PROBLEM: Final = 12
TIMESTAMP: Final = 13
TIMESTAMP_REPLY: Final = 14
ERRORS: Final = frozenset({UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM})

HOST_UNREACHABLE: Final = 1
PROTOCOL_UNREACHABLE: Final = 2
PORT_UNREACHABLE: Final = 3
FRAGMENTATION_NEEDED: Final = 4
REASSEMBLY_TIME_EXCEEDED: Final = 1


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
