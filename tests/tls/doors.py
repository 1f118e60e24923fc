"""A client and the stream that serves it, over memory."""

from __future__ import annotations

import random
import ssl

import trio
import trio.testing

from honeystack.tls.acceptor import accept_tls
from honeystack.tls.certificates import Certificate
from honeystack.tls.machine import TlsMachine
from honeystack.tls.stream import TlsStream
from tests.tls.peers import hello_in, profile_for

Pair = tuple[TlsStream, TlsStream]


class Door:
    """Accepts one client over a pipe as the router would."""

    def __init__(self, certificate: Certificate, *, alpn: tuple[str, ...] = ()) -> None:
        self.certificate = certificate
        self.alpn = alpn
        self.rng = random.Random(17)

    async def accept(self, pipe: trio.abc.HalfCloseableStream) -> TlsStream:
        first = b""
        while hello_in(first) is None:
            first += await pipe.receive_some()
        profile = profile_for(self.certificate, first, self.rng, self.alpn)
        return await accept_tls(pipe, self.certificate, first=first, profile=profile)

    async def connect(self, context: ssl.SSLContext) -> Pair:
        """A client that is a TlsStream too, and the stream that serves it."""
        ours, theirs = trio.testing.memory_stream_pair()
        client = TlsStream(theirs, TlsMachine(lambda _: context, server_side=False))
        served: list[TlsStream] = []

        async def serve() -> None:
            served.append(await self.accept(ours))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            nursery.start_soon(client.finish_handshake)
        return client, served[0]
