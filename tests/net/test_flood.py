"""Many SYNs together get the frames, the counters and the facts that they get one by one."""

from __future__ import annotations

import random
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.net.address import AddressSet, Exclusions, address_text, parse_port_range
from honeystack.net.flood import MARTIANS, MAX_TOLD
from honeystack.net.internet import is_martian
from honeystack.net.limits import Limits
from honeystack.net.notices import Accepted, BoundReached, Scanned
from honeystack.net.persona import Persona
from honeystack.net.scans import ScanDetector, ScanReport
from honeystack.net.stack import Stack
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.syn_batch import SynBatch
from honeystack.net.wire.tcp import ACK, SYN, decode_segment
from tests.net.frames import PATH4, PATHS, every_notice, ip_frame, make_stack, segment
from tests.net.syns import LINUX, Received, flooded, hostile, one_by_one, peer, plain, syn, together

EXCLUSIONS = Exclusions((parse_port_range("tcp/22"),), AddressSet(["198.18.0.0/24", "2001:db8:7700::/40"]))


def counters(stack: Stack) -> dict[str, int]:
    return {name: count for name, count in stack.statistics().items() if count}


def facts(stack: Stack) -> list[Any]:
    """What is told, but for what only scan detection hears; who of many reached a bound is chance."""
    told = [notice for notice in every_notice(stack) if not isinstance(notice, Scanned)]
    return sorted(repr(n._replace(path=None) if isinstance(n, BoundReached) else n) for n in told)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    "persona",
    [
        Persona(),
        Persona(linear_timestamps=False),
        Persona(timestamps=False),
        Persona(sack=False, window_scale=0, ttl=255),
        Persona(ecn=False, window_scale=14, ttl=1),
    ],
    ids=["linux", "a clock for each", "no timestamps", "no sack", "far scale"],
)
def test_plain_syns_are_answered_alike_and_none_of_them_alone(version: int, persona: Persona) -> None:
    one, other, frames = flooded(persona=persona), flooded(persona=persona), plain(500, version)
    expected = one_by_one(one, frames)
    blocks = other.receive_syns(SynBatch.of(frames), 5.0)
    assert sorted(frame for block in blocks for frame in block.frames()) == expected
    assert len(expected) == 500
    assert other.poll_transmit(5.0) == []
    assert counters(one) == counters(other)
    assert facts(one) == facts(other)


@given(st.integers(0, 2**32), st.integers(1, 60), st.booleans())
@settings(max_examples=60, deadline=None)
def test_hostile_syns_are_answered_counted_and_told_of_alike(seed: int, count: int, every_port: bool) -> None:
    rng = random.Random(seed)
    frames = [hostile(rng) for _ in range(count)]
    one, other = (flooded(exclusions=EXCLUSIONS, vlan=rng.choice(["answer"])) for _ in range(2))
    for stack in (one, other):
        if every_port:
            stack.tcp.listen(None)
    assert one_by_one(one, frames) == together(other, frames)
    assert counters(one) == counters(other)
    assert facts(one) == facts(other)


