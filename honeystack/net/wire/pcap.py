"""Files of captured packets in the classic format of libpcap (draft-ietf-opsawg-pcap)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from honeystack.errors import Malformed
from honeystack.net.wire.capture import MAX_PACKET, SECOND, CapturedPacket, Source

# The first four bytes: in which order numbers are written, and the units of a second that follow its whole seconds.
MAGIC: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
_VERSION: Final = 2
_FCS_PRESENT: Final = 1 << 26  # of the link type: its upper four bits count the 16-bit words of the frames' checksums


def decode_pcap(source: Source, magic: bytes) -> Iterator[CapturedPacket]:
    """The packets of a file whose first four bytes, one of MAGIC, have been taken already. Raises Malformed."""
    order, units = MAGIC[magic]
    major, _, _, _, _, network = Struct(order + "HHiIII").unpack(source.take(20, "its header"))
    if major != _VERSION:
        raise Malformed(f"version {major} of the format is unknown")
    link_type = network & 0xFFFF
    trailer = (network >> 28) * 2 if network & _FCS_PRESENT else 0
    record = Struct(order + "IIII")
    while True:
        offset = source.begin_record()
        head = source.take_or_end(16, "the header of a packet")
        if not head:
            return
        seconds, fraction, captured, length = record.unpack(head)
        if captured > MAX_PACKET:
            raise Malformed(f"a packet of {captured} bytes is none")
        if fraction >= units:
            raise Malformed(f"a packet's time has {fraction} parts of a second that has {units}")
        data = source.take(captured, "a packet")
        if trailer and captured == length:
            data = data[:-trailer]
            length = len(data)
        at = seconds * SECOND + fraction * (SECOND // units)
        yield CapturedPacket(at, link_type, data, max(length, len(data)), offset)
