"""Asking for neighbours: when, how often, in which words, and never without bound."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.address import AddressSet
from honeystack.net.limits import Limits
from honeystack.net.neighbours import Neighbours
from honeystack.net.notices import BoundReached
from honeystack.net.output import Output
from honeystack.net.reachability import (
    DELAY_SECONDS,
    REACHABLE_SECONDS,
    SOLICITATIONS,
    Condition,
    Reachability,
)
from honeystack.net.stack import Stack
from honeystack.net.wire.arp import REPLY, REQUEST, Arp, decode_arp
from honeystack.net.wire.ethernet import ARP, IPV6, decode_ethernet
from honeystack.net.wire.icmpv6 import (
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    SOLICITED,
    Neighbour,
    decode_icmpv6,
    decode_neighbour,
    encode_neighbour,
    solicited_node,
)
from honeystack.net.wire.tcp import ACK
from tests.net.frames import (
    ADDRESSES,
    BROADCAST,
    OUR_MAC,
    PATH4,
    PATH6,
    PATHS,
    PEER4,
    PEER6,
    PEER_MAC,
    US4,
    US6,
    arp_frame,
    every_notice,
    icmp_payload,
    ip_frame,
    make_stack,
    packed,
    ping_frame,
    syn_frame,
)

LINKS = AddressSet(["10.0.0.0/24", "2001:db8::/64", "fe80::/64"])
BEYOND = {4: packed("198.51.100.7"), 6: packed("2001:db8:ffff::7")}
SLOT = 0.02  # timers are at most a slot late


class Bench:
    def __init__(self, limit: int = 10) -> None:
        self.output = Output(mtu=1500, ttl=64, rng=random.Random(1))
        self.neighbours = Neighbours(self.output, addresses=ADDRESSES, mac=OUR_MAC, limit=limit)
        self.machine = Reachability(
            self.output, self.neighbours, links=LINKS, mac=OUR_MAC, limit=limit, rng=random.Random(1)
        )

    def until(self, end: float) -> list[tuple[float, bytes]]:
        """All frames, with their times, that timers send until then."""
        frames = [(0.0, frame) for frame in self.output.drain()]
        at = self.machine.next_deadline()
        while at is not None and at <= end:
            self.machine.handle_timeout(at)
            frames += [(at, frame) for frame in self.output.drain()]
            at = self.machine.next_deadline()
        return frames


def times(frames: list[tuple[float, bytes]]) -> list[int]:
    return [round(at) for at, _ in frames]


@pytest.mark.parametrize("vlan", [None, 5])
def test_an_unknown_neighbour_is_asked_for_three_times_by_broadcast_a_second_apart(vlan: int | None) -> None:
    bench = Bench()
    assert bench.machine.use(PATH4._replace(vlan=vlan), 0.0)
    assert bench.machine.condition(PEER4) is Condition.INCOMPLETE
    frames = bench.until(60.0)
    assert times(frames) == [0, 1, 2]
    for _, frame in frames:
        header = decode_ethernet(frame)
        assert (header.destination, header.source, header.ethertype) == (BROADCAST, OUR_MAC, ARP)
        assert header.vlan == vlan
        assert decode_arp(frame[header.offset :]) == Arp(REQUEST, OUR_MAC, US4, bytes(6), PEER4)
    assert len(bench.machine) == 0
    assert bench.machine.condition(PEER4) is None


def test_an_unknown_neighbour_of_ipv6_is_asked_for_in_the_group_of_its_address() -> None:
    bench = Bench()
    bench.machine.use(PATH6, 0.0)
    frames = bench.until(60.0)
    assert times(frames) == [0, 1, 2]
    for _, frame in frames:
        target, destination = solicitation(frame)
        assert (target, destination) == (Neighbour(PEER6, 0, OUR_MAC), solicited_node(PEER6))
        assert frame[:6] == b"\x33\x33\xff" + PEER6[13:]


def solicitation(frame: bytes) -> tuple[Neighbour, bytes]:
    """What a neighbour solicitation of ours asks, and where it goes."""
    packet = frame[14:]
    assert decode_ethernet(frame).ethertype == IPV6
    assert (packet[7], packet[8:24]) == (255, US6)
    message = decode_icmpv6(packet[40:], packet[8:24], packet[24:40])
    assert message.type == NEIGHBOUR_SOLICITATION
    return decode_neighbour(message), packet[24:40]


@pytest.mark.parametrize("version", [4, 6])
def test_who_has_spoken_is_asked_himself_after_a_delay_and_forgotten_when_silent(version: int) -> None:
    bench, path = Bench(), PATHS[version]
    bench.neighbours.remember(path.remote, PEER_MAC, None, 0.0)
    bench.machine.use(path, 0.0)
    assert bench.machine.condition(path.remote) is Condition.DELAY
    assert bench.output.drain() == []
    frames = bench.until(DELAY_SECONDS + SLOT)
    assert bench.machine.condition(path.remote) is Condition.PROBE
    frames += bench.until(60.0)
    assert times(frames) == [5, 6, 7]
    assert {frame[:6] for _, frame in frames} == {PEER_MAC}
    if version == 6:
        assert solicitation(frames[0][1]) == (Neighbour(PEER6, 0, OUR_MAC), PEER6)
    assert bench.neighbours.path_to(path.local, path.remote) is None


def test_an_answer_makes_it_reachable_for_a_while_in_which_nobody_asks() -> None:
    bench = Bench()
    bench.machine.use(PATH4, 0.0)
    bench.neighbours.remember(PEER4, PEER_MAC, None, 0.0)
    bench.machine.hear(PATH4, 0.5, solicited=True)
    assert bench.machine.condition(PEER4) is Condition.REACHABLE
    bench.output.drain()
    bench.machine.use(PATH4, 1.0)
    assert bench.until(0.5 + REACHABLE_SECONDS / 2) == []
    assert bench.machine.condition(PEER4) is Condition.REACHABLE
    assert bench.until(0.5 + REACHABLE_SECONDS * 1.5 + SLOT) == []
    assert bench.machine.condition(PEER4) is None  # STALE
    bench.machine.use(PATH4, 60.0)
    assert bench.machine.condition(PEER4) is Condition.DELAY


def test_a_question_of_its_own_tells_where_it_is_but_not_that_it_hears_us() -> None:
    bench = Bench()
    bench.machine.use(PATH4, 0.0)
    bench.neighbours.remember(PEER4, PEER_MAC, None, 0.0)
    bench.machine.hear(PATH4, 0.5, solicited=False)
    assert bench.machine.condition(PEER4) is Condition.DELAY
    assert [frame[:6] for _, frame in bench.until(60.0)] == [BROADCAST] + [PEER_MAC] * SOLICITATIONS


def test_what_is_said_while_it_is_reachable_changes_nothing() -> None:
    bench = Bench()
    bench.machine.use(PATH4, 0.0)
    bench.machine.hear(PATH4, 0.1, solicited=True)
    bench.machine.hear(PATH4, 0.2, solicited=False)
    assert bench.machine.condition(PEER4) is Condition.REACHABLE


def test_a_neighbour_that_is_forgotten_meanwhile_is_asked_for_by_all() -> None:
    bench = Bench()
    bench.neighbours.remember(PEER4, PEER_MAC, None, 0.0)
    bench.machine.use(PATH4, 0.0)
    bench.neighbours.forget(PEER4)
    bench.neighbours.forget(PEER4)  # again: nothing happens
    assert {frame[:6] for _, frame in bench.until(60.0)} == {BROADCAST}


@pytest.mark.parametrize("version", [4, 6])
def test_nobody_is_asked_for_behind_a_gateway(version: int) -> None:
    bench = Bench()
    assert bench.machine.use(PATHS[version]._replace(remote=BEYOND[version]), 0.0)
    assert bench.output.drain() == []
    assert bench.machine.next_deadline() is None


@given(st.lists(st.tuples(st.integers(2, 250), st.sampled_from(["use", "hear", "answer", "wait"])), max_size=60))
def test_whatever_strangers_do_entries_are_bounded_and_each_is_asked_three_times(steps: list[tuple[int, str]]) -> None:
    bench, now, started = Bench(limit=5), 0.0, 0
    for number, step in steps:
        path = PATH4._replace(remote=bytes([10, 0, 0, number]))
        if step == "use":
            known = bench.machine.condition(path.remote)
            started += bench.machine.use(path, now) and known is None
        elif step == "wait":
            now += number / 50
            bench.machine.handle_timeout(now)
        else:
            bench.machine.hear(path, now, solicited=step == "answer")
        assert len(bench.machine) <= 5
    questions = len(bench.until(now + 100))
    assert questions <= 2 * SOLICITATIONS * started
    assert len(bench.machine) == 0
    assert bench.machine.next_deadline() is None


# in the stack


def stack(**settings: object) -> Stack:
    return make_stack(links=LINKS, **settings)


def kinds(frames: list[bytes]) -> list[str]:
    """Of each frame: a question for a neighbour, or an answer."""
    return ["ask" if f[12:14] == b"\x08\x06" or f[54:55] == b"\x87" else "answer" for f in frames]


def test_who_tells_us_unasked_where_he_is_counts_as_reachable_while_there_is_room() -> None:
    bench = Bench(limit=1)
    other = PATH4._replace(remote=packed("10.0.0.77"))
    bench.machine.hear(PATH4._replace(remote=BEYOND[4]), 0.0, solicited=True)
    assert len(bench.machine) == 0
    bench.machine.hear(PATH4, 0.0, solicited=True)
    bench.machine.hear(other, 0.0, solicited=True)
    assert bench.machine.condition(PEER4) is Condition.REACHABLE
    assert bench.machine.condition(other.remote) is None
    assert bench.until(60.0) == []
    assert len(bench.machine) == 0


@pytest.mark.parametrize("moved", [False, True])
def test_who_has_moved_is_stale(moved: bool) -> None:
    bench = Bench()
    bench.machine.hear(PATH4, 0.0, solicited=True)
    bench.machine.hear(PATH4, 1.0, solicited=False, moved=moved)
    assert bench.machine.condition(PEER4) is (None if moved else Condition.REACHABLE)
    assert (bench.machine.next_deadline() is None) == moved


@pytest.mark.parametrize("version", [4, 6])
def test_one_echo_from_a_stranger_on_the_link_has_us_ask_and_answer(version: int) -> None:
    ours = stack()
    ours.receive_frame(ping_frame(PATHS[version]), 0.0)
    assert kinds(ours.poll_transmit(0.0)) == ["ask", "answer"]
    ours.receive_frame(ping_frame(PATHS[version]), 0.1)
    assert kinds(ours.poll_transmit(0.1)) == ["answer"]
    at = ours.poll_timeout()
    assert at is not None
    ours.handle_timeout(at)
    assert kinds(ours.poll_transmit(at)) == ["ask"]


@pytest.mark.parametrize("version", [4, 6])
def test_once_it_has_answered_nobody_is_asked_for(version: int) -> None:
    ours, path = stack(), PATHS[version]
    ours.receive_frame(ping_frame(path), 0.0)
    ours.poll_transmit(0.0)
    if version == 4:
        reply = arp_frame(Arp(REPLY, PEER_MAC, PEER4, OUR_MAC, US4), OUR_MAC)
    else:
        said = encode_neighbour(NEIGHBOUR_ADVERTISEMENT, Neighbour(PEER6, SOLICITED, PEER_MAC))
        reply = ip_frame(path, 58, icmp_payload(path, said), ttl=255)
    ours.receive_frame(reply, 0.5)
    ours.handle_timeout(1.5)
    assert ours.poll_transmit(1.5) == []
    ours.receive_frame(ping_frame(path), 10.0)
    assert kinds(ours.poll_transmit(10.0)) == ["answer"]


def test_who_asked_for_us_by_solicitation_is_known_and_asked_himself_after_five_seconds() -> None:
    ours = stack()
    question = encode_neighbour(NEIGHBOUR_SOLICITATION, Neighbour(US6, 0, PEER_MAC))
    ours.receive_frame(ip_frame(PATH6, 58, icmp_payload(PATH6, question), ttl=255), 0.0)
    assert kinds(ours.poll_transmit(0.0)) == ["answer"]
    ours.handle_timeout(5.1)
    (frame,) = ours.poll_transmit(5.1)
    assert frame[:6] == PEER_MAC
    assert solicitation(frame)[1] == PEER6


@pytest.mark.parametrize("port", [80, 81], ids=["open", "closed"])
def test_tcp_asks_with_its_first_word(port: int) -> None:
    ours = stack()
    ours.receive_frame(syn_frame(PATH4, port), 0.0)
    frames = ours.poll_transmit(0.0)
    assert kinds(frames) == ["ask", "answer"]
    assert frames[1][47] & ACK


def test_strangers_that_are_too_many_are_answered_and_told_but_not_asked_for() -> None:
    ours = stack(limits=Limits(neighbours=3))
    for number in range(2, 9):
        ours.receive_frame(ping_frame(PATH4._replace(remote=bytes([10, 0, 0, number]))), 0.0)
    assert sorted(kinds(ours.poll_transmit(0.0))) == ["answer"] * 7 + ["ask"] * 3
    told = [notice for notice in every_notice(ours) if isinstance(notice, BoundReached)]
    assert [(notice.bound, notice.limit) for notice in told] == [("neighbours", 3)]


def test_without_prefixes_nobody_is_asked_for() -> None:
    ours = make_stack()
    ours.receive_frame(ping_frame(PATH4), 0.0)
    assert kinds(ours.poll_transmit(0.0)) == ["answer"]
    assert ours.poll_timeout() is None
