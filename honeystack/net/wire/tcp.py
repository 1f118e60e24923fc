"""TCP segments on the wire: decode and encode (RFC 9293 §3.1, RFC 7323, RFC 2018).

Options are read as Linux reads them: the first option that does not fit ends the reading, and the segment stands.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import partial_sum
from honeystack.net.wire.segment import Block, Segment

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20
ECE: Final = 0x40
CWR: Final = 0x80
HEADER_LENGTH: Final = 20
MAX_WINDOW_SCALE: Final = 14  # RFC 7323 §2.3
MIN_MSS: Final = 48  # below it nothing but an attack on the sender's rate remains

END: Final = 0  # MUST-4
NOP: Final = 1
MSS: Final = 2
WINDOW_SCALE: Final = 3
SACK_PERMITTED: Final = 4
SACK: Final = 5
TIMESTAMPS: Final = 8

_HEADER: Final = Struct("!HHIIBBHHH")
_TIMESTAMPS: Final = Struct("!II")
_TIMESTAMPS_MARK: Final = b"\x08\x0a"  # kind 8, length 10
_ALIGNED_TIMESTAMPS: Final = b"\x01\x01" + _TIMESTAMPS_MARK  # after NOP, NOP: what all current senders write
_NO_TIME: Final = bytes(8)
_BLOCK: Final = Struct("!II")


class SynOptions(NamedTuple):
    """What matters in a SYN only."""

    mss: int | None
    window_scale: int | None
    sack_permitted: bool
    kinds: bytes  # option kinds in order, fillers included, one byte each
    sound: bool  # none is broken, comes twice, or says more than its RFC allows
    stamps_at: int  # where the values of the timestamps lie, from the first option on; 0: there are none


def decode_segment(segment: memoryview) -> Segment:
    """Parse a segment whose checksum has been judged already. Raises Malformed."""
    if len(segment) < HEADER_LENGTH:
        raise Malformed("TCP header cut short")
    source, destination, seq, ack, offset, flags, window, _, urgent = _HEADER.unpack_from(segment)
    start = offset >> 4 << 2
    if not HEADER_LENGTH <= start <= len(segment):
        raise Malformed("TCP data offset outside the segment")
    if start == HEADER_LENGTH:
        return Segment(source, destination, seq, ack, flags, window, urgent, None, (), b"", segment[start:])
    options = bytes(segment[HEADER_LENGTH:start])  # MUST-5
    if start == 32 and options.startswith(_ALIGNED_TIMESTAMPS):
        stamps = _TIMESTAMPS.unpack_from(options, 4)
        return Segment(source, destination, seq, ack, flags, window, urgent, stamps, (), options, segment[start:])
    if flags & SYN:
        at = decode_syn_options(options).stamps_at
        times = _TIMESTAMPS.unpack_from(options, at) if at else None
        return Segment(source, destination, seq, ack, flags, window, urgent, times, (), options, segment[start:])
    timestamps, sack = _timestamps_and_sack(options)
    return Segment(source, destination, seq, ack, flags, window, urgent, timestamps, sack, options, segment[start:])


def decode_syn_options(options: bytes) -> SynOptions:
    """What a SYN's options say; a value of zero as MSS counts as none, as in Linux."""
    at = options.find(_TIMESTAMPS_MARK) + 2
    if at > 1 and len(options) >= at + 8:
        # Stacks write few kinds of SYN, and in each the time alone is new.
        said = _read_syn_options(options[:at] + _NO_TIME + options[at + 8 :])
        if said.stamps_at == at:
            return said
    return _read_syn_options(options)


def walk_options(options: bytes) -> list[tuple[int, bytes]]:
    """Kind and value of every option up to END or the first that does not fit."""
    found = []
    at, end = 0, len(options)
    while at < end:
        kind = options[at]
        if kind <= NOP:
            found.append((kind, b""))
            at += 1
            if kind == END:
                break
            continue
        length = options[at + 1] if at + 1 < end else 0
        if length < 2 or at + length > end:  # MUST-7
            break
        found.append((kind, options[at + 2 : at + length]))
        at += length  # MUST-64
    return found