@given(st.lists(st.binary(max_size=126), max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_bytes_are_taken_as_they_are_one_by_one(data: list[bytes]) -> None:
    one, other = flooded(), flooded()
    frames: list[Received] = [(each, ChecksumState.UNKNOWN, None) for each in data]
    assert one_by_one(one, frames) == together(other, frames)
    assert counters(one) == counters(other)
    assert facts(one) == facts(other)


def test_the_broadcast_of_our_link_is_answered_in_no_way() -> None:
    one, other = (flooded(broadcasts=AddressSet([address_text(PATHS[4].remote)])) for _ in range(2))
    frames: list[Received] = [(syn(PATHS[4], port, 80, 1), ChecksumState.UNKNOWN, None) for port in range(1, 40)]
    assert one_by_one(one, frames) == together(other, frames) == []
    assert counters(one) == counters(other)
    assert facts(one) == facts(other)


def test_flows_that_are_known_keep_their_answers() -> None:
    """A handshake under way, a connection and TIME-WAIT are asked first, and so are bounds of sources."""
    one, other = (flooded(limits=Limits(half_open=1, connections_per_source=1)) for _ in range(2))
    known = [syn(PATHS[4], 1, 80, 1000), syn(PATHS[4], 2, 80, 7), syn(PATHS[4], 2, 81, 7)]
    for stack in (one, other):
        (answer,) = one_by_one(stack, [(syn(PATH4, 40000, 80, 1000), ChecksumState.UNKNOWN, None)])
        cookie = decode_segment(memoryview(answer)[34:]).seq
        stack.receive_frame(ip_frame(PATH4, 6, segment(PATH4, ACK, 1001, cookie + 1)), 5.0)
        assert any(isinstance(notice, Accepted) for notice in every_notice(stack))
    frames: list[Received] = [(each, ChecksumState.UNKNOWN, None) for each in [*known, syn(PATH4, 40000, 80, 1000)]]
    frames += plain(10, 4)
    assert one_by_one(one, frames) == together(other, frames)
    assert counters(one) == counters(other)
    assert facts(one) == facts(other)


@pytest.mark.parametrize("version", [4, 6])
def test_the_peer_comes_back_with_its_cookie(version: int) -> None:
    stack, path = flooded(), PATHS[version]
    frames = [*plain(100, version), (syn(path, 40000, 80, 1000, LINUX), ChecksumState.UNKNOWN, None)]
    (answer,) = (sent for sent in together(stack, frames) if path.remote in sent[:54])
    answered = decode_segment(memoryview(answer)[34 if version == 4 else 54 :])
    assert (answered.flags, answered.ack) == (SYN | ACK, 1001)
    stack.receive_frame(ip_frame(path, 6, segment(path, ACK, 1001, answered.seq + 1)), 6.0)
    assert sum(isinstance(notice, Accepted) for notice in every_notice(stack)) == 1
    assert stack.statistics()["tcp_cookies_returned"] == 1


def test_who_has_room_is_remembered_first() -> None:
    one, other = (make_stack(limits=Limits(half_open=20)) for _ in range(2))
    frames = plain(50, 4)
    assert one_by_one(one, frames) == together(other, frames)
    assert counters(one) == counters(other)
    assert (other.statistics()["tcp_half_open"], other.statistics()["tcp_cookies_sent"]) == (20, 30)
    few = make_stack()
    assert len(together(few, frames)) == few.statistics()["tcp_half_open"] == 50


def test_ports_open_and_close_between_batches() -> None:
    stack, frames = flooded(), [(syn(PATH4, 5, 81), ChecksumState.UNKNOWN, None)]
    stack.tcp.unlisten(80)
    resets = together(stack, [*plain(3, 4), *frames])
    assert {decode_segment(memoryview(each)[34:]).flags & SYN for each in resets} == {0}
    stack.tcp.listen(81)
    (answer,) = together(stack, frames)
    assert decode_segment(memoryview(answer)[34:]).flags == SYN | ACK


def scan_reports(stack: Stack, moments: list[tuple[float, list[Received]]], give: Any) -> list[ScanReport]:
    """But for their duration: of a source in a flood the first target is told with its second."""
    detector, reports = ScanDetector(Limits()), []
    for now, frames in moments:
        give(stack, frames, now)
        for notice in every_notice(stack):
            if isinstance(notice, Scanned):
                detector.saw(notice, now)
        reports += detector.poll(now)
    return [attrs.evolve(report, duration=0.0) for report in (*reports, *detector.poll(float("inf")))]


def test_a_scan_within_a_flood_is_told_as_without_batches() -> None:
    rng = random.Random(3)
    moments = []
    for second in range(8):
        flood = plain(300, 4, seed=second)
        scan = [(syn(PATH4, 50000, 1000 + 10 * second + n), ChecksumState.UNKNOWN, None) for n in range(1 + second % 2)]
        again = scan[:1] * (second % 3)
        frames = [*flood, *scan, *again]
        rng.shuffle(frames)
        moments.append((float(second), frames))
    one, other = flooded(), flooded()
    for stack in (one, other):
        stack.tcp.listen(None)
    assert scan_reports(one, moments, one_by_one) == scan_reports(other, moments, together)


def test_a_flood_of_one_port_tells_of_no_source_and_many_scans_of_some() -> None:
    stack = flooded()
    stack.tcp.listen(None)
    for second in range(3):
        together(stack, plain(300, 4), float(second))
        assert [n for n in every_notice(stack) if isinstance(n, Scanned)] == []
    sweep = [
        (syn(peer(random.Random(n), 4), 5, 100 + k), ChecksumState.UNKNOWN, None) for n in range(90) for k in (0, 1)
    ]
    together(stack, sweep)
    told = every_notice(stack)
    assert sum(isinstance(notice, Scanned) for notice in told) == MAX_TOLD
    assert [notice.bound for notice in told if isinstance(notice, BoundReached)] == ["scan_sources"]


def test_a_fault_of_ours_costs_the_speed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, frames = flooded(), plain(40, 4)
    together(stack, plain(1, 4, seed=9))
    monkeypatch.setattr(stack._flood, "answer", None)
    assert len(together(stack, frames)) == 40
    assert any("not callable" in each for each in facts(stack))


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16))
def test_martians_are_those_of_the_internet_layer(address: bytes) -> None:
    for each in (address, address[:1] + bytes(len(address) - 1), bytes(10) + address[-2:] + bytes(4)):
        if len(each) in (4, 16):
            assert (each in MARTIANS) == is_martian(each)
