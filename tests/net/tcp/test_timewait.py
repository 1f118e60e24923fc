"""TIME-WAIT: what it answers, what ends it, how it is bounded."""

from __future__ import annotations

import pytest

from honeystack.net.notices import Accepted, BoundReached, Scanned
from honeystack.net.tcp.challenge import INTERVAL
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.seq import add, diff
from honeystack.net.tcp.timewait import SECONDS
from honeystack.net.wire.tcp import ACK, FIN, RST, SYN
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


def time_wait(tcp: Tcp | None = None, *, local_port: int = 50_000, timestamp: int | None = None) -> Peer:
    peer = Peer(tcp, local_port=local_port, timestamp=timestamp)
    peer.open().close(peer.now)
    (fin,) = peer.answers()
    peer.ack = add(fin.seq, 1)
    peer.send(ACK | FIN)
    peer.seq = add(peer.seq, 1)
    assert peer.tcp.statistics()["time_wait"] >= 1
    return peer


@pytest.mark.parametrize("timestamp", [None, 70])
def test_a_repeated_fin_is_acknowledged_and_begins_the_wait_anew(timestamp: int | None) -> None:
    peer = time_wait(timestamp=timestamp)
    peer.wait(SECONDS - 10)
    (answer,) = peer.send(ACK | FIN, seq=add(peer.seq, -1))
    assert (answer.flags, answer.seq, answer.ack) == (ACK, peer.ack, peer.seq)
    assert (answer.timestamps is None) == (timestamp is None)
    peer.wait(SECONDS - 10)
    assert peer.tcp.statistics()["time_wait"] == 1
    peer.wait(11)
    assert peer.tcp.statistics()["time_wait"] == 0


def test_a_bare_acknowledgement_is_dropped() -> None:
    assert time_wait().send() == []


def test_an_old_acknowledgement_is_answered_but_not_for_ever() -> None:
    peer = time_wait()
    old = add(peer.seq, -1)
    (answer,) = peer.send(seq=old)
    assert (answer.flags, answer.seq, answer.ack) == (ACK, peer.ack, peer.seq)
    assert peer.send(seq=old) == []
    peer.now += 0.6
    assert len(peer.send(seq=old)) == 1


def test_a_reset_does_not_end_it() -> None:
    peer = time_wait()
    assert peer.send(RST) == []
    assert peer.tcp.statistics()["time_wait"] == 1  # RFC 1337


def test_old_text_is_acknowledged() -> None:
    (answer,) = time_wait().send(ACK, b"old")
    assert answer.flags == ACK


def test_a_later_syn_begins_a_new_connection_beyond_the_old_one() -> None:
    peer = time_wait()
    old = peer.ack
    peer.seq = add(peer.seq, 100)
    (answer,) = peer.syn()
    assert answer.flags == SYN | ACK
    assert diff(answer.seq, old) > 65_535
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    assert len(peer.told(Accepted)) == 2
    assert len(peer.told(Scanned)) == 2
    assert peer.tcp.statistics()["time_wait"] == 0


def test_an_earlier_syn_is_acknowledged_only() -> None:
    peer = time_wait()
    peer.seq = add(peer.seq, -50)
    assert [seg.flags for seg in peer.syn()] == [ACK]


def test_a_newer_timestamp_allows_any_sequence_number_and_an_older_none() -> None:
    peer = time_wait(timestamp=70)
    peer.seq, peer.timestamp = add(peer.seq, -5000), 60
    assert [seg.flags for seg in peer.syn()] == [ACK]
    peer.timestamp = 71
    assert [seg.flags for seg in peer.syn()] == [SYN | ACK]


def test_beyond_its_bound_the_oldest_is_forgotten_and_told_once() -> None:
    tcp = make_tcp(3, time_wait=2)
    peers = [time_wait(tcp, local_port=port) for port in (1, 2, 3, 4)]
    assert tcp.statistics()["time_wait"] == 2
    assert [seg.flags for seg in peers[0].send(ACK)] == [RST]
    assert peers[3].send(ACK) == []
    bounds = [n for peer in peers for n in peer.told(BoundReached)]
    assert [n.bound for n in bounds if isinstance(n, BoundReached)] == ["time_wait"]
    peers[0].wait(100)
    assert tcp.poll_timeout() is None


def test_an_earlier_syn_is_not_answered_for_ever() -> None:
    peer = time_wait()
    peer.seq = add(peer.seq, -50)
    assert len(peer.syn()) == 1
    assert peer.syn() == []
    peer.now += INTERVAL
    assert len(peer.syn()) == 1


def test_text_and_fin_are_answered_however_often_they_come() -> None:
    peer = time_wait()
    answers = [len(peer.send(ACK | flags, b"old")) for flags in (0, FIN) * 5]
    assert answers == [1] * 10


@pytest.mark.parametrize("flags", [SYN | ACK, FIN, 0], ids=["syn-ack", "fin without ack", "text without ack"])
def test_only_a_plain_syn_begins_a_new_connection(flags: int) -> None:
    peer = time_wait()
    answers = peer.send(flags, b"text", seq=add(peer.seq, 1000))
    assert [seg.flags for seg in answers] == [ACK]
    assert peer.tcp.statistics()["time_wait"] == 1


@pytest.mark.parametrize(
    ("flags", "data", "offset", "left"),
    [(FIN, b"", -1, 1), (FIN, b"text", -5, 1), (0, b"x", -1, 0), (FIN, b"", 0, 0), (FIN, b"", -2, 0), (0, b"", -1, 0)],
)
def test_only_the_fin_again_prolongs_it(flags: int, data: bytes, offset: int, left: int) -> None:
    peer = time_wait()
    peer.wait(SECONDS - 1)
    assert len(peer.send(ACK | flags, data, seq=add(peer.seq, offset))) == 1
    peer.wait(2)
    assert peer.tcp.statistics()["time_wait"] == left


def test_what_acknowledges_nothing_and_says_nothing_is_dropped() -> None:
    peer = time_wait()
    assert peer.send(0, seq=add(peer.seq, -1)) == []
    assert peer.send(0, seq=add(peer.seq, 100_000)) == []


def test_timestamps_of_a_connection_that_had_none_mean_nothing() -> None:
    peer = time_wait()
    peer.timestamp, peer.seq = 70, add(peer.seq, -50)
    assert [seg.flags for seg in peer.syn()] == [ACK]
    peer.seq = add(peer.seq, 150)
    assert [seg.flags for seg in peer.syn()] == [SYN | ACK]


def test_with_the_same_timestamp_the_sequence_number_decides() -> None:
    peer = time_wait(timestamp=70)
    peer.seq = add(peer.seq, -50)
    assert [seg.flags for seg in peer.syn()] == [ACK]
    peer.seq = add(peer.seq, 150)
    assert [seg.flags for seg in peer.syn()] == [SYN | ACK]


@pytest.mark.parametrize(("timestamp", "length"), [(None, 0), (70, 12)])
def test_its_answers_carry_no_options_but_timestamps(timestamp: int | None, length: int) -> None:
    (answer,) = time_wait(timestamp=timestamp).send(ACK, b"old")
    assert len(answer.options) == length
