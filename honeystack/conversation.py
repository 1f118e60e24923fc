"""The meeting place: all that a listener hands over and a service receives."""

from __future__ import annotations

import enum
import random
from collections.abc import Mapping
from typing import Protocol

import attrs
import trio

from honeystack.errors import StateError
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity
from honeystack.events.recorder import Recorder
from honeystack.net.address import Flow


class Recognition(enum.Enum):
    """A service's answer to the first bytes of a conversation."""

    MINE = "mine"
    NOT_MINE = "not mine"
    MORE = "need more bytes"


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
    facts: dict[str, object] = attrs.field(factory=dict)  # e.g. the ja3, ja4 and sni keys once TLS is up
    _ahead: bytearray = attrs.field(factory=bytearray, init=False)
    _ended: bool = attrs.field(default=False, init=False)

    def record(self, kind: EventKind, fields: Mapping[str, object]) -> None:
        """Record an event of this conversation; identity and service are added here."""
        self.recorder.record(kind, fields, identity=self.identity, service=self.service)

    @property
    def ahead(self) -> bytes:
        """What has been received and not yet consumed."""
        return bytes(self._ahead)

    async def peek(self, max_bytes: int = 65536) -> bytes:
        """Wait for more bytes than `ahead` holds and return all of them, unconsumed; b"" adds nothing at EOF."""
        if not self._ended:
            more = await self.stream.receive_some(max_bytes)
            self._ended = not more
            self._ahead += more
        else:
            await trio.lowlevel.checkpoint()
        return bytes(self._ahead)

    @property
    def eof_received(self) -> bool:
        return self._ended

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._ahead:
            await trio.lowlevel.checkpoint()
            taken = bytes(self._ahead if max_bytes is None else self._ahead[:max_bytes])
            del self._ahead[: len(taken)]
            return taken
        if self._ended:
            await trio.lowlevel.checkpoint()
            return b""
        received = await self.stream.receive_some(max_bytes)
        self._ended = not received
        return bytes(received)

    def unreceive(self, data: bytes) -> None:
        """Give bytes back to the front; the next receive or peek sees them first."""
        self._ahead[:0] = data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self.stream.send_eof()

    async def aclose(self) -> None:
        await self.stream.aclose()

    def replace_stream(self, stream: trio.abc.HalfCloseableStream) -> None:
        """Go on over another layer (TLS over the old stream); bytes ahead must have been moved into it first."""
        if self._ahead:
            raise StateError("bytes received before the new layer would be lost; consume them first")
        self.stream = stream
        self._ended = False


class DatagramConversation(Protocol):
    """A UDP conversation: the datagrams between one remote and one local endpoint."""

    flow: Flow
    identity: Identity
    service: str | None

    async def receive(self) -> bytes:
        """The next datagram's data; raises trio.EndOfChannel when the conversation has been idle too long."""
        ...

    def send(self, data: bytes) -> bool:
        """Answer with one datagram; False where the amplification budget or the link did not let it out."""
        ...

    def record(self, kind: EventKind, fields: Mapping[str, object]) -> None:
        """Record an event of this conversation; identity and service are added here."""
        ...
