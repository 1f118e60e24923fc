"""PAWS: which older timestamps are borne, and what they change."""

from __future__ import annotations

import pytest

from honeystack.net.tcp.arrives import FASTEST_CLOCK, PAWS_LIFETIME
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN
from tests.net.tcp.peer import Peer


def stamped(timestamp: int = 1000) -> Peer:
    """A peer with a connection; TS.Recent is `timestamp`."""
    peer = Peer(timestamp=timestamp)
    assert peer.open().ts_recent == timestamp
    return peer


def refused(peer: Peer) -> int:
    return peer.tcp.statistics().get("paws", 0)


@pytest.mark.parametrize(("older", "taken"), [(0, True), (1, True), (2, False), (100, False)])
def test_one_tick_older_is_borne_and_more_is_not(older: int, taken: bool) -> None:
    peer = stamped()
    assert peer.conn is not None
    peer.timestamp = 1000 - older
    peer.say(b"text")
    assert (peer.conn.readable, refused(peer)) == ((4, 0) if taken else (0, 1))


@pytest.mark.parametrize("flags", [ACK | PSH, ACK])
def test_what_is_borne_does_not_set_the_remembered_timestamp_back(flags: int) -> None:
    peer = stamped()
    assert peer.conn is not None
    peer.timestamp = 999
    for _ in range(5):
        peer.send(flags, b"x" if flags & PSH else b"")
        peer.timestamp -= 1
    assert peer.conn.ts_recent == 1000


def test_a_reset_that_only_draws_a_challenge_does_not_set_it_back_either() -> None:
    peer = stamped()
    assert peer.conn is not None
    peer.timestamp = 5
    (challenge,) = peer.send(RST, seq=add(peer.seq, 9))
    assert challenge.flags == ACK
    assert peer.conn.ts_recent == 1000
    assert peer.conn.state is State.ESTABLISHED


@pytest.mark.parametrize(
    ("flags", "ack", "recent"),
    [(SYN, 0, 1000), (ACK, 9999, 1000), (ACK, 0, 1001), (ACK, -1, 1001), (ACK, -100_000, 1001), (PSH, 0, 1000)],
    ids=["syn", "future", "exact", "old", "too old", "no ack"],
)
def test_only_what_may_be_the_peers_sets_the_remembered_timestamp(flags: int, ack: int, recent: int) -> None:
    peer = stamped()
    assert peer.conn is not None
    peer.timestamp = 1001
    peer.send(flags, ack=add(peer.ack, ack))
    assert peer.conn.ts_recent == recent


def test_a_bare_acknowledgement_that_says_nothing_new_is_not_answered() -> None:
    peer = stamped()
    peer.timestamp = 900
    assert [peer.send() for _ in range(3)] == [[]] * 3
    assert refused(peer) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"flags": ACK, "seq": 1},
        {"flags": ACK, "seq": -1},
        {"flags": ACK, "ack": -1},
        {"flags": ACK, "window": 0},
        {"flags": ACK | PSH, "data": b"x"},
        {"flags": ACK | FIN},
        {"flags": PSH},
    ],
    ids=lambda fields: " ".join(fields),
)
def test_one_that_says_something_is_refused_and_answered(fields: dict[str, int]) -> None:
    peer = stamped()
    assert peer.conn is not None
    peer.conn.send(b"hello", peer.now)
    peer.answers()
    peer.ack = add(peer.ack, 5)
    peer.send()
    peer.timestamp = 900
    numbers = {name: add(getattr(peer, name), fields[name]) for name in ("seq", "ack") if name in fields}
    (answer,) = peer.send(**{**fields, **numbers})  # type: ignore[arg-type]
    assert (answer.flags, answer.ack) == (ACK, peer.seq)
    assert refused(peer) == 1
    assert (peer.conn.snd_wnd, peer.conn.readable, peer.conn.eof_received) == (65_535, 0, False)


