"""Reading HTTP/1 requests the way nginx does: what it lets pass, what it refuses, and with which status.

The head is parsed here, leniently, because attackers send what a strict parser hides; h11 frames the body. Whatever the
bytes, reading ends in a Request: a good one, or one with the status that refuses it. Nothing here raises for them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import attrs
import h11

LINE_BYTES = 8192  # nginx: large_client_header_buffers 4 8k; the request line and each header have to fit into one
HEAD_BYTES = 32_768  # all four of them
BLANK_BYTES = 1024  # empty lines before a request that are skipped

BAD_REQUEST, TOO_LARGE, URI_TOO_LONG, NOT_IMPLEMENTED, VERSION = 400, 413, 414, 501, 505
HEAD_TOO_LARGE = 494  # nginx's own number; it goes out as a 400 with a text of its own

_BLANK = re.compile(rb"\n\r?\n")
_REQUEST_LINE = re.compile(rb"([A-Z_-]+) +([^\x00-\x20\x7f]+)(?: +HTTP/(\d{1,3})\.(\d{1,3}))? *\r?\n")
_BEGINNING = re.compile(rb"[A-Z_-]+( +([^\x00-\x20\x7f]+( [^\x00-\x1f\x7f]*)?\r?)?)?")  # of a good request line
_TARGET = re.compile(rb"/|[A-Za-z][A-Za-z0-9+.-]*://[^/?#]|\*$")
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HOST = re.compile(r"[^\x00-\x20/\\\x7f]+")
_MAY_BE_LAST = re.compile(rb"(?i)HTTP/1\.0\r?\n|\nconnection:[^\n]*close")
_FRAMED = frozenset({"content-length", "transfer-encoding", "expect"})
_LENGTH = re.compile(r"[0-9]{1,15}")


@attrs.define
class Request:
    """One request as far as it could be read; `refused` is the status that it has to be refused with, if so."""

    method: str = ""
    url: str = ""
    version: str = ""  # "1.1"; "0.9" for a request line without a version
    headers: dict[str, list[str]] = attrs.field(factory=dict)  # values by name in lower case, in the peer's order
    raw: bytes = b""  # the bytes as they came, cut
    length: int = 0  # how many came
    body: bytes = b""  # decoded, cut
    refused: int | None = None
    cut_off: bool = False  # the peer's end came inside the request: there is nobody to answer

    def header(self, name: str) -> str | None:
        """The value of a header; several are joined as RFC 9110 §5.2 says."""
        values = self.headers.get(name)
        return ", ".join(values) if values else None

    @property
    def keep_alive(self) -> bool:
        """Whether the peer may send another request on this connection."""
        connection = (self.header("connection") or "").lower()
        if self.refused is not None or self.version in ("", "0.9"):
            return False
        return "keep-alive" in connection if self.version == "1.0" else "close" not in connection


class RequestReader:
    """Reads one request after the other from a source of bytes; pipelined ones wait in its buffer.

    `first` has come already. `keep` bounds what of a request is remembered for events, `max_body` the body that is
    taken at all.
    """

    def __init__(
        self, receive: Callable[[], Awaitable[bytes]], *, keep: int, max_body: int, first: bytes = b""
    ) -> None:
        self._receive = receive
        self._keep = keep
        self._max_body = max_body
        self._buffer = bytearray(first)
        self._current: Request | None = None  # whose body is being read

    async def wait_begun(self) -> bool:
        """Wait for the first byte of a request, past empty lines; False when the peer has ended instead."""
        skipped = 0
        while not self._buffer or self._buffer[0] in b"\r\n":
            kept = self._buffer.lstrip(b"\r\n")
            skipped += len(self._buffer) - len(kept)
            self._buffer = kept if skipped <= BLANK_BYTES else self._buffer
            if self._buffer:
                return True
            more = await self._receive()
            if not more:
                return False
            self._buffer += more
        return True

    async def read_head(self) -> Request:
        """Everything up to the empty line, or up to what makes the request impossible."""
        searched, line_is_good = 0, False
        while True:
            end = _BLANK.search(self._buffer, max(0, searched - 2))
            if end is not None and end.end() <= HEAD_BYTES:
                return self._taken(parse_head(bytes(self._buffer[: end.end()])), end.end())
            searched = len(self._buffer)
            if not line_is_good and (line_end := self._buffer.find(b"\n", 0, LINE_BYTES)) >= 0:
                line = parse_line(bytes(self._buffer[: line_end + 1]))
                if line.refused is None and line.version == "0.9":
                    return self._taken(line, line_end + 1)  # nothing more belongs to it
                if line.refused is not None:
                    return self._all_taken(line.refused)
                line_is_good = True
            if not line_is_good and not _BEGINNING.fullmatch(self._buffer[:LINE_BYTES]):
                return self._all_taken(BAD_REQUEST)
            if not line_is_good and searched >= LINE_BYTES:
                return self._all_taken(URI_TOO_LONG)
            if searched >= HEAD_BYTES or searched - self._buffer.rfind(b"\n") > LINE_BYTES:
                return self._all_taken(HEAD_TOO_LARGE)
            more = await self._receive()
            if not more:
                return self._all_taken(BAD_REQUEST, cut_off=True)
            self._buffer += more

    async def read_body(self, request: Request, progress: Callable[[], None]) -> None:
        """Read the request's body into it, within the bounds; a broken or too large one refuses the request.

        `progress` is called whenever more of it has come.
        """
        framing = _framing(request)
        if isinstance(framing, int):
            request.refused = framing
        elif framing:
            self._current = request
            await self._read_framed(request, framing, progress)
            self._current = None

    def unfinished(self) -> Request | None:
        """The request that was being read when the connection broke off, or what is there of the next one."""
        request, self._current = self._current, None
        if request is None and self._buffer:
            request = self._all_taken(BAD_REQUEST, cut_off=True)
        return request

    def expects_continue(self, request: Request) -> bool:
        """Whether the peer waits for a 100 before it sends the body (RFC 9110 §10.1.1)."""
        if "expect" not in request.headers:
            return False
        waits = (request.header("expect") or "").lower() == "100-continue" and request.version == "1.1"
        framing = _framing(request)
        too_large = int(request.header("content-length") or 0) > self._max_body if isinstance(framing, bytes) else True
        return waits and bool(framing) and not too_large and not self._buffer

    async def _read_framed(self, request: Request, framing: bytes, progress: Callable[[], None]) -> None:
        if framing.startswith(b"content-length") and int(framing.split()[1]) > self._max_body:
            request.refused = TOO_LARGE
            self._note(request, bytes(self._buffer))
            return
        # h11 is told a head with the framing alone, so that it judges nothing else.
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(b"POST / HTTP/1.1\r\nhost: x\r\n" + framing + b"\r\n\r\n")
        connection.next_event()
        data, size = bytes(self._buffer), 0
        self._buffer.clear()
        try:
            while True:
                if data:
                    self._note(request, data)
                    connection.receive_data(data)
                size, whole = self._take_data(request, connection, size)
                if whole:
                    self._buffer += connection.trailing_data[0]
                    self._unnote(request, len(self._buffer))
                    return
                if size > self._max_body:
                    request.refused = TOO_LARGE
                    return
                data = await self._receive()
                progress()
                if not data:
                    request.refused, request.cut_off = BAD_REQUEST, True
                    return
        except h11.RemoteProtocolError:
            request.refused = BAD_REQUEST

    def _take_data(self, request: Request, connection: h11.Connection, size: int) -> tuple[int, bool]:
        """Move what h11 has unframed into the body; its size so far, and whether that is all."""
        while isinstance(event := connection.next_event(), h11.Data):
            request.body += event.data[: max(0, self._keep - len(request.body))]
            size += len(event.data)
        return size, isinstance(event, h11.EndOfMessage)

    def _all_taken(self, status: int, *, cut_off: bool = False) -> Request:
        """The whole buffer is one request that is refused; what can be read of it is told all the same."""
        request = parse_head(bytes(self._buffer[:HEAD_BYTES]))
        request.refused, request.cut_off = status, cut_off
        return self._taken(request, len(self._buffer))

    def _taken(self, request: Request, size: int) -> Request:
        request.raw, request.length = bytes(self._buffer[: min(size, self._keep)]), size
        del self._buffer[:size]
        return request

    def _note(self, request: Request, data: bytes) -> None:
        request.raw += data[: self._keep - len(request.raw)]
        request.length += len(data)

    def _unnote(self, request: Request, size: int) -> None:
        """The last `size` bytes that were noted belong to the next request."""
        request.length -= size
        request.raw = request.raw[: request.length]


def last_request(data: bytes, *, keep: int) -> Request | None:
    """The one good request that the bytes are, if it has no body and none will follow it; cheap for most others."""
    if not data.endswith((b"\r\n\r\n", b"\n\n")) or len(data) > LINE_BYTES:
        return None
    end = _BLANK.search(data)
    if end is None or end.end() != len(data) or not _MAY_BE_LAST.search(data):
        return None
    request = parse_head(data)
    if (
        request.refused is not None
        or request.keep_alive
        or request.version == "0.9"
        or _FRAMED & request.headers.keys()
    ):
        return None
    request.raw, request.length = data[:keep], len(data)
    return request


def parse_head(head: bytes) -> Request:
    """What a head says, broken or not; `refused` is set where nginx refuses it."""
    line, _, rest = head.partition(b"\n")
    request = parse_line(line + b"\n")
    if rest:
        request.headers = _headers(rest)
    request.refused = request.refused or _judge_headers(request, rest)
    return request


def parse_line(line: bytes) -> Request:
    """What a request line says, with its line end; `refused` is set where nginx refuses it."""
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        method, url, version = [*_text(line).strip().split(" ", 2), "", "", ""][:3]
        if not method.isprintable():
            return Request(refused=BAD_REQUEST)  # no text at all: the raw bytes say what it is
        return Request(method, url, version.removeprefix("HTTP/"), refused=BAD_REQUEST)
    verb, target, major, minor = match.groups()
    version = "0.9" if major is None else f"{int(major)}.{int(minor)}"
    refused = URI_TOO_LONG if len(line) > LINE_BYTES else _judge_line(verb, target, version)
    return Request(_text(verb), _text(target), version, refused=refused)


def _judge_line(method: bytes, target: bytes, version: str) -> int | None:
    if version == "0.9":
        return None if method == b"GET" and target.startswith(b"/") else BAD_REQUEST
    if int(version.split(".")[0]) > 1:
        return VERSION
    if method == b"CONNECT":
        return None
    return None if _TARGET.match(target) and version[0] == "1" else BAD_REQUEST


def _judge_headers(request: Request, block: bytes) -> int | None:
    if b"\x00" in block:
        return BAD_REQUEST
    if len(block) > LINE_BYTES and any(len(line) > LINE_BYTES for line in block.split(b"\n")):
        return HEAD_TOO_LARGE
    hosts = request.headers.get("host", [])
    if len(hosts) > 1 or (not hosts and request.version not in ("0.9", "1.0")):
        return BAD_REQUEST
    if hosts and not _HOST.fullmatch(hosts[0]):
        return BAD_REQUEST
    return None


def _framing(request: Request) -> bytes | int:
    """How the body is framed, as a header for h11; b"" for no body; or the status that refuses the request."""
    lengths = request.headers.get("content-length", [])
    coding = request.header("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            return NOT_IMPLEMENTED
        return BAD_REQUEST if lengths or request.version != "1.1" else b"transfer-encoding: chunked"
    if not lengths:
        return b""
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        return BAD_REQUEST
    return b"" if int(lengths[0]) == 0 else b"content-length: %d" % int(lengths[0])


def _headers(block: bytes) -> dict[str, list[str]]:
    """Every line that is a header; lines that are none are skipped, as nginx does."""
    found: dict[str, list[str]] = {}
    for line in block.decode("utf-8", "backslashreplace").split("\n"):
        name, colon, value = line.partition(":")
        if colon and _NAME.fullmatch(name := name.lower()):
            found.setdefault(name, []).append(value.strip())
    return found


def _text(data: bytes) -> str:
    return data.rstrip(b"\r").decode("utf-8", "backslashreplace")
