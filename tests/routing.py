"""A router with a plan, and a peer that visits it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing

from honeystack.config.model import PortEntry
from honeystack.config.ports import parse_port
from honeystack.net.address import Endpoint
from honeystack.net.limits import Limits
from honeystack.reception import CaptureLimits
from honeystack.router import Router
from honeystack.services.banner import Banner
from honeystack.services.echo import Echo
from honeystack.services.http import Http
from honeystack.testing.conversations import LOCAL, Meeting
from honeystack.tls.certificates import Certificate

ALL = {"web": Http(), "echo": Echo(), "ftp": Banner(text="220\r\n")}


def entry(ports: str, *services: str, certificate: Certificate | None = None) -> PortEntry:
    return PortEntry(tuple(parse_port(text) for text in ports.split()), services, certificate)


def make(
    meeting: Meeting,
    ports: Sequence[PortEntry],
    services: Mapping[str, Any] | None = None,
    *,
    limits: Limits | None = None,
    **capture: Any,
) -> Router:
    kept, rng = CaptureLimits(**capture), random.Random(1)
    return Router(ports, services or {}, recorder=meeting.recorder, capture=kept, limits=limits, rng=rng)


@asynccontextmanager
async def visiting(router: Router, meeting: Meeting, *, port: int = 80) -> AsyncIterator[Any]:
    """A peer's stream to a port, whose conversation is over at the end of the block."""
    client, peer = meeting.conversation(local=Endpoint(LOCAL.address, port))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(router.converse, peer)
        yield client
        await client.aclose()


def told(meeting: Meeting) -> list[str]:
    return [f"{event.category}/{event.fields.get('tls.stage', event.type)}" for event in meeting.events]