@lru_cache(1024)
def _read_syn_options(options: bytes) -> SynOptions:
    mss = window_scale = None
    sack_permitted, sound = False, True
    stamps_at = at = 0
    kinds = bytearray()
    for kind, value in walk_options(options):
        sound = sound and (kind <= NOP or kind not in kinds)
        kinds.append(kind)
        at += 1 if kind <= NOP else 2 + len(value)
        if kind == MSS:
            sound = sound and len(value) == 2 and int.from_bytes(value, "big") >= MIN_MSS
            mss = int.from_bytes(value, "big") or None if len(value) == 2 else mss
        elif kind == WINDOW_SCALE:
            sound = sound and len(value) == 1 and value[0] <= MAX_WINDOW_SCALE
            window_scale = min(value[0], MAX_WINDOW_SCALE) if len(value) == 1 else window_scale
        elif kind == SACK_PERMITTED and not value:
            sack_permitted = True
        elif kind == TIMESTAMPS and len(value) == 8:
            stamps_at = at - 8
    sound = sound and (at == len(options) or END in kinds)
    return SynOptions(mss, window_scale, sack_permitted, bytes(kinds), sound, stamps_at)


def _timestamps_and_sack(options: bytes) -> tuple[Block | None, tuple[Block, ...]]:
    timestamps: Block | None = None
    sack: tuple[Block, ...] = ()
    for kind, value in walk_options(options):
        if kind == TIMESTAMPS and len(value) == 8:  # MUST-6
            timestamps = _TIMESTAMPS.unpack(value)
        elif kind == SACK and value and len(value) % 8 == 0:
            sack = tuple(_BLOCK.iter_unpack(value))
    return timestamps, sack


def encode_segment(
    source_port: int,
    destination_port: int,
    seq: int,
    ack: int,
    flags: int,
    window: int,
    pseudo_sum: int,
    options: bytes = b"",
    data: bytes = b"",
    *,
    whole: bool = True,
) -> bytes:
    """A whole segment with its checksum; `pseudo_sum` as `pseudo_header_sum` with a length of 0; options padded.

    Not `whole`: the header of a run, without its data, and with the sum of the pseudo-header only.
    """
    offset = HEADER_LENGTH + len(options)
    head = _HEADER.pack(source_port, destination_port, seq, ack, offset << 2, flags, window, 0, 0) + options
    if not whole:
        total = (pseudo_sum + offset + len(data)) % 0xFFFF
        return b"%b%b%b" % (head[:16], total.to_bytes(2, "big"), head[18:])
    # The header is a multiple of four bytes, so its words and those of the data line up.
    total = (partial_sum(head) + partial_sum(data) + pseudo_sum + offset + len(data)) % 0xFFFF  # MUST-2
    return b"%b%b%b%b" % (head[:16], (~total & 0xFFFF).to_bytes(2, "big"), head[18:], data)


def timestamp_option(value: int, echo: int) -> bytes:
    """NOP, NOP, timestamps: twelve bytes as Linux aligns them."""
    return _ALIGNED_TIMESTAMPS + _TIMESTAMPS.pack(value, echo)


def sack_option(blocks: list[Block]) -> bytes:
    """NOP, NOP, SACK with its blocks."""
    return b"\x01\x01\x05%c%b" % (2 + 8 * len(blocks), b"".join(_BLOCK.pack(*block) for block in blocks))


def syn_options(mss: int, *, window_scale: int | None, sack: bool, timestamps: Block | None) -> bytes:
    """The options of a SYN or SYN-ACK in Linux's order and padding: MSS, SACK permitted, timestamps, NOP, scale."""
    options = b"\x02\x04" + mss.to_bytes(2, "big")  # MUST-68
    if timestamps is not None:
        options += (b"\x04\x02" if sack else b"\x01\x01") + b"\x08\x0a" + _TIMESTAMPS.pack(*timestamps)
    elif sack:
        options += b"\x01\x01\x04\x02"
    if window_scale is not None:
        options += b"\x01\x03\x03%c" % window_scale  # MUST-69: nothing is left to pad
    return options
