"""Where TCP and UDP are in a frame, and frames with other acknowledgements, as right or wrong as they were."""

from __future__ import annotations

from struct import pack, unpack_from
from typing import NamedTuple

from honeystack.net.wire import ipv4, ipv6
from honeystack.net.wire.checksum import partial_sum, pseudo_header_sum
from honeystack.net.wire.ethernet import HEADER_LENGTH, IPV4, IPV6, encode_ethernet
from honeystack.net.wire.tcp import ACK, END, FIN, NOP, SACK, SYN, TIMESTAMPS, encode_segment, timestamp_option

TCP, UDP = 6, 17
SHORTEST = {TCP: 20, UDP: 8}
CHECKSUM_AT = {TCP: 16, UDP: 6}


class Place(NamedTuple):
    """Where a frame's TCP or UDP header begins, and whose it is; all addresses packed."""

    source: bytes
    destination: bytes
    protocol: int
    start: int
    end: int  # of the packet; what follows is padding


def addresses_of(frame: bytes) -> tuple[bytes, bytes] | None:
    """Source and destination of an IP packet."""
    ethertype = int.from_bytes(frame[12:14], "big")
    if ethertype == IPV4 and len(frame) >= 34:
        return frame[26:30], frame[30:34]
    if ethertype == IPV6 and len(frame) >= 54:
        return frame[22:38], frame[38:54]
    return None


def place_of(frame: bytes) -> Place | None:
    """Where the header of TCP or UDP is; None where there is none, also in a later fragment, and where it is cut."""
    ends = addresses_of(frame)
    if ends is None:
        return None
    packet = memoryview(frame)[HEADER_LENGTH:]
    if len(ends[0]) == 4:
        total, _, fragment, _, protocol = unpack_from("!HHHBB", packet, 2)
        offset, end = (packet[0] & 0xF) * 4, total
        if fragment & 0x1FFF or packet[0] >> 4 != 4:
            return None
    else:
        end = ipv6.HEADER_LENGTH + unpack_from("!H", packet, 4)[0]
        if packet[0] >> 4 != 6 or end > len(packet):
            return None
        protocol, offset, _ = ipv6.upper_layer(packet, end)
    if protocol not in SHORTEST or not offset + SHORTEST[protocol] <= end <= len(packet):
        return None
    return Place(*ends, protocol, HEADER_LENGTH + offset, HEADER_LENGTH + end)


def is_unfinished(frame: bytes, place: Place) -> bool:
    """Whether the checksum was left to the network card, and has the sum of the pseudo-header alone so far.

    Captures have frames like that on the machine that sent them.
    """
    stored = unpack_from("!H", frame, place.start + CHECKSUM_AT[place.protocol])[0]
    length = place.end - place.start
    return bool(stored) and stored % 0xFFFF == (
        pseudo_header_sum(place.source, place.destination, place.protocol, length) % 0xFFFF
    )


class Head(NamedTuple):
    """What of a TCP segment's header a conversation is followed by."""

    source_port: int
    destination_port: int
    seq: int
    ack: int
    flags: int
    window: int
    stamps_at: int  # where the values of the timestamps begin in the frame; 0: there are none
    sack_at: tuple[int, int]  # where the option begins and ends; (0, 0): there is none
    length: int  # of the data, and one each for SYN and FIN


def head_of(frame: bytes, place: Place) -> Head | None:
    """The header; None where it does not fit."""
    ports_and_numbers = unpack_from("!HHIIBBH", frame, place.start)
    source, destination, seq, ack, offset, flags, window = ports_and_numbers
    data_at = place.start + (offset >> 4) * 4
    if not place.start + SHORTEST[TCP] <= data_at <= place.end:
        return None
    stamps_at, sack_at = _options(frame, place.start + SHORTEST[TCP], data_at)
    length = place.end - data_at + bool(flags & SYN) + bool(flags & FIN)
    return Head(source, destination, seq, ack, flags, window, stamps_at, sack_at, length)


def _options(frame: bytes, at: int, end: int) -> tuple[int, tuple[int, int]]:
    stamps_at, sack_at = 0, (0, 0)
    while at < end and frame[at] != END:
        if frame[at] == NOP:
            at += 1
            continue
        length = frame[at + 1] if at + 1 < end else 0
        if length < 2 or at + length > end:
            break
        if frame[at] == TIMESTAMPS and length == 10:
            stamps_at = at + 2
        elif frame[at] == SACK:
            sack_at = (at, at + length)
        at += length
    return stamps_at, sack_at


def with_acknowledgement(frame: bytes, place: Place, head: Head, *, ack: int, echo: int) -> bytes:
    """The frame with another acknowledgement number and echoed timestamp, and without selective acknowledgements.

    A checksum that was right is right again, and one that was wrong stays so (RFC 1624).
    """
    made = bytearray(frame)
    made[place.start + 8 : place.start + 12] = pack("!I", ack)
    if head.stamps_at:
        made[head.stamps_at + 4 : head.stamps_at + 8] = pack("!I", echo)
    begin, end = head.sack_at
    made[begin:end] = bytes([NOP]) * (end - begin)
    at, data_at = place.start + CHECKSUM_AT[TCP], place.start + (frame[place.start + 12] >> 4) * 4
    difference = partial_sum(made[place.start : data_at]) - partial_sum(frame[place.start : data_at])
    total = ~unpack_from("!H", frame, at)[0] & 0xFFFF
    made[at : at + 2] = pack("!H", ~((total + difference) % 0xFFFF) & 0xFFFF)
    return bytes(made)


def acknowledgement(
    frame: bytes, place: Place, head: Head, *, seq: int, ack: int, stamps: tuple[int, int] | None
) -> bytes:
    """A frame that acknowledges only, from the sender of another frame, with the window that it had there."""
    options = b"" if stamps is None else timestamp_option(*stamps)
    pseudo = pseudo_header_sum(place.source, place.destination, TCP, 0)
    segment = encode_segment(
        head.source_port, head.destination_port, seq, ack, ACK, head.window, pseudo, options=options
    )
    if len(place.source) == 4:
        packet = ipv4.encode_ipv4(place.source, place.destination, TCP, len(segment), ttl=frame[22])
        return encode_ethernet(frame[:6], frame[6:12], IPV4) + packet + segment
    packet = ipv6.encode_ipv6(place.source, place.destination, TCP, len(segment), hop_limit=frame[21])
    return encode_ethernet(frame[:6], frame[6:12], IPV6) + packet + segment
