"""Blocks of a pcapng file (draft-ietf-opsawg-pcapng): what Wireshark opens, with the secrets of TLS inside."""

from __future__ import annotations

from struct import pack

LINKTYPE_RAW = 101  # packets begin with their IP header
_SECTION, _INTERFACE, _SECRETS, _PACKET = 0x0A0D0D0A, 1, 0x0000000A, 6
_BYTE_ORDER = 0x1A2B3C4D
_UNKNOWN_LENGTH = 0xFFFFFFFFFFFFFFFF
_TLS_KEY_LOG = 0x544C534B
_APPLICATION = 4  # shb_userappl
_MICROSECONDS = 1_000_000  # the resolution where an interface names none


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
