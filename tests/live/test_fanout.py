"""Several rings on one interface: each peer's frames in one of them, and a ring whose reader has died goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from honeystack.net.address import AddressSet, Path
from honeystack.net.fanout import Spread, open_taps
from honeystack.net.ring import Ring, Tap
from honeystack.net.wire.tcp import ACK, SYN
from tests.live.arena import inside
from tests.live.cottage import PEER4, POT4, Cottage, cottage
from tests.net.frames import ip_frame, packed, segment

pytestmark = pytest.mark.live

SOURCES = [f"192.0.2.{number}" for number in range(100, 116)]


@pytest.fixture(scope="module")
def place() -> Iterator[Cottage]:
    with cottage() as place:
        for source in SOURCES:
            place.peer.run("ip", "address", "add", f"{source}/24", "dev", "eth0")
        place.peer.run("ping", "-c", "1", POT4)
        yield place


class Workers:
    """Taps in the pot, and the rings that were made on them."""

    def __init__(self, place: Cottage, taps: list[Tap]) -> None:
        self.taps = taps
        self._place = place
        self._rings: list[Ring] = []

    def ring(self, tap: Tap) -> Ring:
        with inside(self._place.pot):
            self._rings.append(Ring("eth0", tap=tap))
        return self._rings[-1]

    def close(self) -> None:
        for each in (*self._rings, *self.taps):
            each.close()


@contextlib.contextmanager
def taps(place: Cottage, count: int, spread: Spread) -> Iterator[Workers]:
    with inside(place.pot):
        opened = open_taps("eth0", count, addresses=AddressSet(), all_multicast=False, spread=spread, seed=0x5EED)
    with contextlib.closing(Workers(place, opened)) as workers:
        yield workers


def sources_in(link: Ring) -> list[str]:
    """The sources of the pings that have arrived, one for each."""
    found = []
    while frames := link.receive():
        ip = [frame.data[14:] for frame in frames if frame.data[12:14] == b"\x08\x00" and frame.data[23] == 1]
        found += [".".join(map(str, packet[12:16])) for packet in ip]
    return found


def ping(place: Cottage, *sources: str) -> None:
    for source in sources:
        place.peer.run("ping", "-c", "2", "-i", "0.01", "-I", source, POT4)


def test_each_peer_has_one_ring_and_no_frame_is_lost_or_doubled(place: Cottage) -> None:
    with taps(place, 2, "sources") as opened:
        links = [opened.ring(tap) for tap in opened.taps]
        ping(place, *SOURCES)
        one, other = (sources_in(link) for link in links)
        assert sorted(one + other) == sorted(SOURCES * 2)
        assert not set(one) & set(other)
        assert one
        assert other


def test_the_syns_of_a_peer_are_where_its_other_packets_are(place: Cottage) -> None:
    with inside(place.peer):
        sender = Ring("eth0")
    with taps(place, 2, "sources") as opened:
        links = [opened.ring(tap) for tap in opened.taps]
        for number in range(64):
            path = Path(4, packed(POT4), packed(f"198.18.0.{number}"), links[0].mac, sender.mac)
            sender.send([ip_frame(path, 6, segment(path, flags, 1, 1)) for flags in (SYN, ACK)])
        found = [[frame.data for frame in link.receive() if frame.data[26:28] == b"\xc6\x12"] for link in links]
        for frames in found:
            by_flags = [sorted(data[26:30] for data in frames if data[47] == flags) for flags in (SYN, ACK)]
            assert by_flags[0] == by_flags[1] != []
        assert sum(map(len, found)) == 128
    sender.close()


def test_nothing_comes_before_a_ring_has_taken_the_tap_over(place: Cottage) -> None:
    with taps(place, 2, "sources") as opened:
        ping(place, *SOURCES)
        links = [opened.ring(tap) for tap in opened.taps]
        assert not [source for link in links for source in sources_in(link)]


def test_a_ring_whose_reader_died_goes_on_where_it_stopped(place: Cottage) -> None:
    with taps(place, 1, "sources") as opened:
        first = opened.ring(opened.taps[0])
        ping(place, PEER4)
        assert sources_in(first) == [PEER4] * 2
        ping(place, SOURCES[0])
        second = opened.ring(opened.taps[0])  # the first is as good as dead: it reads no more
        ping(place, SOURCES[1])
        assert sources_in(second) == [SOURCES[0]] * 2 + [SOURCES[1]] * 2


def test_a_ring_taken_over_empty_finds_the_next_frame(place: Cottage) -> None:
    with taps(place, 1, "sources") as opened:
        first = opened.ring(opened.taps[0])
        ping(place, PEER4)
        assert sources_in(first)
        second = opened.ring(opened.taps[0])
        ping(place, SOURCES[2])
        assert second.receive() == []  # it looks where the kernel is
        assert sources_in(second) == [SOURCES[2]] * 2


def test_flows_of_one_peer_may_go_to_both(place: Cottage) -> None:
    with taps(place, 2, "flows") as opened:
        links = [opened.ring(tap) for tap in opened.taps]
        place.peer.run("nmap", "-sS", "-n", "-Pn", "-p", "1000-1099", "--max-retries", "0", POT4)
        counts = [sum(frame.data[23] == 6 for frame in link.receive(1000)) for link in links]
        assert sum(counts) >= 100
        assert min(counts) > 20
