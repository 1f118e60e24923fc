"""ICMPv6 messages (RFC 4443), neighbour discovery (RFC 4861) and multicast listener discovery (RFC 3810, 2710)."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack_from
from typing import Final, NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import Octets, checksum, partial_sum, pseudo_header_sum
from honeystack.net.wire.icmp import HEADER_LENGTH, IcmpMessage

PROTOCOL: Final = 58

UNREACHABLE: Final = 1
PACKET_TOO_BIG: Final = 2
TIME_EXCEEDED: Final = 3
PARAMETER_PROBLEM: Final = 4
ECHO_REQUEST: Final = 128
ECHO_REPLY: Final = 129
MLD_QUERY: Final = 130
MLD_REPORT: Final = 131
MLD_DONE: Final = 132
MLD_REPORT_V2: Final = 143
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, REDIRECT = range(133, 138)
FIRST_INFORMATION: Final = 128  # what is lower is an error

PORT_UNREACHABLE: Final = 4
REASSEMBLY_TIME_EXCEEDED: Final = 1

SOURCE_LINK_ADDRESS: Final = 1
TARGET_LINK_ADDRESS: Final = 2
SOLICITED: Final = 0x40000000
OVERRIDE: Final = 0x20000000
NDP_HOP_LIMIT: Final = 255  # a router would have lowered it: so the sender is on this link

ALL_NODES: Final = bytes.fromhex("ff020000000000000000000000000001")
ALL_MLDV2_ROUTERS: Final = bytes.fromhex("ff020000000000000000000000000016")
SOLICITED_NODE_PREFIX: Final = bytes.fromhex("ff0200000000000000000001ff")
MODE_IS_EXCLUDE: Final = 2  # the kind of a group record (RFC 3810 §5.2.12)


class Neighbour(NamedTuple):
    """A neighbour solicitation or advertisement."""

    target: bytes
    flags: int  # the first word: SOLICITED, OVERRIDE
    link_address: bytes | None  # what the option of the message's own kind says


def decode_icmpv6(segment: Octets, source: bytes, destination: bytes, *, verify: bool = True) -> IcmpMessage:
    """The message between two packed addresses."""
    length = len(segment)
    if length < HEADER_LENGTH:
        raise Malformed(f"an ICMPv6 message of {length} bytes is cut off")
    if verify and (partial_sum(segment) + pseudo_header_sum(source, destination, PROTOCOL, length)) % 0xFFFF:
        raise Malformed("wrong ICMPv6 checksum")
    kind, code, _, rest = unpack_from("!BBHI", segment)
    return IcmpMessage(kind, code, rest, bytes(segment[HEADER_LENGTH:]))


def encode_icmpv6(message: IcmpMessage, source: bytes, destination: bytes) -> bytes:
    body = pack("!I", message.rest) + message.data
    total = pseudo_header_sum(source, destination, PROTOCOL, 4 + len(body)) + (message.type << 8 | message.code)
    return pack("!BBH", message.type, message.code, checksum(body, total)) + body


def decode_neighbour(message: IcmpMessage) -> Neighbour:
    """The body of a neighbour solicitation or advertisement (RFC 4861 §7.1)."""
    if message.code or len(message.data) < 16 or message.data[0] == 0xFF:
        raise Malformed("a neighbour message with a code, without a target or for a group")
    wanted = SOURCE_LINK_ADDRESS if message.type == NEIGHBOUR_SOLICITATION else TARGET_LINK_ADDRESS
    link_address, position, data = None, 16, message.data
    while position < len(data):
        length = data[position + 1] * 8 if position + 1 < len(data) else 0
        if length == 0 or position + length > len(data):
            raise Malformed("a neighbour discovery option is empty or cut off")
        if data[position] == wanted:
            if length != 8:
                raise Malformed("a link address of another length than Ethernet's")
            link_address = data[position + 2 : position + 8]
        position += length
    return Neighbour(data[:16], message.rest, link_address)


def encode_neighbour(kind: int, neighbour: Neighbour) -> IcmpMessage:
    """A neighbour solicitation or advertisement; its option is left out where there is no link address."""
    option = b""
    if neighbour.link_address is not None:
        number = SOURCE_LINK_ADDRESS if kind == NEIGHBOUR_SOLICITATION else TARGET_LINK_ADDRESS
        option = bytes([number, 1]) + neighbour.link_address
    return IcmpMessage(kind, 0, neighbour.flags, neighbour.target + option)


def solicited_node(address: bytes) -> bytes:
    """The multicast group that an address's owner listens to (RFC 4291 §2.7.1)."""
    return SOLICITED_NODE_PREFIX + address[13:]


class MldQuery(NamedTuple):
    """A multicast listener query."""

    maximum_delay: float  # seconds
    group: bytes  # all zero in a general query
    version: int  # 1 or 2


def decode_mld_query(message: IcmpMessage) -> MldQuery:
    """A query by its length, as RFC 3810 §8.1 tells versions apart. Raises Malformed."""
    data = message.data
    if len(data) < 16:
        raise Malformed("a multicast listener query without a group")
    code = message.rest >> 16
    if len(data) == 16:
        return MldQuery(code / 1000, data, 1)
    if len(data) < 20 or len(data) < 20 + 16 * (data[18] << 8 | data[19]):
        raise Malformed(f"a multicast listener query of {8 + len(data)} bytes is cut off")
    if code >= 0x8000:  # RFC 3810 §5.1.3: a floating point number
        code = (code & 0x0FFF | 0x1000) << ((code >> 12 & 7) + 3)
    return MldQuery(code / 1000, data[:16], 2)


def encode_mld_report(groups: Sequence[bytes]) -> IcmpMessage:
    """A version 2 report that we listen to each group, from whatever source."""
    records = b"".join(bytes([MODE_IS_EXCLUDE, 0, 0, 0]) + group for group in groups)
    return IcmpMessage(MLD_REPORT_V2, 0, len(groups), records)
