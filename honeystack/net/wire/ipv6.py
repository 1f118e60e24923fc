"""IPv6 headers and the walk along extension headers (RFC 8200; 5095, 6946 and 7112 where they change it).

A header chain may ask for an answer: an unknown option, an unknown header. The decoder says so in `problem`, with the
pointer from the packet's beginning; whether the answer may be given is decided where ICMP is. Linux's bounds on
options are kept (net.ipv6.max_dst_opts_number, at most seven bytes of padding): what breaks them is discarded.
"""

from __future__ import annotations

from struct import pack, unpack_from
from typing import Final, NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import Octets

HEADER_LENGTH: Final = 40
HOP_BY_HOP: Final = 0
TCP: Final = 6
UDP: Final = 17
ROUTING: Final = 43
FRAGMENT: Final = 44
ICMPV6: Final = 58
NO_NEXT_HEADER: Final = 59
DESTINATION: Final = 60

# Parameter problem codes (RFC 4443 §3.4, RFC 7112 §5).
ERRONEOUS_FIELD: Final = 0
UNKNOWN_NEXT_HEADER: Final = 1
UNKNOWN_OPTION: Final = 2
INCOMPLETE_CHAIN: Final = 3

SWITCHED_OFF_ROUTING: Final = (3, 4)  # RPL source routes and segment routing

EXTENSIONS: Final = frozenset({HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION})

PAD1: Final = 0x00
PADN: Final = 0x01
ROUTER_ALERT: Final = 0x05
CALIPSO: Final = 0x07
IOAM: Final = 0x31
JUMBO: Final = 0xC2
COMMON_PADDING: Final = b"\1\4\0\0\0\0"  # a header of it alone says nothing: looked for so that long chains cost little
MAX_OPTIONS: Final = 8  # per header, as Linux
MAX_PADDING: Final = 7  # bytes in a row, as Linux: more aligns nothing

# How much of the upper-layer header a first fragment must hold (RFC 7112), as Linux asks for it.
UPPER_HEADER_LENGTHS: Final = {TCP: 20, UDP: 8, ICMPV6: 8}


class Problem(NamedTuple):
    """An ICMPv6 parameter problem that the packet asks for."""

    code: int
    pointer: int
    even_to_multicast: bool = False  # option action 10: told also when the destination is a group


DISCARD: Final = Problem(-1, 0)  # an option's verdict: drop the packet, and tell nobody


class FragmentFacts(NamedTuple):
    """What a fragment header says, and where things are in the packet."""

    ident: int
    offset: int  # of the payload in the fragmentable part, in bytes
    more: bool
    next_header: int
    header_offset: int  # where the fragment header begins
    next_header_pointer: int  # where the byte is that names the fragment header


class Ipv6Packet(NamedTuple):
    """One packet up to its upper-layer header, or up to its fragment header."""

    source: bytes
    destination: bytes
    hop_limit: int
    traffic_class: int
    protocol: int  # of the upper layer; NO_NEXT_HEADER where there is none
    offset: int  # where the upper-layer header, or a fragment's payload, begins
    end: int  # where the packet ends; the rest of the frame is padding
    protocol_pointer: int  # where the byte is that names `protocol`
    fragment: FragmentFacts | None = None
    problem: Problem | None = None
    discard: bool = False  # to be dropped in silence


class _Chain(NamedTuple):
    protocol: int
    offset: int
    pointer: int
    fragment: FragmentFacts | None = None
    problem: Problem | None = None
    discard: bool = False


def decode_ipv6(packet: Octets, *, partial: bool = False, rejoined: int | None = None) -> Ipv6Packet:
    """The packet that `packet` begins with.

    `partial`: a super-frame, whose length field may be 0. `rejoined`: where what came in fragments begins, of a packet
    that was made whole.
    """
    if len(packet) < HEADER_LENGTH:
        raise Malformed(f"an IPv6 packet of {len(packet)} bytes is cut off")
    first, length, next_header, hop_limit = unpack_from("!IHBB", packet)
    if first >> 28 != 6:
        raise Malformed("no IPv6 header: wrong version")
    # RFC 2675 §2: a jumbogram says 0, and its length in an option.
    lengthless = length == 0 and (partial or next_header == HOP_BY_HOP)
    end = len(packet) if lengthless else HEADER_LENGTH + length
    if end > len(packet):
        raise Malformed(f"an IPv6 packet of {end} bytes in a frame that has {len(packet)} for it")
    chain = walk_headers(packet, next_header, end, partial=partial, rejoined=rejoined)
    return Ipv6Packet(
        bytes(packet[8:24]),
        bytes(packet[24:40]),
        hop_limit,
        (first >> 20) & 0xFF,
        chain.protocol,
        chain.offset,
        end,
        chain.pointer,
        chain.fragment,
        chain.problem,
        chain.discard,
    )


