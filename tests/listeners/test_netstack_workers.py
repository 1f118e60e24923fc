"""The netstack listener as one of several workers, over a cable in memory."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import pytest
import trio
import trio.testing

from honeystack.listeners import netstack
from honeystack.listeners.netstack import MOST_WORKERS, Netstack
from honeystack.listeners.socket import Socket
from honeystack.net.address import AddressSet
from honeystack.net.attachment import Attachment, AttachmentSettings
from honeystack.net.settings import StackSettings
from honeystack.net.stack import Stack
from honeystack.netstack import open_netstack
from honeystack.testing import RecordingPublisher, memory_link_pair
from tests.listeners.places import PEER, SENSOR, router


@pytest.mark.parametrize(
    ("workers", "cores"), [(1, (None,)), (3, (None, None, None)), ("auto", (1, 4, 6))], ids=["one", "three", "auto"]
)
def test_each_worker_has_a_core_where_that_is_automatic(
    workers: int | Literal["auto"], cores: tuple[int | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 6, 1})
    assert Netstack(interface="eth0", workers=workers).cores == cores


@pytest.mark.parametrize("workers", [0, -1, MOST_WORKERS + 1])
def test_a_number_of_workers_that_cannot_be_is_refused(workers: int) -> None:
    with pytest.raises(ValueError, match="1 to 256 workers"):
        Netstack(interface="eth0", workers=workers)


@pytest.mark.parametrize("workers", [2, "auto"])
def test_the_listener_on_sockets_is_one_process(workers: int | Literal["auto"]) -> None:
    with pytest.raises(ValueError, match='workers = 1, or type = "netstack"'):
        Socket(workers=workers)
    Socket(workers=1)


async def test_a_worker_answers_on_its_tap_with_the_secret_of_all(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = memory_link_pair()
    told: list[object] = []
    tap: Any = object()

    @contextmanager
    def attach_tap(
        settings: AttachmentSettings, tap: object, *, rng: Any, secret: bytes, withheld: Sequence[str]
    ) -> Iterator[Attachment]:
        told.extend([settings.interface, tap, secret, withheld])
        stack = Stack(StackSettings(ours.mac, AddressSet(SENSOR), secret=secret), rng=random.Random(1))
        try:
            yield Attachment(stack, ours)
        finally:
            told.append("down")

    monkeypatch.setattr(netstack, "attach_tap", attach_tap)
    publisher = RecordingPublisher()
    listener = Netstack(interface="eth0", workers=2, exclude_ports=("tcp/22",))
    run = partial(listener.run_worker, tap=tap, secret=bytes(32), withheld=("192.0.2.7",))
    async with open_netstack(link=theirs, addresses=PEER) as peer, trio.open_nursery() as nursery:
        await nursery.start(run, router(publisher))
        assert told == ["eth0", tap, bytes(32), ("192.0.2.7",)]
        stream = await peer.connect_tcp(SENSOR[0], 4711, mac=ours.mac)
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b""
        nursery.cancel_scope.cancel()
    assert told[-1] == "down"
    assert [event.type for event in publisher.events] == ["connect", "payload", "close"]
