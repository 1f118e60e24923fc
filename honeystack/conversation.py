"""The meeting place: all that a listener hands over and a service receives."""

from __future__ import annotations

import enum
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import attrs
import trio

from honeystack.errors import StateError
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity, Payload
from honeystack.events.recorder import Recorder
from honeystack.net.address import Flow
from honeystack.net.stream import TcpStream

PAYLOAD = EventKind(
    "tcp",
    "payload",
    "The first raw bytes from the peer, once per connection: up to a size, or until it pauses, is answered or ends.",
    {"payload": "the bytes as they came, before any decoding"},
)


@attrs.define
class FirstMemory:
    """How much the first bytes of all connections hold together; beyond the limit they are told as they come."""

    limit: int = 64 * 1024 * 1024  # bytes
    held: int = 0


class FirstBytes:
    """Keeps the first bytes of one connection and records them once. Inputs: `received`, `answered`, `finish`."""

    __slots__ = ("_data", "_identity", "_length", "_limit", "_memory", "_recorder", "told")

    def __init__(self, recorder: Recorder, identity: Identity, limit: int, *, memory: FirstMemory) -> None:
        self.told = False
        self._recorder = recorder
        self._identity = identity
        self._limit = limit
        self._memory = memory
        self._data: bytes | bytearray = b""  # most peers say all of it at once
        self._length = 0

    def received(self, data: bytes | bytearray) -> None:
        """The peer's next raw bytes; recorded at once when the size is reached."""
        if self.told or not data:
            return
        kept = data[: self._limit - len(self._data)]
        self._data = _joined(self._data, kept)
        self._memory.held += len(kept)
        self._length += len(data)
        if self._length >= self._limit or self._memory.held > self._memory.limit:
            self.finish()

    def answered(self) -> None:
        """We send: what came before is the peer's opening."""
        if self._length:
            self.finish()

    def finish(self) -> None:
        """No more belongs to the first bytes; idempotent. A peer that sent nothing leaves no event."""
        if self.told:
            return
        self.told = True
        if self._length:
            self._tell(Payload(bytes(self._data), self._length))
        self._memory.held -= len(self._data)
        self._data = b""

    def _tell(self, payload: Payload) -> None:
        self._recorder.record(PAYLOAD, {"payload": payload}, identity=self._identity)


class Recognition(enum.Enum):
    """A service's answer to the first bytes of a conversation."""

    MINE = "mine"
    NOT_MINE = "not mine"
    MORE = "need more bytes"


_NO_FACTS: Mapping[str, object] = MappingProxyType({})


