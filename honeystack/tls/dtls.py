"""The ClientHello in the datagrams of a DTLS client (RFC 6347 §4), whole or in fragments."""

from __future__ import annotations

from honeystack.errors import Malformed
from honeystack.tls.datagrams import DatagramReader
from honeystack.tls.hello import CLIENT_HELLO, HANDSHAKE, Progress, parse_hello
from honeystack.tls.pieces import MAX_MESSAGE

_RECORD, _MESSAGE = 13, 12  # bytes of header
_MAX_RECORDS = 64  # of one datagram
_VERSIONS = (b"\xfe\xff", b"\xfe\xfd", b"\xfe\xfc", b"\x01\x00")  # the last before RFC 4347


def may_be_hello(datagram: bytes) -> bool:
    """Whether a datagram begins as the first of a DTLS client; cheap."""
    return (
        len(datagram) > _RECORD + _MESSAGE
        and datagram[0] == HANDSHAKE
        and datagram[1:3] in _VERSIONS
        and datagram[3:5] == b"\0\0"
        and datagram[_RECORD] == CLIENT_HELLO
    )


class DtlsReader(DatagramReader):
    """Collects the hello of one DTLS client."""

    __slots__ = ("_header",)

    def __init__(self) -> None:
        super().__init__()
        self._header = b""  # type, length and sequence number of the message

    def _take(self, datagram: bytes) -> None:
        at = 0
        for _ in range(_MAX_RECORDS):
            if not may_be_hello(datagram[at:]):
                break
            end = at + _RECORD + int.from_bytes(datagram[at + 11 : at + 13], "big")
            if end > len(datagram):
                raise Malformed("a record beyond its datagram")
            self._fragments(datagram[at + _RECORD : end])
            at = end
        if not self._header:
            self.progress = Progress.NOT_TLS

    def _fragments(self, record: bytes) -> None:
        while len(record) >= _MESSAGE and self.progress is Progress.MORE:
            header, offset = record[:6], int.from_bytes(record[6:9], "big")
            end = _MESSAGE + int.from_bytes(record[9:12], "big")
            if end > len(record):
                raise Malformed("a fragment beyond its record")
            if record[0] == CLIENT_HELLO:
                self._fragment(header, offset, record[_MESSAGE:end])
            record = record[end:]

    def _fragment(self, header: bytes, offset: int, data: bytes) -> None:
        self._header = self._header or header
        length = int.from_bytes(header[1:4], "big")
        if header != self._header or offset + len(data) > length or length > MAX_MESSAGE:
            raise Malformed("fragments that do not fit together")
        self._pieces.add(offset, data)
        if len(self._pieces.message) == length:
            self.message = header + b"\0\0\0" + header[1:4] + self._pieces.message
            self.hello = parse_hello(self.message, datagram=True)
            self.progress = Progress.COMPLETE
