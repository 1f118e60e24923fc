"""A sensor at one end of a cable in memory, and a peer with a stack of its own at the other."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import trio

from honeystack.config.model import PortEntry
from honeystack.config.ports import parse_port
from honeystack.events.event import Event
from honeystack.events.recorder import Recorder
from honeystack.listeners.netstack import serve
from honeystack.net.address import AddressSet, Path
from honeystack.net.attachment import Attachment
from honeystack.net.limits import Limits
from honeystack.net.link import ReceivedFrame
from honeystack.net.settings import StackSettings
from honeystack.net.stack import Stack
from honeystack.net.stream import TcpStream
from honeystack.netstack import Netstack, open_netstack
from honeystack.reception import CaptureLimits
from honeystack.router import Router
from honeystack.testing import MemoryLink, RecordingPublisher, memory_link_pair
from tests.net.frames import packed

PEER, SENSOR = ("192.0.2.1", "2001:db8::1"), ("192.0.2.2", "2001:db8::2")


def entry(ports: str | Sequence[str], *services: str, certificate: Any = None) -> PortEntry:
    texts = [ports] if isinstance(ports, str) else ports
    return PortEntry(tuple(parse_port(text) for text in texts), services, certificate)


def router(
    publisher: RecordingPublisher,
    ports: Sequence[PortEntry] = (),
    services: Mapping[str, Any] | None = None,
    *,
    capture: CaptureLimits | None = None,
) -> Router:
    numbers = itertools.count()
    recorder = Recorder(publisher, clock=trio.current_time, new_id=lambda: f"id-{next(numbers):06}")
    return Router(ports, services or {}, recorder=recorder, capture=capture or CaptureLimits(), rng=random.Random(1))


@attrs.define
class Place:
    """A peer, what the sensor has recorded, and its way of stopping."""

    peer: Netstack
    publisher: RecordingPublisher
    link: MemoryLink
    router: Router
    sensor: trio.CancelScope
    peer_mac: bytes

    async def connect(self, port: int, *, version: int = 4) -> TcpStream:
        return await self.peer.connect_tcp(SENSOR[0 if version == 4 else 1], port, mac=self.link.mac)

    def inject(self, frame: bytes) -> None:
        """Let a frame arrive at the sensor."""
        self.link.deliver(ReceivedFrame(frame))

    def path(self, version: int = 4) -> Path:
        """As the sensor sees frames of the peer."""
        which = 0 if version == 4 else 1
        return Path(version, packed(SENSOR[which]), packed(PEER[which]), self.link.mac, self.peer_mac)

    def told(self) -> list[str]:
        return [f"{event.category}/{event.type}" for event in self.publisher.events]

    def of(self, connection: TcpStream) -> list[Event]:
        """The events with a connection's remote port."""
        port = connection.local.port
        return [e for e in self.publisher.events if e.identity is not None and e.identity.source_port == port]


@asynccontextmanager
async def place(
    ports: Sequence[PortEntry] = (),
    services: Mapping[str, Any] | None = None,
    *,
    capture: CaptureLimits | None = None,
    limits: Limits | None = None,
    sniffer: bool = False,
) -> AsyncIterator[Place]:
    limits = limits or Limits()
    publisher = RecordingPublisher()
    ours, theirs = memory_link_pair(record=True)
    settings = StackSettings(ours.mac, AddressSet(SENSOR), limits=limits, secret=bytes(32), sniffer=sniffer)
    attachment = Attachment(Stack(settings, rng=random.Random(2)), ours)
    reception = router(publisher, ports, services, capture=capture)
    run = partial(serve, attachment, reception, limits=limits, rng=random.Random(3))
    async with (
        open_netstack(link=theirs, addresses=PEER, rng=random.Random(4)) as peer,
        trio.open_nursery() as nursery,
    ):
        scope = await nursery.start(_scoped, run)
        yield Place(peer, publisher, ours, reception, scope, theirs.mac)
        nursery.cancel_scope.cancel()


async def _scoped(run: Any, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            task_status.started(scope)
