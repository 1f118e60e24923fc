"""The ClientHello: put together from any cut over segments and records, then parsed.

Two framings are known: TLS records (RFC 8446 §5.1) and the SSLv2-compatible hello (RFC 5246 appendix E.2). Each byte is
looked at once: a buffer scanned anew for each segment makes one-byte records a denial of service.

The parser judges, it never gates: what is MALFORMED here goes on to OpenSSL, whose alert is the real one.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from honeystack.errors import Malformed

CHANGE_CIPHER_SPEC, HANDSHAKE = 20, 22  # content types, RFC 8446 §5.1
CLIENT_HELLO = 1  # handshake type, RFC 8446 §4
MAX_HELLO = 131_396  # the longest hello that OpenSSL takes, without its 4 bytes of header
MAX_RECORD = 16_384 + 2_048  # RFC 5246 §6.2.3; nothing in the clear is longer
MAX_RECORDS = 2 * MAX_HELLO  # each byte in one of its own, and as many empty ones; they cost us memory
MAX_EMPTY_RECORDS = 32  # in a row, as OpenSSL takes them

SERVER_NAME, GROUPS, POINT_FORMATS, SIGNATURE_ALGORITHMS, ALPN, SUPPORTED_VERSIONS = 0, 10, 11, 13, 16, 43
SESSION_TICKET, EARLY_DATA = 35, 42

GREASE = frozenset(digit << 12 | 0x0A00 | digit << 4 | 0x0A for digit in range(16))  # RFC 8701 §2

_CONTENT_TYPES = frozenset(range(20, 25))
_NEWEST_MINOR = 4  # of the versions in records; that of a handshake may be any, as OpenSSL has it
_EXTENSION = struct.Struct(">HH")  # type and length, RFC 8446 §4.2
_TOO_LONG = "a length runs over the end of the hello"
_SSLV2_HEADER = 11  # length 2, type 1, version 2, and three lengths of 2


class Progress(enum.Enum):
    """What is known of the bytes so far."""

    MORE = "more"  # may yet become a hello
    NOT_TLS = "not tls"
    COMPLETE = "complete"
    MALFORMED = "malformed"  # began as TLS, but is no hello that can be parsed


@attrs.frozen
class ClientHello:
    """A ClientHello as the peer sent it; lists in its order, GREASE values included.

    Inside the extensions parsing is lenient, as a list that is cut short still tells; `extensions` has them raw.
    """

    version: int  # legacy_version: 0x0303 for TLS 1.2 and later
    random: bytes
    session_id: bytes
    cipher_suites: tuple[int, ...]  # of an SSLv2 hello: its three-byte cipher kinds
    compressions: bytes = b""
    extensions: tuple[tuple[int, bytes], ...] = ()
    groups: tuple[int, ...] = ()
    point_formats: tuple[int, ...] = ()
    signature_algorithms: tuple[int, ...] = ()
    alpn: tuple[bytes, ...] = ()
    server_name: bytes | None = None
    supported_versions: tuple[int, ...] = ()
    sslv2: bool = False
    cut: bool = False  # ends inside the length of its extensions, as some old clients do
    cookie: bytes = b""  # DTLS only
    likeness: Any = attrs.field(default=None, eq=False, repr=False)  # of one that is like another: `tls.familiar`

    @property
    def sni(self) -> str | None:
        """The server name as text; bytes that are no UTF-8 become escapes."""
        return None if self.server_name is None else self.server_name.decode("utf-8", "backslashreplace")

    @property
    def versions(self) -> tuple[int, ...]:
        """What the client offers to speak, without GREASE, in its order."""
        listed = tuple(version for version in self.supported_versions if version not in GREASE)
        return listed or (self.version,)

    @property
    def offers_early_data(self) -> bool:
        """Whether data comes behind the hello, before the handshake is over (RFC 8446 §4.2.10)."""
        return EARLY_DATA in dict(self.extensions)

    def extension(self, kind: int) -> bytes | None:
        """The data of the first extension of a kind."""
        return next((data for number, data in self.extensions if number == kind), None)


class HelloReader:
    """Collects a ClientHello. Input: `feed`. Outputs: `progress`, `hello`, `raw`, `part`, `records`, `pieces`,
    `error`.

    The work over all calls is linear in the bytes fed, whatever the cut.
    """

    __slots__ = ("_empty", "_message", "_offset", "_parse", "_raw", "error", "hello", "pieces", "progress", "records")

    def __init__(self, parse: Callable[[bytes], ClientHello] | None = None) -> None:
        self.progress = Progress.MORE
        self.hello: ClientHello | None = None  # once COMPLETE
        self.error: str | None = None  # once MALFORMED
        self.records = 0  # how many records the hello came in
        self.pieces = 0  # how often it was fed until the hello was there
        self._parse = parse or parse_hello
        self._raw = bytearray()
        self._message = bytearray()
        self._offset = 0  # of the first byte of _raw that is in no finished record
        self._empty = 0

    @property
    def raw(self) -> bytes:
        """Every byte fed, also those that came behind the hello."""
        return bytes(self._raw)

    @property
    def wire(self) -> bytes:
        """The records that the hello came in; all bytes where it did not parse."""
        return bytes(self._raw[: self._offset]) if self.progress is Progress.COMPLETE else bytes(self._raw)

    @property
    def part(self) -> bytes:
        """The handshake message as far as it has come, out of the records; empty for an SSLv2 hello."""
        unfinished = self.progress is Progress.MORE and self._raw[:1] == bytes([HANDSHAKE])
        return bytes(self._message) + (bytes(self._raw[self._offset + 5 :]) if unfinished else b"")

    def feed(self, data: bytes) -> Progress:
        """Take the next bytes from the peer. After the end they are only kept in `raw`."""
        self._raw += data
        if self.progress is Progress.MORE:
            self.pieces += 1
            try:
                self.progress = self._advance()
            except Malformed as malformed:
                self.error = str(malformed)
                self.progress = Progress.MALFORMED
        return self.progress

    def _advance(self) -> Progress:
        raw = self._raw
        if not raw:
            return Progress.MORE
        if not begins_as_tls(raw):
            return Progress.NOT_TLS
        if raw[0] & 0x80:
            return self._advance_sslv2()
        while len(raw) - self._offset >= 5:
            kind, length = raw[self._offset], raw[self._offset + 3] << 8 | raw[self._offset + 4]
            if kind != HANDSHAKE and not self._passes_over(kind, length):
                raise Malformed(f"a record of type {kind} {'inside' if self.records else 'instead of'} the hello")
            if length > MAX_RECORD:
                raise Malformed(f"a record of {length} bytes")
            if len(raw) - self._offset < 5 + length:
                return Progress.MORE
            self._take_record(self._offset + 5, length)
            if self._message_is_whole():
                self.hello = self._parse(bytes(self._message))
                return Progress.COMPLETE
        return Progress.MORE

    def _passes_over(self, kind: int, length: int) -> bool:
        """Whether OpenSSL passes over a record of another type: a ChangeCipherSpec without a byte, before a message."""
        return kind == CHANGE_CIPHER_SPEC and not length and len(self._message) < 4

    def _take_record(self, start: int, length: int) -> None:
        self._offset = start + length
        self._message += self._raw[start : self._offset]
        self.records += 1
        self._empty = 0 if length else self._empty + 1
        if self._empty > MAX_EMPTY_RECORDS:
            raise Malformed("too many empty records")
        if self.records > MAX_RECORDS:
            raise Malformed("too many records")

    def _message_is_whole(self) -> bool:
        message = self._message
        if message and message[0] != CLIENT_HELLO:
            raise Malformed(f"handshake message {message[0]} instead of a hello")
        if len(message) < 4:
            return False
        length = int.from_bytes(message[1:4], "big")
        if length > MAX_HELLO:
            raise Malformed(f"a hello of {length} bytes")
        del message[4 + length :]  # of another message in the same record
        return len(message) == 4 + length

    def _advance_sslv2(self) -> Progress:
        raw = self._raw
        if len(raw) < _SSLV2_HEADER:
            return Progress.MORE
        version, *parts = struct.unpack_from(">HHHH", raw, 3)
        if version != 0x0002 and version >> 8 != 3:
            return Progress.NOT_TLS
        length = (raw[0] & 0x7F) << 8 | raw[1]
        if length != 9 + sum(parts) or parts[0] % 3:
            raise Malformed("the lengths of the SSLv2 hello do not add up")
        if len(raw) < 2 + length:
            return Progress.MORE
        self.records = 1
        self._offset = 2 + length
        self.hello = parse_sslv2_hello(bytes(raw[: self._offset]))
        return Progress.COMPLETE


def begins_as_tls(data: bytes | bytearray) -> bool:
    """Whether a peer's first bytes may be those of a hello, or of a record that is out of place but TLS; cheap."""
    if not data:
        return False
    if data[0] & 0x80:  # of SSLv2
        return len(data) < 3 or data[2] == CLIENT_HELLO
    if data[0] not in _CONTENT_TYPES or (len(data) > 1 and data[1] != 3):
        return False
    return data[0] == HANDSHAKE or len(data) < 3 or data[2] <= _NEWEST_MINOR