@pytest.mark.parametrize("has_sent", [True, False])
def test_one_that_is_older_than_a_time_out_is_refused(has_sent: bool) -> None:
    peer = stamped(100_000)
    assert peer.conn is not None
    rto = 0.2  # the handshake took no time
    if has_sent:
        peer.conn.send(b"hello", peer.now)
        peer.answers()
        peer.ack = add(peer.ack, 5)
        peer.send()
        assert peer.conn.sending is not None
        rto = peer.conn.sending.estimator.rto
    oldest = 100_000 - int(rto * FASTEST_CLOCK)
    peer.timestamp = oldest
    assert peer.send() == []
    peer.timestamp = oldest - 1
    assert len(peer.send()) == 1
    assert refused(peer) == 1


def test_a_peer_whose_clock_began_with_zero_is_taken_for_what_it_says_next() -> None:
    peer = stamped(0)
    assert peer.conn is not None
    peer.timestamp = 0x9000_0000
    peer.say(b"text")
    assert (peer.conn.readable, peer.conn.ts_recent) == (4, 0x9000_0000)


@pytest.mark.parametrize(("later", "recent"), [(-1.0, 1000), (0.0, 1), (1.0, 1)])
def test_after_24_days_an_older_one_is_taken_and_remembered(later: float, recent: int) -> None:
    peer = stamped()
    assert peer.conn is not None
    peer.now += PAWS_LIFETIME + later
    peer.timestamp = 1
    peer.say(b"x")
    assert (peer.conn.ts_recent, peer.conn.readable) == (recent, 0 if recent == 1000 else 1)


def test_the_same_timestamp_again_is_a_fresh_one() -> None:
    peer = stamped()
    assert peer.conn is not None
    peer.now += PAWS_LIFETIME - 1
    peer.say(b"x")
    peer.now += 2
    peer.timestamp = 1
    peer.say(b"y")
    assert (peer.conn.readable, peer.conn.ts_recent) == (1, 1000)


def test_an_older_timestamp_is_refused_and_acknowledged() -> None:
    peer = Peer(timestamp=1000)
    conn = peer.open()
    peer.timestamp = 998
    (answer,) = peer.send(ACK | PSH, b"old")
    assert answer.flags == ACK
    assert conn.readable == 0
    assert peer.tcp.statistics()["paws"] == 1


def test_a_timestamp_that_wraps_is_newer() -> None:
    peer = Peer(timestamp=0xFFFF_FFFF)
    conn = peer.open()
    peer.timestamp = 3
    peer.say(b"new")
    assert conn.readable == 3
    assert conn.ts_recent == 3


def test_after_24_days_the_remembered_timestamp_says_nothing() -> None:
    peer = Peer(timestamp=1000)
    conn = peer.open()
    peer.now += PAWS_LIFETIME + 1
    peer.timestamp = 1
    peer.say(b"hello")
    assert conn.readable == 5


def test_a_segment_beyond_the_last_acknowledged_does_not_set_the_timestamp() -> None:
    peer = Peer(timestamp=1000)
    conn = peer.open()
    peer.timestamp = 2000
    peer.send(ACK, b"later", seq=add(peer.seq, 10))
    assert conn.ts_recent == 1000


def test_a_segment_without_the_agreed_timestamp_is_taken_as_linux_does() -> None:
    peer = Peer(timestamp=1000)
    conn = peer.open()
    peer.timestamp = None
    peer.say(b"hello")
    assert conn.readable == 5


def test_a_reset_is_not_subject_to_timestamps() -> None:
    peer = Peer(timestamp=1000)
    conn = peer.open()
    peer.timestamp = 1
    peer.send(RST)
    assert conn.state is State.CLOSED


@pytest.mark.parametrize(
    ("older", "answers"), [(1, 0), (240, 0), (241, 1)]
)  # a time-out has 200 ms, a clock 1200 ticks
def test_a_bare_acknowledgement_that_was_overtaken_is_borne_for_a_time_out(older: int, answers: int) -> None:
    peer = Peer(timestamp=1000)
    peer.open()
    peer.timestamp = 1000 - older
    assert len(peer.send()) == answers
