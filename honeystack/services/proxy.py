"""High interaction: a real host behind the honeypot, and all that passes told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import attrs
import trio

from honeystack.conversation import Conversation, DatagramConversation, Recognition
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Payload
from honeystack.registry import service
from honeystack.settings import not_negative, positive, setting

REQUEST = EventKind(
    "proxy",
    "request",
    "What a peer sent to the host behind, until the host answered; over UDP each datagram.",
    {"payload": "the bytes"},
)
RESPONSE = EventKind(
    "proxy",
    "response",
    "What the host behind sent to a peer, until the peer spoke again; over UDP each datagram.",
    {"payload": "the bytes"},
)
WITHHELD = EventKind(
    "proxy",
    "withheld",
    "An answer over UDP was not sent on to the peer, as its address has sent too little: see `amplification`.",
    {"payload": "the answer's length; its bytes are in the response"},
    "notice",
)
FAILED = EventKind("proxy", "failed", "The host behind could not be reached.", {"error": "what went wrong"}, "warning")


def _protocols(_: object, attribute: attrs.Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    for name in value:
        if not name.isascii() or not 0 < len(name) < 256:  # RFC 7301 §3.1
            raise ValueError(f"{attribute.name!r} holds {name!r}: write 1 to 255 letters of ASCII")


@service("proxy")
@attrs.frozen
class Proxy:
    """Passes a conversation on to the host that a director names, and records both directions (high interaction).

    TLS is decoded on ports that have a certificate, also where it begins after plaintext (STARTTLS), and goes on in the
    clear, or encrypted anew where the director says `tls = true`. On other ports it passes as it is.
    """

    director: Any = setting("the name of the director that knows the host", example="ssh_host")
    max_bytes: int = setting(
        "bytes of each direction that events keep; beyond it events tell the length only",
        default=1024 * 1024,
        unit="bytes",
        validator=not_negative,
    )
    turn_bytes: int = setting("bytes that one event keeps at most", default=64 * 1024, unit="bytes", validator=positive)
    idle: float = setting(
        "a conversation in which both are silent for so long is ended",
        default=600.0,
        unit="seconds",
        validator=positive,
    )
    amplification: float = setting(
        "bytes that may be answered over UDP for each byte that came from an address; above 1, whoever forges an "
        "address can have it sent more than he sends himself (DNS needs 10 or more)",
        default=1.0,
        validator=positive,
    )
    alpn: tuple[str, ...] = setting(
        "protocols that the host behind speaks inside TLS (ALPN): a peer that offers one of them is told so, and with "
        "`tls = true` the host is asked for it",
        default=(),
        example=["h2", "http/1.1"],
        validator=_protocols,
    )

    speaks_first: ClassVar[bool] = True
    speaks_tls: ClassVar[bool] = False

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        """Everything: the host behind will judge."""
        if first:
            return Recognition.MINE
        return Recognition.NOT_MINE if eof else Recognition.MORE

    async def handle(self, peer: Conversation) -> None:
        try:
            upstream = await self.director.open_stream(peer)
        except OSError as error:
            peer.record(FAILED, {"error": _reason(error)})
            return
        log = _Log(peer.record, self.max_bytes, self.turn_bytes)
        try:
            while await self._relay(peer, upstream, log):
                # The peer begins TLS in the middle: so do we with both.
                if not await peer.start_tls():
                    return
                upstream = await self.director.secure(upstream, peer)
        except OSError as error:
            peer.record(FAILED, {"error": _reason(error)})
        finally:
            log.finish()
            await upstream.aclose()

    async def _relay(self, peer: Conversation, upstream: trio.abc.HalfCloseableStream, log: _Log) -> bool:
        """Pass both directions on until both have ended. True where the peer begins TLS, whose hello is then ahead."""
        begins_tls = False
        async with trio.open_nursery() as nursery:
            scope = nursery.cancel_scope
            scope.deadline = trio.current_time() + self.idle
            nursery.start_soon(self._pump, upstream, peer, RESPONSE, log, scope)
            begins_tls = await self._pump(peer, upstream, REQUEST, log, scope)
        return begins_tls  # noqa: RET504 -- a nursery that was cancelled ends here too

    async def _pump(
        self,
        source: trio.abc.ReceiveStream,
        sink: trio.abc.HalfCloseableStream,
        kind: EventKind,
        log: _Log,
        scope: trio.CancelScope,
    ) -> bool:
        """One direction until its end, which is passed on as such; the other direction may go on. True for a hello."""
        try:
            while data := await source.receive_some():
                if isinstance(source, Conversation) and source.may_start_tls and self._may_be_hello(data):
                    source.unreceive(bytes(data))
                    scope.cancel()
                    return True
                scope.deadline = trio.current_time() + self.idle
                log.passed(kind, data)
                await sink.send_all(data)
            await sink.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            scope.cancel()  # one side is gone altogether
        return False

    def _may_be_hello(self, data: bytes | bytearray) -> bool:
        """Whether a peer begins TLS that a director with `tls = true` can begin with the host too."""
        return bool(getattr(self.director, "tls", False)) and data[:2] == b"\x16\x03" and data[5:6] == b"\1"

    async def handle_datagrams(self, peer: DatagramConversation) -> None:
        try:
            sock = await self.director.open_datagrams(peer)
        except OSError as error:
            peer.record(FAILED, {"error": _reason(error)})
            return
        log = _Log(peer.record, self.max_bytes, self.turn_bytes)
        try:
            with sock:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._return_datagrams, sock, peer, log)
                    await _forward_datagrams(sock.send, peer, log)
                    nursery.cancel_scope.cancel()
        finally:
            log.finish()

    async def _return_datagrams(self, sock: trio.socket.SocketType, peer: DatagramConversation, log: _Log) -> None:
        while True:
            try:
                data = await sock.recv(65535)
            except OSError as error:
                peer.record(FAILED, {"error": _reason(error)})
                continue
            log.passed_whole(RESPONSE, data)
            if not peer.send(data, amplification=self.amplification):
                peer.record(WITHHELD, {"payload": Payload.cut(data, 0)})


async def _forward_datagrams(send: Callable[[bytes], Awaitable[int]], peer: DatagramConversation, log: _Log) -> None:
    while True:
        try:
            data = await peer.receive()
        except trio.EndOfChannel:
            return
        log.passed_whole(REQUEST, data)
        try:
            await send(data)
        except OSError as error:  # an ICMP error to an earlier datagram, for one
            peer.record(FAILED, {"error": _reason(error)})


def _reason(error: OSError) -> str:
    return str(error.__cause__ or error.strerror or error)


class _Log:
    """Gathers what passes into one event for each turn, or datagram; bounded for the whole conversation."""

    def __init__(self, record: Callable[[EventKind, dict[str, object]], None], total: int, turn: int) -> None:
        self._record = record
        self._left = {REQUEST: total, RESPONSE: total}
        self._turn = turn
        self._kind: EventKind | None = None
        self._data = bytearray()
        self._length = 0

    def passed(self, kind: EventKind, data: bytes | bytearray) -> None:
        if kind is not self._kind or self._length >= self._turn:
            self.finish()
            self._kind = kind
        kept = data[: max(0, min(self._turn - len(self._data), self._left[kind]))]
        self._left[kind] -= len(kept)
        self._data += kept
        self._length += len(data)

    def passed_whole(self, kind: EventKind, data: bytes) -> None:
        """A datagram: told at once and by itself, whatever comes next."""
        self.passed(kind, data)
        self.finish()

    def finish(self) -> None:
        if self._kind is not None and self._length:
            self._record(self._kind, {"payload": Payload(bytes(self._data), self._length)})
        self._data, self._length = bytearray(), 0
