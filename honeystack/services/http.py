"""HTTP/1 as nginx serves it, with every request told."""

from __future__ import annotations

import re
from itertools import islice
from typing import ClassVar

import attrs
import trio

from honeystack.conversation import Conversation, Recognition
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Payload
from honeystack.patience import Deadline
from honeystack.registry import service
from honeystack.services._http_reply import CONTINUE, error_page, response, wire_status
from honeystack.services._http_request import LINE_BYTES, Request, RequestReader, last_request
from honeystack.settings import not_negative, positive, setting

REQUEST = EventKind(
    "http",
    "request",
    "An HTTP request, also a broken one.",
    {
        "http.method": "as the peer wrote it",
        "http.url": "the request target as the peer wrote it",
        "http.host": "the Host header",
        "http.version": "1.1, 1.0, 0.9 or what the peer claimed",
        "http.header.*": "each header under its name in lower case; repeated ones joined with a comma",
        "http.body": "the body, chunks put together, cut at a size",
        "http.status": "int: the status of our answer; absent where the peer did not wait for one",
        "payload": "the request as it came, cut at a size",
    },
)

MAX_HEADERS = 100  # that become keys of an event; all of them are in its payload
LINGER_SECONDS = 5.0  # nginx's lingering_timeout: what a refused peer still sends is read, so that it gets the answer
LINGER_BYTES = 1024 * 1024

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Under construction</title>
<style>body { font-family: sans-serif; margin: 4em auto; max-width: 32em; color: #333; }</style>
</head>
<body>
<h1>Under construction</h1>
<p>This site is being rebuilt. Please come back later.</p>
</body>
</html>
"""

_METHODS = "GET HEAD POST PUT DELETE OPTIONS TRACE CONNECT PATCH PROPFIND PRI MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT"
_KNOWN = tuple(f"{method} ".encode() for method in _METHODS.split())
_LINE = re.compile(rb"[A-Za-z_-]{1,32} [^\r\n]* HTTP/\d")


def _one_line(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value.isprintable():
        raise ValueError(f"{attribute.name} has to be one line of printable characters")


def _header_lines(_: object, attribute: attrs.Attribute[dict[str, str]], value: dict[str, str]) -> None:
    if not all(
        re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) and text.isprintable() for name, text in value.items()
    ):
        raise ValueError("headers are names and texts of one line each")


def _final_status(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if not 200 <= value <= 599:  # a client would go on waiting after 1xx
        raise ValueError(f"{attribute.name!r} goes from 200 to 599")


@service("http")
@attrs.frozen
class Http:
    """A web server: answers any HTTP/1 request as nginx would, and records it. Over TLS where a certificate is planned.

    Keep-alive, pipelining, chunked bodies and `Expect: 100-continue` work; broken and oversized requests get nginx's
    answers. Pages are texts by path:

        [service.http01]
        type = "http"
        pages = { "/" = "<h1>Intranet</h1>", "/robots.txt" = "User-agent: *" }
    """

    server: str = setting("the Server header, and the foot of error pages", default="nginx/1.22.1", validator=_one_line)
    pages: dict[str, str] = setting("texts by path; other paths are not found", factory=lambda: {"/": PAGE})
    status: int = setting("the status that pages have", default=200, validator=_final_status)
    headers: dict[str, str] = setting("more headers of every answer", factory=dict, validator=_header_lines)
    methods: tuple[str, ...] = setting("methods that get pages; others are not allowed", default=("GET", "HEAD"))
    max_body: int = setting("the largest body that is taken", default=1024 * 1024, unit="bytes", validator=not_negative)
    event_bytes: int = setting(
        "bytes of a request, and of its body, that its event keeps",
        default=16_384,
        unit="bytes",
        validator=not_negative,
    )
    header_seconds: float = setting(
        "within which a request's head has to be whole", default=60.0, unit="seconds", validator=positive
    )
    body_seconds: float = setting(
        "a pause in a body that ends the connection", default=60.0, unit="seconds", validator=positive
    )
    keep_alive_seconds: float = setting(
        "how long the next request is waited for", default=75.0, unit="seconds", validator=positive
    )
    keep_alive_requests: int = setting("requests on one connection", default=1000, validator=positive)

    speaks_first: ClassVar[bool] = False
    speaks_tls: ClassVar[bool] = False
    alpn: ClassVar[tuple[str, ...]] = ("http/1.1",)

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        """A request line, or one of the known methods at its beginning."""
        text = first.lstrip(b"\r\n")
        if text.startswith(_KNOWN) or _LINE.match(text):
            return Recognition.MINE
        word, space, _ = text[:33].partition(b" ")
        over = b"\n" in text or len(text) > LINE_BYTES or (not space and len(word) > 32)
        possible = re.fullmatch(rb"[A-Za-z_-]*", word) is not None
        return Recognition.NOT_MINE if eof or over or not possible else Recognition.MORE

    def answer_at_once(self, peer: Conversation) -> bool:
        """Answer a whole request that is the last one, if there is room for the answer, and close."""
        request = last_request(peer.ahead, keep=self.event_bytes)
        if request is None:
            return False
        status, body = self._result(request)
        answer = self._response(request, status, body, keep_alive=False)
        if not peer.may_finish(answer):
            return False
        peer.take_ahead()
        self._tell(peer, request, status)
        return peer.finish(answer)

    async def handle(self, peer: Conversation) -> None:
        first = peer.take_ahead()
        reader = RequestReader(peer.receive_some, keep=self.event_bytes, max_body=self.max_body, first=first)
        refused = False
        try:
            with Deadline(peer, self.header_seconds) as deadline:
                refused = await self._serve(peer, reader, deadline)
        finally:
            unfinished = reader.unfinished()
            if unfinished is not None:
                self._tell(peer, unfinished, None)
        if refused:
            await _linger(peer)

    async def _serve(self, peer: Conversation, reader: RequestReader, deadline: Deadline) -> bool:
        """Answer request after request; whether the last one was refused."""
        for number in range(1, self.keep_alive_requests + 1):
            if not await reader.wait_begun():
                return False
            deadline.extend(self.header_seconds)
            request = await reader.read_head()
            if request.refused is None:
                if reader.expects_continue(request):
                    await peer.send_all(CONTINUE)
                await reader.read_body(request, lambda: deadline.extend(self.body_seconds))
            keep_alive = request.keep_alive and number < self.keep_alive_requests
            deadline.extend(self.keep_alive_seconds)
            await self._answer(peer, request, keep_alive=keep_alive)
            if not keep_alive:
                return request.refused is not None and not request.cut_off
        return False

    async def _answer(self, peer: Conversation, request: Request, *, keep_alive: bool) -> None:
        if request.cut_off:
            self._tell(peer, request, None)
            return
        status, body = self._result(request)
        self._tell(peer, request, wire_status(status))
        answer = body  # HTTP/0.9 has no head
        if request.version != "0.9" or request.refused is not None:
            answer = self._response(request, status, body, keep_alive=keep_alive)
        if keep_alive or request.refused is not None or not peer.finish(answer):
            await peer.send_all(answer)

    def _response(self, request: Request, status: int, body: bytes, *, keep_alive: bool) -> bytes:
        head_only = request.method == "HEAD"
        server, headers = self.server, self.headers
        return response(status, body, server=server, headers=headers, keep_alive=keep_alive, head_only=head_only)

    def _result(self, request: Request) -> tuple[int, bytes]:
        if request.refused is not None:
            return request.refused, error_page(request.refused, self.server)
        if request.method not in self.methods:
            return 405, error_page(405, self.server)
        page = self.pages.get(_path(request.url))
        if page is None:
            return 404, error_page(404, self.server)
        return self.status, page.encode("utf-8", "surrogateescape")

    def _tell(self, peer: Conversation, request: Request, status: int | None) -> None:
        fields: dict[str, object] = {
            "http.method": request.method,
            "http.url": request.url,
            "http.version": request.version,
            "payload": Payload(request.raw, request.length),
        }
        if status is not None:
            fields["http.status"] = status
        if (host := request.header("host")) is not None:
            fields["http.host"] = host
        for name, values in islice(request.headers.items(), MAX_HEADERS):
            fields[f"http.header.{name}"] = ", ".join(values)
        if request.body:
            fields["http.body"] = request.body.decode("utf-8", "backslashreplace")
        peer.record(REQUEST, fields)


def _path(url: str) -> str:
    """The path inside a request target, query and all the like cut away."""
    if not url.startswith("/"):
        _, _, rest = url.partition("://")
        url = "/" + rest.partition("/")[2]
    return url.partition("?")[0].partition("#")[0]


async def _linger(peer: Conversation) -> None:
    """End our side and read what still comes for a while, or the peer's kernel may throw the answer away."""
    size = 0
    with trio.move_on_after(LINGER_SECONDS):
        await peer.send_eof()
        while size < LINGER_BYTES and (data := await peer.receive_some()):
            size += len(data)
