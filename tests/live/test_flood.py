"""A flood of SYNs from a hundred thousand sources: nearly all are answered, and honest peers are served meanwhile."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from honeystack.net.address import Path as Way
from honeystack.net.interface import interface_facts
from honeystack.net.ring import Ring
from honeystack.net.wire.tcp import ACK, SYN
from tests.live.arena import ECHO, INTERFACE, V4, V6, Arena, honeypot, inside
from tests.net.frames import packed
from tests.net.syns import OPTIONS, syn

pytestmark = [pytest.mark.live, pytest.mark.alone]

SOURCES, PIECE = 100_000, 250  # frames; a piece is sent at once
PAUSE = 0.003  # seconds between pieces, in which others have the machine


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("flood"), ECHO) as place:
        yield place


class Flood:
    """Sends from the attacker's machine until all is sent, and counts whom SYN-ACKs go to."""

    def __init__(self, place: Arena) -> None:
        with inside(place.attacker):
            self._link = Ring(INTERFACE)
        with inside(place.pot):
            mac = interface_facts(INTERFACE).mac
        self.answered: set[bytes] = set()
        rng, mine = random.Random(1), self._link.mac
        self._frames = []
        for number in range(SOURCES):
            if number % 10:
                way = Way(4, packed(V4), (0xC6120000 + number).to_bytes(4, "big"), mac, mine)
            else:
                way = Way(6, packed(V6), packed("2001:db8:77::")[:12] + number.to_bytes(4, "big"), mac, mine)
            self._frames.append(syn(way, rng.randrange(1024, 65536), 7, rng.getrandbits(32), OPTIONS[number % 5]))
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Flood:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._link.close()

    @property
    def under_way(self) -> bool:
        return self._thread.is_alive()

    def _send(self) -> None:
        for start in range(0, SOURCES, PIECE):
            self._link.send(self._frames[start : start + PIECE])
            self._count()
            time.sleep(PAUSE)
        for _ in range(20):
            time.sleep(0.05)
            self._count()

    def _count(self) -> None:
        while frames := self._link.receive():
            for frame, _, _ in frames:
                six = frame[12:14] == b"\x86\xdd"
                flags = frame[67 if six else 47 :][:1]  # none in what is shorter, as ARP is
                if flags and flags[0] & (SYN | ACK) == SYN | ACK:
                    self.answered.add(frame[38:54] if six else frame[30:34])


def echoes(peer: socket.socket, text: bytes) -> bool:
    peer.sendall(text)
    return peer.recv(100) == text


def test_honest_peers_are_served_during_a_flood(place: Arena) -> None:
    with inside(place.attacker):
        living = socket.create_connection((V4, 7), 10)
    assert echoes(living, b"before")
    flood, served = Flood(place), 0
    with flood:
        time.sleep(0.3)  # the table of handshakes is full by then
        while flood.under_way:
            with inside(place.attacker):
                peer = socket.create_connection(((V4, V6)[served % 2], 7), 10)
            with peer:
                assert echoes(peer, b"honest")
            assert echoes(living, b"still")
            served += 1
    living.close()
    assert served >= 10
    assert len(flood.answered) >= SOURCES * 0.9
    connects = place.wait_events("tcp", "connect", served + 1, destination_port=7)
    with_cookies = [event for event in connects if event.get("tcp.syn.cookie")]
    assert len(with_cookies) >= served // 2
    assert len({event["tcp.syn.wscale"] for event in connects}) == 1  # those of cookies came back in the timestamps
    assert place.wait_events("sensor", "drop", reason="half_open")
    assert not place.events("sensor", "fault")


def test_a_scan_during_a_flood_is_told(place: Arena) -> None:
    with Flood(place) as flood:
        time.sleep(0.3)
        with inside(place.attacker):
            for port in range(1000, 1020):
                socket.create_connection((V4, port), 10).close()
        assert flood.under_way
    scan = place.wait_events("portscan", "portscan", source_ip="192.0.2.2", within=40)[0]
    assert scan["portscan.count"] >= 20
