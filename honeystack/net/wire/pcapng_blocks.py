"""Reads the packets of a pcapng file (draft-ietf-opsawg-pcapng); net.wire.pcapng writes them."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.capture import MAX_PACKET, SECOND, CapturedPacket, Source

MAGIC: Final = b"\x0a\x0d\x0d\x0a"  # the type of a section header, the same in both orders
_INTERFACE: Final = 1
_OLD_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_PACKET: Final = 6
_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_VERSION: Final = 1
_RESOLUTION: Final = 9  # if_tsresol
_OFFSET: Final = 14  # if_tsoffset
_MICROSECONDS: Final = 1_000_000
_FINEST: Final = 0x7F  # the exponent; the bit above it says of two, not of ten


class _Interface(NamedTuple):
    """What its packets' blocks do not repeat."""

    link_type: int
    snap_length: int  # 0: whole packets
    units: int  # of a second
    offset: int  # nanoseconds to add to each time


class _Section:
    """What holds from one section header to the next: the order of bytes, and the interfaces."""

    def __init__(self, order: str) -> None:
        self.long = Struct(order + "I")
        self.pair = Struct(order + "HH")
        self.description = Struct(order + "HHI")
        self.packet = Struct(order + "IIIII")
        self.old_packet = Struct(order + "HHIIII")
        self.offset = Struct(order + "q")
        self.interfaces: list[_Interface] = []

    def interface(self, number: int) -> _Interface:
        if number >= len(self.interfaces):
            raise Malformed(f"a packet of interface {number} comes before any description of it")
        return self.interfaces[number]


def decode_pcapng(source: Source, magic: bytes) -> Iterator[CapturedPacket]:
    """The packets of a file whose first four bytes, MAGIC, have been taken already. Raises Malformed.

    A packet without a time (a simple packet block) has that of the packet before it.
    """
    offset, kind, section, at = source.record, magic, None, 0
    while kind:
        if kind == MAGIC:
            section = _section(source)
        else:
            assert section is not None, "the first block is a section's"
            packet = _packet(section, section.long.unpack(kind)[0], _body(source, section), at, offset)
            if packet is not None:
                at = packet.at
                yield packet
        offset = source.begin_record()
        kind = source.take_or_end(4, "the type of a block")


def _section(source: Source) -> _Section:
    head = source.take(8, "a section header")
    order = _ORDERS.get(head[4:])
    if order is None:
        raise Malformed(f"a section's byte order {head[4:].hex()} is none")
    section = _Section(order)
    length = section.long.unpack(head[:4])[0]
    if length < 28:
        raise Malformed(f"a section header of {length} bytes is too short")
    rest = _rest(source, section, length, taken=12)
    major = section.pair.unpack_from(rest)[0]
    if major != _VERSION:
        raise Malformed(f"version {major} of the format is unknown")
    return section


def _body(source: Source, section: _Section) -> bytes:
    """What stands between the length of a block and its repetition."""
    length = section.long.unpack(source.take(4, "the length of a block"))[0]
    return _rest(source, section, length, taken=8)


def _rest(source: Source, section: _Section, length: int, *, taken: int) -> bytes:
    if length % 4 or not taken + 4 <= length <= MAX_PACKET:
        raise Malformed(f"a block of {length} bytes is none")
    rest = source.take(length - taken, "a block")
    again = section.long.unpack(rest[-4:])[0]
    if again != length:
        raise Malformed(f"a block of {length} bytes says at its end that it has {again}")
    return rest[:-4]


def _packet(section: _Section, kind: int, body: bytes, at: int, offset: int) -> CapturedPacket | None:
    """The packet in a block, if it holds one; what describes an interface is kept."""
    if kind == _INTERFACE:
        section.interfaces.append(_described(section, body))
    elif kind == _PACKET:
        if len(body) < 20:
            raise Malformed("a packet block is cut off")
        number, high, low, captured, length = section.packet.unpack_from(body)
        return _timed(section.interface(number), high << 32 | low, body[20:], captured, length, offset)
    elif kind == _OLD_PACKET:
        if len(body) < 20:
            raise Malformed("a packet block is cut off")
        number, _, high, low, captured, length = section.old_packet.unpack_from(body)
        return _timed(section.interface(number), high << 32 | low, body[20:], captured, length, offset)
    elif kind == _SIMPLE_PACKET:
        if len(body) < 4:
            raise Malformed("a packet block is cut off")
        length, interface = section.long.unpack_from(body)[0], section.interface(0)
        captured = min(length, interface.snap_length or length)
        return CapturedPacket(at, interface.link_type, _data(body[4:], captured), length, offset)
    return None


def _timed(interface: _Interface, ticks: int, data: bytes, captured: int, length: int, offset: int) -> CapturedPacket:
    at = ticks * SECOND // interface.units + interface.offset
    return CapturedPacket(at, interface.link_type, _data(data, captured), max(length, captured), offset)


def _data(data: bytes, captured: int) -> bytes:
    if captured > len(data):
        raise Malformed(f"a packet of {captured} bytes in a block that has {len(data)} for it")
    return data[:captured]


def _described(section: _Section, body: bytes) -> _Interface:
    if len(body) < 8:
        raise Malformed("the description of an interface is cut off")
    link_type, _, snap_length = section.description.unpack_from(body)
    units, offset = _MICROSECONDS, 0
    at = 8
    while at + 4 <= len(body):
        code, length = section.pair.unpack_from(body, at)
        value = body[at + 4 : at + 4 + length]
        if len(value) < length:
            raise Malformed("an option of an interface is cut off")
        if code == _RESOLUTION and length == 1:
            units = 2 ** (value[0] & _FINEST) if value[0] & 0x80 else 10 ** value[0]
        elif code == _OFFSET and length == 8:
            offset = section.offset.unpack(value)[0] * SECOND
        at += 4 + length + -length % 4
    return _Interface(link_type, snap_length, units, offset)
