"""The line between supervisor and worker: messages over a stream."""

from __future__ import annotations

from collections import deque

import trio

from honeystack.workers.messages import Kind, Unframer, frame

READ = 1 << 18  # bytes at once


class Line:
    """Several tasks may send, one reads. Over a broken stream `send` raises trio.BrokenResourceError."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._sending = trio.Lock()
        self._unframer = Unframer()
        self._heard: deque[tuple[Kind, bytes]] = deque()

    async def send(self, kind: Kind, body: bytes = b"") -> None:
        """Wait until the message is on its way, which it is not while the other side does not read.

        Cancelled half-way it spoils the line: who goes on afterwards shields it.
        """
        async with self._sending:
            await self._stream.send_all(frame(kind, body))

    def __aiter__(self) -> Line:
        """The messages of the other side, until it is gone. Raises Malformed."""
        return self

    async def __anext__(self) -> tuple[Kind, bytes]:
        while not self._heard:
            try:
                data = await self._stream.receive_some(READ)
            except trio.BrokenResourceError:  # it died with something unread
                data = b""
            if not data:
                raise StopAsyncIteration
            self._heard += self._unframer.feed(data)
        return self._heard.popleft()

    async def aclose(self) -> None:
        await self._stream.aclose()
