"""Duplicate address detection: what is asked, when it is over, and what counts as an answer."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.duplicates import DuplicateDetection
from honeystack.net.wire import icmpv6, ipv6
from honeystack.net.wire.arp import REPLY, REQUEST, Arp, decode_arp, encode_arp
from honeystack.net.wire.ethernet import ARP, BROADCAST, IPV6, decode_ethernet, encode_ethernet
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.icmpv6 import Neighbour
from tests.net.frames import OUR_MAC, PEER4, PEER_MAC, US4, US6, packed

NOBODY4, NOBODY6 = bytes(4), bytes(16)
STRANGER = packed("2001:db8::9")
EPSILON = 1e-9


class Bench:
    """The machine in virtual time; `probes` are what it has sent, with the times."""

    def __init__(self, *addresses: bytes, seed: int = 1) -> None:
        self.machine = DuplicateDetection(addresses, mac=OUR_MAC, rng=random.Random(seed), now=100.0)
        self.probes: list[tuple[float, bytes]] = []

    def run(self, until: float = 1000.0) -> float | None:
        """Do all that is due until then; when it was over."""
        over = None
        while (at := self.machine.poll_timeout()) is not None and at <= until:
            self.machine.handle_timeout(at)
            self.probes += [(at, frame) for frame in self.machine.poll_transmit()]
            over = at
        return over

    def hear(self, frame: bytes, **how: object) -> dict[bytes, bytes]:
        self.machine.receive_frame(frame, **how)  # type: ignore[arg-type]
        return self.machine.conflicts


def arp_frame(operation: int, sender: bytes, target: bytes, mac: bytes = PEER_MAC, source: bytes = PEER_MAC) -> bytes:
    return encode_ethernet(BROADCAST, source, ARP) + encode_arp(Arp(operation, mac, sender, bytes(6), target))


def neighbour_frame(
    kind: int, source: bytes, target: bytes = US6, *, option: bytes | None = None, hop_limit: int = 255
) -> bytes:
    message = icmpv6.encode_neighbour(kind, Neighbour(target, 0, option))
    return icmp6_frame(message, source, hop_limit=hop_limit)


def icmp6_frame(message: IcmpMessage, source: bytes, *, hop_limit: int = 255, protocol: int = 58) -> bytes:
    body = icmpv6.encode_icmpv6(message, source, icmpv6.ALL_NODES)
    header = ipv6.encode_ipv6(source, icmpv6.ALL_NODES, protocol, len(body), hop_limit=hop_limit)
    return encode_ethernet(b"\x33\x33\0\0\0\x01", PEER_MAC, IPV6) + header + body


NS, NA = icmpv6.NEIGHBOUR_SOLICITATION, icmpv6.NEIGHBOUR_ADVERTISEMENT


def test_ipv4_is_asked_for_three_times_within_a_second() -> None:
    bench = Bench(US4)
    over = bench.run()
    assert over is not None
    assert over <= 101.0 + EPSILON
    assert len(bench.probes) == 3
    for _, frame in bench.probes:
        ethernet = decode_ethernet(frame)
        assert (ethernet.destination, ethernet.source) == (BROADCAST, OUR_MAC)
        assert decode_arp(frame[14:]) == Arp(REQUEST, OUR_MAC, NOBODY4, bytes(6), US4)  # RFC 5227 §2.1.1
    times = [at for at, _ in bench.probes]
    assert all(later - earlier >= 0.25 - EPSILON for earlier, later in itertools.pairwise(times))
    assert over - times[-1] >= 0.25 - EPSILON
    assert bench.machine.conflicts == {}


def test_ipv6_is_asked_for_once_and_a_second_is_waited() -> None:
    bench = Bench(US6)
    over = bench.run()
    ((at, frame),) = bench.probes
    assert over == at + 1.0
    packet = ipv6.decode_ipv6(memoryview(frame)[14:])
    assert (packet.source, packet.destination, packet.hop_limit) == (NOBODY6, icmpv6.solicited_node(US6), 255)
    message = icmpv6.decode_icmpv6(frame[54:], packet.source, packet.destination)
    assert icmpv6.decode_neighbour(message) == Neighbour(US6, 0, None)  # RFC 4862 §5.4.2: no source link address
    assert frame[:6] == b"\x33\x33\xff" + US6[13:]


def test_without_addresses_it_is_over_at_once() -> None:
    assert Bench().run() is None


CLAIMS = {
    "reply": (US4, arp_frame(REPLY, US4, NOBODY4)),
    "request by the owner": (US4, arp_frame(REQUEST, US4, PEER4)),
    "announcement": (US4, arp_frame(REQUEST, US4, US4)),
    "probe of another": (US4, arp_frame(REQUEST, NOBODY4, US4)),
    "advertisement": (US6, neighbour_frame(NA, US6, option=PEER_MAC)),
    "advertisement without its address": (US6, neighbour_frame(NA, STRANGER)),
    "solicitation from nobody": (US6, neighbour_frame(NS, NOBODY6)),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_what_tells_that_another_has_the_address(name: str) -> None:
    address, frame = CLAIMS[name]
    bench = Bench(US4, US6)
    bench.run(until=100.2)
    assert bench.hear(frame) == {address: PEER_MAC}
    asked = len(bench.probes)
    bench.run()
    later = [frame for _, frame in bench.probes[asked:]]
    assert all(address not in (frame[38:42], frame[62:78]) for frame in later)  # it is not asked for any more
    assert bench.hear(arp_frame(REPLY, US4, NOBODY4, mac=b"\x02\0\0\0\0\x77")).get(address) in (PEER_MAC, None)


SILENT = {
    "another's address": arp_frame(REPLY, PEER4, US4),
    "a question by somebody": arp_frame(REQUEST, PEER4, US4),
    "a reply from nobody": arp_frame(REPLY, NOBODY4, US4),
    "our own probe come back": arp_frame(REQUEST, NOBODY4, US4, mac=OUR_MAC, source=OUR_MAC),
    "our own probe from another's port": arp_frame(REQUEST, NOBODY4, US4, mac=OUR_MAC),
    "a neighbour's question": neighbour_frame(NS, STRANGER, option=PEER_MAC),
    "an advertisement from afar": neighbour_frame(NA, US6, hop_limit=254),
    "an advertisement of another": neighbour_frame(NA, STRANGER, STRANGER),
    "an echo": icmp6_frame(IcmpMessage(128, 0, 1, b"x"), US6),
    "another protocol": icmp6_frame(IcmpMessage(NA, 0, 0, US6), US6, protocol=59),
    "a broken advertisement": icmp6_frame(IcmpMessage(NA, 1, 0, US6), US6),
    "cut off": arp_frame(REPLY, US4, NOBODY4)[:-1],
    "no frame": b"",
    "another EtherType": encode_ethernet(OUR_MAC, PEER_MAC, 0x0800) + bytes(40),
    "a wrong checksum": neighbour_frame(NA, US6)[:57] + b"\xff" + neighbour_frame(NA, US6)[58:],
}


@pytest.mark.parametrize("name", SILENT)
def test_what_tells_of_no_conflict(name: str) -> None:
    assert Bench(US4, US6).hear(SILENT[name]) == {}


def test_a_fragment_of_an_advertisement_is_none() -> None:
    """RFC 6980: neighbour discovery does not come in fragments."""
    whole = neighbour_frame(NA, US6)
    piece = whole[:20] + b"\x2c" + whole[21:54] + b"\x3a\0\0\x01\0\0\0\x07" + whole[54:]
    piece = piece[:18] + (len(piece) - 54).to_bytes(2, "big") + piece[20:]
    assert Bench(US6).hear(piece) == {}


def test_frames_of_a_vlan_are_of_another_link() -> None:
    bench = Bench(US4)
    assert bench.hear(arp_frame(REPLY, US4, NOBODY4), vlan=7) == {}
    assert bench.hear(arp_frame(REPLY, US4, NOBODY4)) != {}


def test_a_checksum_that_the_kernel_vouches_for_is_not_looked_at() -> None:
    broken = SILENT["a wrong checksum"]
    assert Bench(US6).hear(broken, checksum=ChecksumState.VALID) != {}


def test_all_taken_is_over_at_once() -> None:
    bench = Bench(US4)
    bench.hear(CLAIMS["reply"][1])
    assert bench.machine.poll_timeout() is None


def test_a_claim_while_it_is_due_is_not_asked_against() -> None:
    bench = Bench(US4)
    bench.hear(CLAIMS["reply"][1])
    bench.machine.handle_timeout(200.0)
    assert bench.machine.poll_transmit() == []


@given(st.binary(max_size=120))
def test_any_frame_is_taken(frame: bytes) -> None:
    Bench(US4, US6).hear(frame)


@given(st.sets(st.integers(1, 200), max_size=40), st.integers(0, 99))
def test_however_many_each_is_asked_for_and_all_is_over_within_the_same_time(hosts: set[int], seed: int) -> None:
    bench = Bench(
        *(bytes([10, 0, 0, host]) for host in hosts), *(US6[:-1] + bytes([host]) for host in hosts), seed=seed
    )
    over = bench.run()
    assert (over or 100.0) <= 101.06
    assert len(bench.probes) == 4 * len(hosts)
