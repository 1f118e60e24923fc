"""Random and mutated frames: each is counted once, none is a fault, and a living connection is unharmed."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.net.address import Exclusions, parse_port_range
from honeystack.net.notices import Accepted, Fault
from honeystack.net.wire.ethernet import encode_ethernet
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.tcp import ACK, PSH
from tests.net.frames import (
    ASK,
    BROADCAST,
    FATES,
    PATH4,
    PATH6,
    PEER4,
    PEER6,
    PEER_MAC,
    arp_frame,
    established,
    icmp_frame,
    ip_frame,
    make_stack,
    notices,
    packed,
    ping_frame,
    segment,
    syn_frame,
    udp_frame,
)

SAMPLES: list[Callable[[], bytes]] = [
    lambda: arp_frame(ASK),
    lambda: arp_frame(ASK, vlan=3),
    lambda: syn_frame(PATH4),
    lambda: syn_frame(PATH6),
    lambda: syn_frame(PATH6._replace(vlan=3)),
    lambda: udp_frame(PATH4, b"payload"),
    lambda: udp_frame(PATH6, b"payload"),
    lambda: ping_frame(PATH4),
    lambda: ping_frame(PATH6),
    lambda: ip_frame(PATH4, 2, b"\x11\0\0\0\0\0\0\0"),
    lambda: ip_frame(PATH4, 132, bytes(20)),
    lambda: ip_frame(PATH6, 60, b"\x11\0\x01\x04\0\0\0\0" + bytes(8)),
    lambda: ip_frame(PATH6, 44, b"\x11\0\0\x01\0\0\0\x09" + bytes(16)),
    lambda: ip_frame(PATH4, 17, bytes(24), fragment=0x2000),
    lambda: icmp_frame(PATH6, IcmpMessage(135, 0, 0, PATH6.local), ttl=255),
    lambda: icmp_frame(PATH4, IcmpMessage(3, 4, 1400, ip_frame(PATH4, 6, bytes(20))[14:])),
    lambda: icmp_frame(PATH6, IcmpMessage(2, 0, 1400, ip_frame(PATH6, 6, bytes(20))[14:])),
    lambda: encode_ethernet(BROADCAST, PEER_MAC, 0x88B5) + bytes(46),
]


class Fuzz:
    """A stack with one living connection, which is to be unharmed at the end, and the count of frames given to it."""

    def __init__(self) -> None:
        self.stack = make_stack(sniffer=True, exclusions=Exclusions((parse_port_range("tcp/22"),)))
        self.seq, self.ack = established(self.stack, PATH4)
        (self.connection,) = (n.connection for n in notices(self.stack) if isinstance(n, Accepted))
        self.frames = 2

    def give(self, octets: bytes, now: float = 2.0, **options: object) -> None:
        self.stack.receive_frame(octets, now, **options)  # type: ignore[arg-type]
        self.frames += 1
        self.stack.poll_transmit(now)
        for notice in notices(self.stack):
            if isinstance(notice, Fault):
                raise notice.error

    def check(self) -> None:
        statistics = self.stack.statistics()
        assert statistics["frames_in"] == self.frames == sum(statistics[name] for name in FATES)
        assert statistics["faults"] == 0
        self.stack.handle_timeout(100.0)
        self.give(ip_frame(PATH4, 6, segment(PATH4, ACK | PSH, self.seq, self.ack, b"still here")), 100.0)
        assert self.connection.receive(100, 100.0) == b"still here"


def test_ten_thousand_random_byte_strings() -> None:
    fuzz, rng = Fuzz(), random.Random(1)
    for _ in range(10_000):
        fuzz.give(rng.randbytes(rng.choice([0, 13, 14, 20, 42, 60, 100])))
    fuzz.check()


def test_random_bytes_behind_true_headers() -> None:
    fuzz, rng = Fuzz(), random.Random(2)
    for _ in range(3_000):
        path = rng.choice([PATH4, PATH6])
        remote = rng.choice([PEER4, packed("10.0.0.3")] if path.version == 4 else [PEER6, bytes(16)])
        protocol = rng.choice([0, 1, 2, 17, 41, 43, 44, 47, 51, 58, 59, 60, 132, 255])
        fuzz.give(
            ip_frame(
                path._replace(remote=remote), protocol, rng.randbytes(rng.randrange(90)), ttl=rng.choice([1, 64, 255])
            )
        )
    fuzz.check()


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_mutated_frames(number: int) -> None:
    """Each byte, and then several at once; from another port and peer than the living connection's."""
    fuzz, rng, sample = Fuzz(), random.Random(number), SAMPLES[number]()
    sample = sample.replace(b"\x9c\x40\0\x50", b"\x9c\x41\0\x50")
    for _ in range(300):
        octets = bytearray(sample)
        for _ in range(rng.choice([1, 1, 2, 5])):
            octets[rng.randrange(len(octets))] = rng.randrange(256)
        if rng.random() < 0.2:
            octets = octets[: rng.randrange(len(octets))]
        vlan = rng.choice([None, None, 5])
        fuzz.give(bytes(octets), checksum=rng.choice(list(ChecksumState)), vlan=vlan)
    fuzz.check()


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=80) | st.sampled_from(SAMPLES).map(lambda make: make()), max_size=30))
def test_the_fates_add_up(frames: list[bytes]) -> None:
    fuzz = Fuzz()
    for octets in frames:
        fuzz.give(octets.replace(b"\x9c\x40\0\x50", b"\x9c\x41\0\x50"))
    fuzz.check()