@attrs.define(eq=False)
class Conversation(trio.abc.HalfCloseableStream):
    """A TCP conversation: a stream of octets, whose it is, and where its events go.

    It is itself a HalfCloseableStream, so services read and write on `peer`. `peek` looks at what has come
    without consuming it; recognition of TLS and of services stands on it.
    """

    stream: trio.abc.HalfCloseableStream
    flow: Flow
    identity: Identity
    recorder: Recorder
    rng: random.Random = attrs.field(factory=random.Random)
    service: str | None = None
    facts: Mapping[str, object] = _NO_FACTS  # e.g. the ja3, ja4 and sni keys once TLS is up
    first: FirstBytes | None = None  # taps the raw bytes until they have been recorded
    tls_starter: Callable[[Conversation], Awaitable[bool]] | None = None  # takes TLS off, where that is planned
    transcript: Any = None  # what notes all that is said, where that is wanted
    silent: bool = False  # the listener has waited for the first bytes in vain: a server-first service may speak
    _ahead: bytes | bytearray = attrs.field(default=b"", init=False)
    _ended: bool = attrs.field(default=False, init=False)

    def record(self, kind: EventKind, fields: Mapping[str, object]) -> None:
        """Record an event of this conversation; identity and service are added here.

        What a service makes of the first bytes is told after the bytes themselves.
        """
        if self.first is not None and self.service is not None:
            self._answered(self.first)
        self.recorder.record(kind, fields, identity=self.identity, service=self.service)

    @property
    def ahead(self) -> bytes:
        """What has been received and not yet consumed."""
        return bytes(self._ahead)

    async def peek(self, max_bytes: int = 65536) -> bytes:
        """Wait for more bytes than `ahead` holds and return all of them, unconsumed; adds nothing at EOF."""
        await self.peek_more(max_bytes)
        return bytes(self._ahead)

    async def peek_more(self, max_bytes: int = 65536) -> bytes:
        """Wait for more bytes than `ahead` holds and return only the new ones, unconsumed; b"" at EOF."""
        if self._ended:
            await trio.lowlevel.checkpoint()
            return b""
        more = self._came(await self.stream.receive_some(max_bytes))
        self._ahead = _joined(self._ahead, more)
        return more

    def _came(self, more: bytes | bytearray) -> bytes:
        self._ended = not more
        if self.first is not None:
            self.first.received(more)
        return bytes(more)

    def _answered(self, first: FirstBytes) -> None:
        first.answered()
        if first.told:
            self.first = None

    @property
    def eof_received(self) -> bool:
        stream = self.stream
        return self._ended or (type(stream) is TcpStream and stream.at_eof)

    def receive_some(self, max_bytes: int | None = None) -> Coroutine[Any, Any, bytes]:
        stream = self.stream
        if self.first is None and type(stream) is TcpStream and not (self._ahead or self._ended):
            return stream.receive_some(max_bytes)  # a coroutine around it takes each that waits 240 bytes
        return self._receive_some(max_bytes)

    async def _receive_some(self, max_bytes: int | None = None) -> bytes:
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._ahead:
            await trio.lowlevel.checkpoint()
            if max_bytes is None or max_bytes >= len(self._ahead):
                return self.take_ahead()
            ahead = self._ahead = bytearray(self._ahead) if isinstance(self._ahead, bytes) else self._ahead
            taken = bytes(ahead[:max_bytes])
            del ahead[:max_bytes]
            return taken
        if self._ended:
            await trio.lowlevel.checkpoint()
            return b""
        return self._came(await self.stream.receive_some(max_bytes))

    def take_ahead(self) -> bytes:
        """What `ahead` holds, which is consumed by it."""
        taken = bytes(self._ahead)
        self._ahead = b""
        return taken

    def unreceive(self, data: bytes) -> None:
        """Give bytes back to the front; the next receive or peek sees them first."""
        self._ahead = bytes(data) + self._ahead if self._ahead else bytes(data)

    def send_all(self, data: bytes | bytearray | memoryview) -> Coroutine[Any, Any, None]:
        if self.first is not None:
            self._answered(self.first)
        return self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self.stream.send_eof()

    async def aclose(self) -> None:
        self.tell_first()
        await self.stream.aclose()

    def finish(self, last: bytes = b"") -> bool:
        """Send the last bytes and close, without waiting for anything.

        False where that cannot be, and nothing has been done: it takes `send_all` and `aclose`.
        """
        stream = self.stream
        if last and not self.may_finish(last):
            return False
        self.tell_first()
        if type(stream) is TcpStream:
            return stream.finish(last)
        finish = getattr(stream, "finish", None)  # not all streams have it
        return finish is not None and bool(finish())

    def may_finish(self, last: bytes) -> bool:
        """Whether `finish` would take these last bytes."""
        return type(self.stream) is TcpStream and len(last) <= self.stream.room

    def tell_first(self) -> None:
        """Record the first raw bytes now; what comes later is no longer tapped."""
        if self.first is not None:
            self.first.finish()
            self.first = None

    @property
    def may_start_tls(self) -> bool:
        """Whether `start_tls` has a certificate to answer with, and TLS is not there yet."""
        return self.tls_starter is not None

    async def start_tls(self) -> bool:
        """Go on inside TLS: the peer has been told that it may begin (STARTTLS, STLS, AUTH TLS …).

        True once it has; its hello and its handshake have been told. False where it did not begin, and the bytes it
        sent instead are ahead, or where its handshake failed, after which nothing more can be read.
        Raises StateError where `may_start_tls` is False.
        """
        if self.tls_starter is None:
            raise StateError("there is no certificate for this conversation, or TLS is there already")
        starter, self.tls_starter = self.tls_starter, None
        return await starter(self)

    def replace_stream(self, stream: trio.abc.HalfCloseableStream) -> None:
        """Go on over another layer (TLS over the old stream); bytes ahead must have been moved into it first."""
        if self._ahead:
            raise StateError("bytes received before the new layer would be lost; consume them first")
        self.tell_first()
        self.stream = stream
        self._ended = False


def _joined(before: bytes | bytearray, more: bytes | bytearray) -> bytes | bytearray:
    """What came at once stays as it is; from the second piece on it is a buffer that grows."""
    if not before:
        return bytes(more)
    grown = bytearray(before) if isinstance(before, bytes) else before
    grown += more
    return grown


class DatagramConversation(Protocol):
    """A UDP conversation: the datagrams between one remote and one local endpoint."""

    flow: Flow
    identity: Identity
    service: str | None

    @property
    def first(self) -> bytes:
        """The data of the datagram that began the conversation; `receive` gives it too."""
        ...

    async def receive(self) -> bytes:
        """The next datagram's data; raises trio.EndOfChannel when the conversation has been idle too long."""
        ...

    def send(self, data: bytes, *, amplification: float = 1.0) -> bool:
        """Answer with one datagram; False where the amplification budget or the link did not let it out.

        To one address go at most `amplification` bytes for each that has come from it, as a source may be forged.
        """
        ...

    def record(self, kind: EventKind, fields: Mapping[str, object]) -> None:
        """Record an event of this conversation; identity and service are added here."""
        ...
