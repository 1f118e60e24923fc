"""Floods from invented sources: few events, all of them counted, and a guest is served in between."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest

from honeystack.net.interface import interface_facts
from tests.live import packets
from tests.live.arena import ECHO, INTERFACE, LISTENER, V4, Arena, Event, honeypot, inside
from tests.live.packets import FIN, SYN

pytestmark = pytest.mark.live

SOURCES = 10_000
BATCH = 200  # frames at once; between them the ring is emptied
TOLD = 50
BOUNDS = f"[listener.limits]\ntold_sources = {TOLD}\ntold_datagrams = {TOLD}\n"


@pytest.fixture
def pot(tmp_path: Path) -> Iterator[Arena]:
    with honeypot(tmp_path, ECHO, listener=LISTENER + BOUNDS) as place:
        yield place


def invented(number: int) -> bytes:
    return pack("!I", 0x0B000000 + number * 257)


def flood(place: Arena, make: str) -> None:
    """What one source sends, from very many."""
    ours = socket.inet_aton(V4)
    with inside(place.attacker), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((INTERFACE, 0))
        with inside(place.pot):
            mac = interface_facts(INTERFACE).mac
        head = mac + interface_facts(INTERFACE).mac + b"\x08\x00"
        for number in range(SOURCES):
            source = invented(number)
            for protocol, payload in FRAMES[make](source, ours, number):
                out.send(head + packets.ipv4(source, ours, protocol, payload))
            if number % BATCH == 0:
                time.sleep(0.02)  # so that nothing is lost, and all can be counted


def one_datagram(source: bytes, ours: bytes, number: int) -> list[tuple[int, bytes]]:
    return [(packets.UDP, packets.udp(source, ours, 4000, 99, b"%d" % number))]


def one_probe(source: bytes, ours: bytes, number: int) -> list[tuple[int, bytes]]:
    return [(packets.TCP, packets.tcp(source, ours, 4000, 99, FIN, seq=1))]


def one_handshake(source: bytes, ours: bytes, number: int) -> list[tuple[int, bytes]]:
    """A SYN, and the reset without which it would stay half-open for a minute."""
    syn, reset = (packets.tcp(source, ours, 4000, 99, flags, seq=seq) for flags, seq in ((SYN, 1), (packets.RST, 2)))
    return [(packets.TCP, syn), (packets.TCP, reset)]


FRAMES = {"anomaly": one_probe, "half-open": one_handshake, "payload": one_datagram}
KINDS = {"anomaly": "tcp", "half-open": "tcp", "payload": "udp"}


def total(events: list[Event], flood: str) -> int:
    """How many packets the events stand for: one where it was told by itself, which a repeat adds to."""
    first = flood != "half-open"  # these are told with their count from the first on
    return sum(event["count"] if "sources" in event or "count" in event else int(first) for event in events)


@pytest.mark.parametrize("kind", FRAMES)
def test_a_flood_makes_few_events_and_none_is_forgotten(pot: Arena, kind: str) -> None:
    began = time.monotonic()
    flood(pot, kind)
    periods = 1 + int((time.monotonic() - began) // 30 + 1)
    with inside(pot.attacker):
        guest = socket.create_connection((V4, 7), 10)
    with guest:
        guest.sendall(b"hello")
        assert guest.recv(10) == b"hello"
    bound = "told_datagrams" if kind == "payload" else "told_sources"
    assert pot.wait_events("sensor", "drop", reason=bound)[0]["limit"] == TOLD
    assert pot.stop() == 0
    told = pot.events(KINDS[kind], kind, destination_port=99)
    assert len(told) <= periods * (TOLD + 1)
    together = [event for event in told if "sources" in event]
    assert together
    assert not [event for event in together if "source-ip" in event]
    assert total(told, kind) == SOURCES
    assert sum(event["sources"] for event in together) == pytest.approx(SOURCES - TOLD, rel=0.05)
