"""What a handshake under way answers to segments that do not complete it, and how often."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from honeystack.net.notices import Accepted, HalfOpen
from honeystack.net.tcp.challenge import INTERVAL
from honeystack.net.tcp.seq import add
from honeystack.net.wire.segment import Segment, StraySegment
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN, decode_segment
from tests.net.tcp.pair import make_tcp, peer_segment
from tests.net.tcp.peer import FACTS, Peer

Send = Callable[[Peer], list[Segment]]


def half_open(*, local_port: int = 50_000, peer: Peer | None = None, timestamp: int | None = None) -> Peer:
    peer = peer or Peer(local_port=local_port, timestamp=timestamp)
    (answer,) = peer.syn()
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    return peer


LIMITED: dict[str, Send] = {
    "the same syn": lambda peer: peer.send(SYN, seq=add(peer.seq, -1), options=b""),
    "a syn outside": lambda peer: peer.send(SYN, seq=add(peer.seq, 100_000)),
    "a syn-ack": lambda peer: peer.send(SYN | ACK, seq=add(peer.seq, -1)),
    "a syn-ack with text": lambda peer: peer.send(SYN | ACK, b"text", seq=add(peer.seq, -1)),
    "an acknowledgement outside": lambda peer: peer.send(seq=add(peer.seq, 100_000)),
    "an old acknowledgement": lambda peer: peer.send(seq=add(peer.seq, -1)),
    "a reset beside": lambda peer: peer.send(RST, seq=add(peer.seq, 1)),
    "a reset beside with text": lambda peer: peer.send(RST, b"why", seq=add(peer.seq, 1)),
}


@pytest.mark.parametrize("name", LIMITED)
def test_it_is_answered_once_in_half_a_second(name: str) -> None:
    peer, send = half_open(), LIMITED[name]
    assert len(send(peer)) == 1
    assert [send(peer) for _ in range(20)] == [[]] * 20
    peer.now += INTERVAL
    assert len(send(peer)) == 1
    assert peer.tcp.statistics()["half_open"] == 1


@pytest.mark.parametrize(("tos", "back"), [(0xB8, 0xB8), (0xBB, 0xB8), (0, 0)])
@pytest.mark.parametrize(("offset", "flags"), [(100_000, ACK), (0, RST)])
def test_it_is_answered_with_its_own_type_of_service(offset: int, flags: int, tos: int, back: int) -> None:
    peer = half_open()
    wrong = peer_segment(peer.path, peer.ports, add(peer.seq, offset), add(peer.ack, 99), ACK)
    peer.tcp.receive_segment(peer.path, wrong, FACTS._replace(tos=tos), peer.now, verify=True)
    ((_, answer),) = peer.tcp.poll_transmit(peer.now)
    assert isinstance(answer, StraySegment)
    assert (decode_segment(memoryview(answer)).flags, answer.tos) == (flags, back)


def test_all_that_does_not_belong_shares_one_limit() -> None:
    peer = half_open()
    assert sum(len(send(peer)) for send in LIMITED.values()) == 1


def test_another_handshake_is_answered_all_the_same() -> None:
    tcp = make_tcp(3)
    peers = [half_open(peer=Peer(tcp, local_port=port)) for port in range(1, 100)]
    for name, send in LIMITED.items():
        for peer in peers:
            peer.now += INTERVAL
            assert len(send(peer)) == 1, name


@pytest.mark.parametrize(("flags", "data"), [(ACK | PSH, b"text"), (ACK | FIN, b"")])
def test_text_and_fin_outside_are_answered_always(flags: int, data: bytes) -> None:
    peer = half_open()
    answers = [peer.send(flags, data, seq=add(peer.seq, 100_000)) for _ in range(5)]
    assert [[seg.flags for seg in found] for found in answers] == [[ACK]] * 5


def test_what_was_answered_does_not_stand_in_the_way_of_the_end_of_the_handshake() -> None:
    peer = half_open(timestamp=7)
    for send in LIMITED.values():
        send(peer)
    assert [seg.flags for seg in peer.wait(1.0)] == [SYN | ACK]  # it is sent again at its time
    peer.send()
    assert len(peer.told(Accepted)) == 1


@pytest.mark.parametrize(("start", "data"), [(-1, b"?text"), (-4, b"????text"), (0, b"text")])
def test_text_that_begins_before_the_window_completes_the_handshake_with_what_lies_in_it(
    start: int, data: bytes
) -> None:
    peer = half_open()
    peer.send(ACK | PSH, data, seq=add(peer.seq, start))
    (accepted,) = peer.told(Accepted)
    assert isinstance(accepted, Accepted)
    assert accepted.connection.receive(99, peer.now) == b"text"


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("timestamp", [None, 7])
def test_the_window_of_a_handshake_ends_where_it_was_offered_to_end(version: int, timestamp: int | None) -> None:
    peer = Peer(version=version, timestamp=timestamp)
    (answer,) = peer.syn()
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    edge = add(peer.seq, answer.window)
    assert len(peer.send(ACK, b"x", seq=edge)) == 1
    assert len(peer.send(ACK, seq=add(edge, 1))) == 1
    assert peer.told(Accepted) == []
    peer.send(ACK, b"x", seq=add(edge, -1))
    assert len(peer.told(Accepted)) == 1


def test_nothing_but_text_before_the_window_is_not_taken() -> None:
    peer = half_open()
    (answer,) = peer.send(ACK | PSH, b"old", seq=add(peer.seq, -3))
    assert (answer.flags, answer.ack) == (ACK, peer.seq)
    assert peer.told(Accepted) == []


@pytest.mark.parametrize(("first", "then", "taken"), [(0, 0x9000_0000, True), (0, 5, True), (1, 0x9000_0000, False)])
def test_a_clock_that_begins_after_the_syn_is_taken(first: int, then: int, taken: bool) -> None:
    peer = half_open(timestamp=first)
    peer.timestamp = then
    peer.send()
    assert bool(peer.told(Accepted)) is taken


def test_a_reset_counts_whatever_its_timestamp() -> None:
    peer = half_open(timestamp=1000)
    peer.timestamp = 5
    peer.send(RST)
    assert peer.tcp.statistics()["half_open"] == 0


def test_a_syn_that_comes_again_puts_the_next_answer_off() -> None:
    peer = half_open()
    peer.wait(0.6)
    assert len(peer.send(SYN, seq=add(peer.seq, -1), options=b"")) == 1
    assert peer.wait(0.9) == []
    assert len(peer.wait(0.2)) == 1
    assert peer.wait(1.8) == []
    assert len(peer.wait(0.2)) == 1


def test_however_often_the_syn_comes_a_handshake_ends_at_its_bound() -> None:
    peer = half_open()
    began = peer.now
    while peer.now < began + 61:
        peer.send(SYN, seq=add(peer.seq, -1), options=b"")
        peer.wait(0.9)
    assert peer.told(HalfOpen) == []
    peer.wait(2)
    assert len(peer.told(HalfOpen)) == 1
