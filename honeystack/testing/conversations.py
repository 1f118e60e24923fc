"""Conversations in memory, for tests of services: what a peer says goes in, what it hears and the events come out."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Mapping
from typing import Any

import trio
import trio.testing

from honeystack.conversation import Conversation, FirstBytes, FirstMemory
from honeystack.events.catalogue import EventKind
from honeystack.events.identity import identity_of
from honeystack.events.recorder import Recorder
from honeystack.net.address import Endpoint, Flow
from honeystack.testing.recording import RecordingPublisher

LOCAL = Endpoint("203.0.113.4", 80)
REMOTE = Endpoint("198.51.100.7", 40_000)
PAYLOAD_BYTES = 65_536


class Meeting(RecordingPublisher):
    """Makes conversations whose events it keeps in `events`; each has a connection id and a remote port of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count()
        self.recorder = Recorder(self, clock=lambda: 0.0, new_id=lambda: f"id-{next(self._numbers)}")
        self._ports = itertools.count(REMOTE.port)

    def conversation(
        self, *, local: Endpoint = LOCAL, remote: Endpoint | None = None
    ) -> tuple[trio.StapledStream[Any, Any], Conversation]:
        """The peer's end, and ours."""
        flow = Flow("tcp", local, remote or Endpoint(REMOTE.address, next(self._ports)))
        identity = identity_of(flow, self.recorder.new_id())
        client, server = trio.testing.memory_stream_pair()
        first = FirstBytes(self.recorder, identity, PAYLOAD_BYTES, memory=FirstMemory())
        rng = random.Random(flow.remote.port)
        return client, Conversation(_HalfCloseable(server), flow, identity, self.recorder, rng, first=first)

    def datagrams(self, said: list[bytes], *, local: Endpoint = LOCAL) -> MemoryDatagrams:
        """A UDP conversation in which a peer says this and then nothing more."""
        flow = Flow("udp", local, Endpoint(REMOTE.address, next(self._ports)))
        return MemoryDatagrams(flow, said, self.recorder)

    async def serve(self, service: Any, said: bytes, *, name: str = "under-test", ends: bool = True) -> bytes:
        """Let a service handle a peer that says this at once; returns all that the peer hears until it is let go.

        Without `ends` the peer keeps its side open, so that only the service's own bounds end it.
        """
        client, peer = self.conversation()
        peer.service = name
        heard = bytearray()

        async def speak() -> None:
            try:
                await client.send_all(said)
                if ends:
                    await client.send_eof()
                async for data in client:
                    heard.extend(data)
            except trio.BrokenResourceError:
                pass  # the service has gone already

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            try:
                await service.handle(peer)
            finally:
                await peer.aclose()
        return bytes(heard)


class MemoryDatagrams:
    """A UDP conversation in memory: `sent` keeps the answers. Implements DatagramConversation."""

    def __init__(self, flow: Flow, said: list[bytes], recorder: Recorder) -> None:
        self.flow = flow
        self.identity = identity_of(flow, recorder.new_id())
        self.service: str | None = None
        self.sent: list[bytes] = []
        self.budget: int | None = None  # bytes that may be sent for an amplification of 1; None: any
        self._recorder = recorder
        self._said = deque(said)
        self._first = said[0] if said else b""

    @property
    def first(self) -> bytes:
        return self._first

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self._said:
            raise trio.EndOfChannel
        return self._said.popleft()

    def send(self, data: bytes, *, amplification: float = 1.0) -> bool:
        sent = sum(map(len, self.sent))
        if self.budget is not None and sent + len(data) > self.budget * amplification:
            return False
        self.sent.append(data)
        return True

    def record(self, kind: EventKind, fields: Mapping[str, object]) -> None:
        self._recorder.record(kind, fields, identity=self.identity, service=self.service)


class _HalfCloseable(trio.abc.HalfCloseableStream):
    """A memory stream that closes quietly, as sockets do."""

    def __init__(self, stream: trio.StapledStream[Any, Any]) -> None:
        self._stream = stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await self._stream.receive_some(max_bytes))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()