def walk_headers(
    packet: Octets, header: int, end: int, *, partial: bool = False, rejoined: int | None = None
) -> _Chain:
    """Follow extension headers to an upper-layer header, a fragment header or a problem.

    Each takes eight bytes and more, so that the packet's length bounds the walk. A fragment header that cuts nothing
    (RFC 6946) is walked over; a second one, or one within what came in fragments, is a problem, as Linux has it.
    """
    offset, pointer = HEADER_LENGTH, 6
    hop_by_hop_at = HEADER_LENGTH if rejoined != HEADER_LENGTH else -1
    while header in EXTENSIONS:
        if header == HOP_BY_HOP and offset != hop_by_hop_at:
            return _Chain(header, offset, pointer, problem=Problem(UNKNOWN_NEXT_HEADER, pointer))
        if header == FRAGMENT:
            if rejoined is not None:
                return _Chain(header, offset, pointer, problem=Problem(ERRONEOUS_FIELD, offset))
            chain = _fragment(packet, offset, end, pointer)
            if chain.problem or chain.fragment:
                return chain
            rejoined = offset
            header, pointer, offset = chain.protocol, offset, offset + 8
            continue
        if offset + 8 > end or offset + (packet[offset + 1] + 1) * 8 > end:
            raise Malformed("an IPv6 extension header is cut off")
        following = offset + (packet[offset + 1] + 1) * 8
        if header == ROUTING:
            problem = _routing_problem(packet, offset)
        elif header == DESTINATION and packet[offset + 2 : following] == COMMON_PADDING:
            problem = None
        else:
            problem = _option_problem(packet, offset, following, end, hop_by_hop=header == HOP_BY_HOP, partial=partial)
        if problem is DISCARD:
            return _Chain(header, offset, pointer, discard=True)
        if problem is not None:
            return _Chain(header, offset, pointer, problem=problem)
        header, pointer, offset = packet[offset], offset, following
    return _Chain(header, offset, pointer)


def upper_layer(packet: Octets, end: int) -> tuple[int, int, int]:
    """The upper-layer protocol, where its header begins and where the byte is that names it, options unread.

    For quotes and for packets with a problem: as far as the headers can be followed.
    """
    header, offset, pointer = packet[6], HEADER_LENGTH, 6
    while header in EXTENSIONS and offset + 8 <= end:
        length = 8 if header == FRAGMENT else (packet[offset + 1] + 1) * 8
        if offset + length > end or (header == FRAGMENT and (packet[offset + 2] << 8 | packet[offset + 3]) & 0xFFF8):
            break  # what a later fragment begins with is no header
        header, pointer, offset = packet[offset], offset, offset + length
    return header, offset, pointer


def chain_is_complete(packet: Octets, end: int) -> bool:
    """Whether a first fragment holds the upper-layer header (RFC 7112 §5), as Linux asks for it.

    A chain that ends just where the fragment does is let through: whether it is one is seen once all is there.
    """
    header, offset = packet[6], HEADER_LENGTH
    while header in EXTENSIONS:
        if offset + 2 > end:
            return True
        header, offset = packet[offset], offset + (8 if header == FRAGMENT else (packet[offset + 1] + 1) * 8)
    return header == NO_NEXT_HEADER or offset + UPPER_HEADER_LENGTHS.get(header, 1) <= end


def encode_ipv6(
    source: bytes,
    destination: bytes,
    protocol: int,
    payload_length: int,
    *,
    hop_limit: int,
    traffic_class: int = 0,
    flow_label: int = 0,
) -> bytes:
    """A header; extension headers count as payload."""
    first = 6 << 28 | traffic_class << 20 | flow_label
    return pack("!IHBB", first, payload_length, protocol, hop_limit) + source + destination


