"""Streams over two stacks and a cable in memory: Trio's own checks, and what they do not look at."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import pytest
import trio
import trio.testing

from honeystack.net.limits import Limits
from honeystack.net.notices import CloseReason
from honeystack.net.stream import ConnectionEnded, TcpStream
from honeystack.netstack import Netstack, TcpListener, open_netstack
from honeystack.testing import Impairment, MemoryLink, memory_link_pair

SMALL = Limits(send_buffer=16 * 1024, receive_buffer=16 * 1024)
CLIENT, SERVER = ("192.0.2.1", "2001:db8::1"), ("192.0.2.2", "2001:db8::2")


@attrs.define
class House:
    """A client, a server that listens on every port, and the cable between them."""

    client: Netstack
    server: Netstack
    listener: TcpListener
    links: tuple[MemoryLink, MemoryLink]

    async def pair(self, version: int = 4) -> tuple[TcpStream, TcpStream]:
        address = SERVER[0 if version == 4 else 1]
        ours: TcpStream | None = None
        async with trio.open_nursery() as nursery:

            async def connect() -> None:
                nonlocal ours
                ours = await self.client.connect_tcp(address, 80, mac=self.links[1].mac)

            nursery.start_soon(connect)
            theirs = await self.listener.accept()
        assert ours is not None
        return ours, theirs


@asynccontextmanager
async def house(
    impairment: Impairment | None = None, *, seed: int = 0, limits: Limits | None = None
) -> AsyncIterator[House]:
    links = memory_link_pair(impairment, seed=seed)
    async with AsyncExitStack() as room:
        client, server = [
            await room.enter_async_context(
                open_netstack(link=link, addresses=addresses, limits=limits, rng=random.Random(seed + number))
            )
            for number, (link, addresses) in enumerate(zip(links, (CLIENT, SERVER), strict=True))
        ]
        yield House(client, server, await server.open_tcp_listener(None), links)


async def test_trios_own_checks_hold(autojump_clock: trio.testing.MockClock) -> None:
    async with house(limits=SMALL) as at:

        async def clogged() -> tuple[TcpStream, TcpStream]:
            ours, theirs = await at.pair()
            with trio.move_on_after(10):
                while True:
                    await ours.send_all(bytes(65536))
            with trio.move_on_after(10):
                while True:
                    await theirs.send_all(bytes(65536))
            return ours, theirs

        await trio.testing.check_half_closeable_stream(at.pair, clogged)
