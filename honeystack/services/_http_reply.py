"""HTTP/1 responses as nginx writes them: order and spelling of the headers, and its pages for errors."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
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
    status = wire_status(status)
    lines = [f"HTTP/1.1 {status} {reason(status)}"]
    if server:
        lines.append(f"Server: {server}")
    lines += [
        f"Date: {formatdate(usegmt=True)}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"
    return head if head_only else head + body