def parse_hello(message: bytes, *, datagram: bool = False) -> ClientHello:
    """Parse a whole handshake message; `datagram` for DTLS, whose header and hello are longer (RFC 6347 §4.2).

    Raises Malformed where a length runs over.
    """
    header = 12 if datagram else 4
    if len(message) < header + 34 or message[0] != CLIENT_HELLO:
        raise Malformed("no ClientHello")
    body = message[header:]
    at = 34
    session_id, at = _vector(body, at, 1)
    cookie, at = _vector(body, at, 1) if datagram else (b"", at)
    suites, at = _vector(body, at, 2)
    compressions, at = _vector(body, at, 1)
    # RFC 5246 §7.4.1.2: a hello may end without extensions.
    block, _ = _vector(body, at, 2) if at + 2 <= len(body) else (b"", at)
    extensions = tuple(_extensions(block))
    first = dict(reversed(extensions))  # of a kind that came twice, the first
    return ClientHello(
        version=body[0] << 8 | body[1],
        random=body[2:34],
        session_id=session_id,
        cipher_suites=_shorts(suites),
        compressions=compressions,
        extensions=extensions,
        cut=at + 1 == len(body),
        cookie=cookie,
        groups=groups_in(first.get(GROUPS)),
        point_formats=point_formats_in(first.get(POINT_FORMATS)),
        signature_algorithms=_shorts(_body(first.get(SIGNATURE_ALGORITHMS), 2)),
        alpn=tuple(_names(_body(first.get(ALPN), 2))),
        server_name=_server_name(first.get(SERVER_NAME)),
        supported_versions=_shorts(_body(first.get(SUPPORTED_VERSIONS), 1)),
    )


