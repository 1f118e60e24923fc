"""HTTP/1 responses as nginx writes them: order and spelling of the headers, and its pages for errors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from honeystack.services._http_request import HEAD_TOO_LARGE

HTML = "text/html"

# nginx's words where they are not the registry's
_REASONS = {
    405: "Not Allowed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    302: "Moved Temporarily",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
    408: "Request Time-out",
}
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_ON_THE_WIRE = {HEAD_TOO_LARGE: 400}
_DETAILS = {HEAD_TOO_LARGE: "Request Header Or Cookie Too Large"}

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def reason(status: int) -> str:
    """The words behind a status."""
    if status in _REASONS:
        return _REASONS[status]
    return _PHRASES.get(status, "Unknown")


def wire_status(status: int) -> int:
    """The status that goes out for one of nginx's own."""
    return _ON_THE_WIRE.get(status, status)


@lru_cache(64)
def error_page(status: int, server: str) -> bytes:
    """The page for an error, word for word nginx's."""
    title = _DETAILS.get(status)
    words = f"{wire_status(status)} {reason(wire_status(status))}"
    detail = f"<center>{title}</center>\r\n" if title else ""
    head = f"{wire_status(status)} {title}" if title else words
    return (
        f"<html>\r\n<head><title>{head}</title></head>\r\n<body>\r\n<center><h1>{words}</h1></center>\r\n{detail}"
        f"<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def response(
    status: int,
    body: bytes,
    *,
    server: str,
    headers: Mapping[str, str],
    keep_alive: bool,
    content_type: str = HTML,
    head_only: bool = False,
) -> bytes:
    """A whole response, or its head alone."""
    before, after = _head(wire_status(status), server, tuple(headers.items()), len(body), keep_alive, content_type)
    head = before + _date(int(time.time())) + after
    return head if head_only else head + body


@lru_cache(256)
def _head(
    status: int, server: str, headers: tuple[tuple[str, str], ...], length: int, keep_alive: bool, content_type: str
) -> tuple[bytes, bytes]:
    """A head in two parts, between which the date goes: what is answered most is always the same."""
    first = [f"HTTP/1.1 {status} {reason(status)}"]
    if server:
        first.append(f"Server: {server}")
    rest = [
        f"Content-Type: {content_type}",
        f"Content-Length: {length}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*first, "Date: "]).encode("utf-8"), "\r\n".join(["", *rest, "", ""]).encode("utf-8")


@lru_cache(1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
