"""Frames that make no sense cost only themselves, and every one of them is counted."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.live.arena import ECHO, INTERFACE, V4, Arena, Event, honeypot, inside
from tests.live.hostile import FRAMES, Wire, mutated

pytestmark = pytest.mark.live

BESIDE = 60  # frames of the bystander, and of the attacker's own neighbour and listener discovery
BODY = f"""
[heartbeat]
interval = 0.3
{ECHO}"""


@pytest.fixture(scope="module")
def pot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("hostile"), BODY) as place:
        yield place


@pytest.fixture(scope="module")
def wire(pot: Arena) -> Wire:
    def mac(host: object) -> bytes:
        said = host.run("cat", f"/sys/class/net/{INTERFACE}/address").stdout  # type: ignore[attr-defined]
        return bytes.fromhex(said.strip().replace(":", ""))

    return Wire(mac(pot.pot), mac(pot.attacker))


def counters(pot: Arena) -> Event:
    """The counters of a heartbeat that began after this call."""
    seen = len(pot.events("heartbeat", "info"))
    return pot.wait(
        lambda: found[seen + 1] if len(found := pot.events("heartbeat", "info")) > seen + 1 else None,
        "a heartbeat",
        within=20,
    )


def throw(pot: Arena, frames: list[bytes]) -> None:
    with inside(pot.attacker), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packet:
        packet.bind((INTERFACE, 0))
        for frame in frames:
            packet.send(frame)


def counted_frames(pot: Arena, frames: list[bytes]) -> tuple[Event, Event]:
    """Throw frames beside a connection that is open and used; the counters before and after."""
    with inside(pot.attacker):
        bystander = socket.create_connection((V4, 7), 10)
    bystander.sendall(b"before")
    assert bystander.recv(100) == b"before"
    before = counters(pot)
    throw(pot, frames)
    after = counters(pot)
    bystander.sendall(b"after")
    assert bystander.recv(100) == b"after"
    bystander.close()
    assert pot.alive
    return before, after


def total(event: Event) -> int:
    return int(event["frames.in"])


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_a_hundred_random_and_mutated_frames_of_each_protocol(
    pot: Arena, wire: Wire, make: Callable[[Wire, random.Random], bytes]
) -> None:
    rng = random.Random(7)
    frames = [mutated(make(wire, rng), rng) if number % 2 else make(wire, rng) for number in range(100)]
    before, after = counted_frames(pot, frames)
    assert len(frames) <= total(after) - total(before) <= len(frames) + BESIDE
    assert pot.events("sensor", "fault") == []


def test_ten_thousand_random_strings(pot: Arena, wire: Wire) -> None:
    rng = random.Random(8)
    frames = [wire.to_pot(rng.randbytes(2), rng.randbytes(rng.randrange(46, 1200))) for _ in range(5_000)]
    frames += [rng.randbytes(rng.randrange(14, 1200)) for _ in range(5_000)]
    before, after = counted_frames(pot, frames)
    assert len(frames) <= total(after) - total(before) <= len(frames) + BESIDE
    assert pot.events("sensor", "fault") == []


def test_every_frame_that_was_seen_is_accounted_for(pot: Arena) -> None:
    last = counters(pot)
    parts = ("answered", "delivered", "ignored", "malformed", "excluded", "faults")
    assert total(last) == sum(int(last[f"frames.{part}"]) for part in parts)