def parse_sslv2_hello(packet: bytes) -> ClientHello:
    """Parse a whole SSLv2-compatible hello with its two bytes of length. Raises Malformed where a length runs over."""
    if len(packet) < _SSLV2_HEADER:
        raise Malformed("no SSLv2 hello")
    version, kinds, session, challenge = struct.unpack_from(">HHHH", packet, 3)
    if kinds % 3 or len(packet) != _SSLV2_HEADER + kinds + session + challenge:
        raise Malformed("the lengths of the SSLv2 hello do not add up")
    specs = packet[_SSLV2_HEADER : _SSLV2_HEADER + kinds]
    rest = packet[_SSLV2_HEADER + kinds :]
    return ClientHello(
        version=version,
        random=rest[session:],
        session_id=rest[:session],
        cipher_suites=tuple(int.from_bytes(specs[i : i + 3], "big") for i in range(0, kinds, 3)),
        sslv2=True,
    )


def groups_in(data: bytes | None) -> tuple[int, ...]:
    """What an extension supported_groups lists (RFC 8446 §4.2.7)."""
    return _shorts(_body(data, 2))


def point_formats_in(data: bytes | None) -> tuple[int, ...]:
    """What an extension ec_point_formats lists (RFC 8422 §5.1.2)."""
    return tuple(_body(data, 1))


def _vector(data: bytes, at: int, width: int) -> tuple[bytes, int]:
    """A vector with its length before it (RFC 8446 §3.4), and where it ends."""
    start = at + width
    end = start + int.from_bytes(data[at:start], "big")
    if end > len(data) or start > len(data):
        raise Malformed(_TOO_LONG)
    return data[start:end], end


def _extensions(block: bytes) -> list[tuple[int, bytes]]:
    found = []
    at, end = 0, len(block)
    while at + 4 <= end:  # a shorter rest is ignored, as Wireshark does
        kind, length = _EXTENSION.unpack_from(block, at)
        start, at = at + 4, at + 4 + length
        if at > end:
            raise Malformed(_TOO_LONG)
        found.append((kind, block[start:at]))
    return found


def _body(data: bytes | None, width: int) -> bytes:
    """What a list in an extension holds: its own length goes, and what is behind it; cut short is taken as it is."""
    return b"" if data is None else data[width : width + int.from_bytes(data[:width], "big")]


def _shorts(data: bytes) -> tuple[int, ...]:
    """Two-byte numbers; an odd last byte is ignored, as Wireshark does."""
    return struct.unpack_from(f">{len(data) // 2}H", data)


def _names(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        yield data[at + 1 : end]
        at = end


def _server_name(data: bytes | None) -> bytes | None:
    """The first host name of a server_name extension (RFC 6066 §3); None where there is none in it."""
    if data is None or len(data) < 5 or data[2] != 0:
        return None
    return data[5 : 5 + int.from_bytes(data[3:5], "big")]
