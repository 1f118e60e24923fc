"""Blocks of a pcapng file (draft-ietf-opsawg-pcapng): what Wireshark opens, with the secrets of TLS inside."""

from __future__ import annotations

from struct import pack
from typing import Final

from honeystack.net.wire.capture import LINKTYPE_RAW

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_SECRETS: Final = 0x0000000A
_PACKET: Final = 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_UNKNOWN_LENGTH: Final = 0xFFFFFFFFFFFFFFFF
_TLS_KEY_LOG: Final = 0x544C534B
_APPLICATION: Final = 4  # shb_userappl
_MICROSECONDS: Final = 1_000_000  # the resolution where an interface names none


def section_header(application: str) -> bytes:
    """The first block of a file."""
    body = pack("<IHHQ", _BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH)
    return _block(_SECTION, body + _option(_APPLICATION, application.encode()) + _option(0, b""))


def interface(link_type: int = LINKTYPE_RAW) -> bytes:
    """Describes the one interface that packets come from; whole packets are kept."""
    return _block(_INTERFACE, pack("<HHI", link_type, 0, 0))


def secrets(key_log: bytes) -> bytes:
    """TLS secrets, as lines of a key log; they must stand before the packets that they open."""
    return _block(_SECRETS, pack("<II", _TLS_KEY_LOG, len(key_log)) + _padded(key_log))


def packet(data: bytes, at: float) -> bytes:
    """One packet; `at` in seconds since 1970."""
    stamp = round(at * _MICROSECONDS)
    head = pack("<IIIII", 0, stamp >> 32 & 0xFFFFFFFF, stamp & 0xFFFFFFFF, len(data), len(data))
    return _block(_PACKET, head + _padded(data))


def _block(kind: int, body: bytes) -> bytes:
    length = pack("<I", len(body) + 12)
    return pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