def encode_fragment_header(next_header: int, offset: int, ident: int, *, more: bool) -> bytes:
    return pack("!BBHI", next_header, 0, offset | more, ident)


def _fragment(packet: Octets, offset: int, end: int, pointer: int) -> _Chain:
    if offset + 8 > end:
        raise Malformed("an IPv6 fragment header is cut off")
    following, _, field, ident = unpack_from("!BBHI", packet, offset)
    facts = FragmentFacts(ident, field & 0xFFF8, bool(field & 1), following, offset, pointer)
    if not facts.offset and not facts.more:
        return _Chain(following, offset + 8, offset)
    length, problem = end - offset - 8, None
    if facts.more and length % 8:
        problem = Problem(ERRONEOUS_FIELD, 4)  # RFC 8200 §4.5: points to the payload length
    elif facts.offset + length > 0xFFFF:
        problem = Problem(ERRONEOUS_FIELD, offset + 2)  # and here to the fragment offset
    return _Chain(following, offset + 8, offset, facts, problem)


def _routing_problem(packet: Octets, offset: int) -> Problem | None:
    """Every routing type, type 0 among them (RFC 5095), is unknown: it matters only while segments are left.

    Linux knows two that it drops in silence unless they are switched on.
    """
    if packet[offset + 2] in SWITCHED_OFF_ROUTING:
        return DISCARD
    return Problem(ERRONEOUS_FIELD, offset + 2) if packet[offset + 3] else None


def _option_problem(
    packet: Octets, start: int, following: int, end: int, *, hop_by_hop: bool, partial: bool
) -> Problem | None:
    """The problem that ends the walk along a header of options, or None (RFC 8200 §4.2)."""
    position, padding, options = start + 2, 0, 0
    while position < following:
        kind = packet[position]
        if kind == PAD1:
            padding, position = padding + 1, position + 1
            if padding > MAX_PADDING:
                return DISCARD
            continue
        if position + 2 > following or position + 2 + packet[position + 1] > following:
            return DISCARD
        length = 2 + packet[position + 1]
        if kind == PADN:
            padding += length
            if padding > MAX_PADDING or any(packet[position + 2 : position + length]):
                return DISCARD
        else:
            padding, options = 0, options + 1
            if options > MAX_OPTIONS:
                return DISCARD
            known = _HOP_BY_HOP_OPTIONS.get(kind) if hop_by_hop else None
            if known is None:
                problem = _unknown_option(kind, position)
            elif kind == JUMBO and partial:
                problem = None
            else:
                problem = known(packet, position, end)
            if problem is not None:
                return problem
        position += length
    return None


def _jumbo_problem(packet: Octets, position: int, end: int) -> Problem | None:
    """Only what is longer than the header can say is a jumbogram (RFC 2675 §3); none comes over an Ethernet."""
    if packet[position + 1] != 4 or position & 3 != 2:
        return DISCARD
    length = int.from_bytes(packet[position + 2 : position + 6], "big")
    if length <= 0xFFFF:
        return Problem(ERRONEOUS_FIELD, position + 2)
    if packet[4] or packet[5]:
        return Problem(ERRONEOUS_FIELD, position)
    return DISCARD if HEADER_LENGTH + length > end else None


def _router_alert_problem(packet: Octets, position: int, end: int) -> Problem | None:
    return None if packet[position + 1] == 2 else DISCARD


def _ioam_problem(packet: Octets, position: int, end: int) -> Problem | None:
    """In-situ measurement (RFC 9486), switched off as by default; Linux looks at its alignment before that."""
    return DISCARD if position & 3 else None


def _calipso_problem(packet: Octets, position: int, end: int) -> Problem | None:
    """A security label (RFC 5570 §5.1.1): no domain of labels is known here, so that none is valid."""
    return DISCARD


_HOP_BY_HOP_OPTIONS: Final = {
    ROUTER_ALERT: _router_alert_problem,
    CALIPSO: _calipso_problem,
    IOAM: _ioam_problem,
    JUMBO: _jumbo_problem,
}


def _unknown_option(kind: int, position: int) -> Problem | None:
    action = kind >> 6
    if action == 0:
        return None
    if action == 1:
        return DISCARD
    return Problem(UNKNOWN_OPTION, position, even_to_multicast=action == 2)
