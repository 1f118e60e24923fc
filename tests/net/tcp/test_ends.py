"""A stream that ends at two places: read as Linux reads it, and told, since not all readers agree."""

from __future__ import annotations

import pytest

from honeystack.net.notices import Anomaly
from honeystack.net.tcp.assembler import MAX_ENDS, Assembler
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.tcp import ACK, FIN, PSH
from tests.net.tcp.peer import Peer


def told(peer: Peer) -> int:
    return sum(notice.name == "second-end" for notice in peer.told(Anomaly) if isinstance(notice, Anomaly))


@pytest.mark.parametrize("order", [(5, 10), (10, 5)])
def test_the_first_end_that_data_reaches_counts(order: tuple[int, int]) -> None:
    peer = Peer()
    conn = peer.open()
    for place in order:
        peer.send(ACK | FIN, seq=add(peer.seq, place))
    (answer,) = peer.send(ACK | PSH, b"hello")
    assert answer.ack == add(peer.seq, 6)
    assert conn.state is State.CLOSE_WAIT
    assert told(peer) == 1


def test_an_end_that_data_has_passed_is_void() -> None:
    peer = Peer()
    conn = peer.open()
    for place in (5, 10):
        peer.send(ACK | FIN, seq=add(peer.seq, place))
    (answer,) = peer.send(ACK | PSH, b"helloWORLD")
    assert answer.ack == add(peer.seq, 11)
    assert conn.receive(99, peer.now) == b"helloWORLD"
    assert conn.state is State.CLOSE_WAIT
    assert told(peer) == 2


def test_where_data_has_passed_the_only_end_the_stream_goes_on() -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(ACK | FIN, seq=add(peer.seq, 5))
    peer.say(b"helloWORLD")
    assert (conn.state, conn.assembler, told(peer)) == (State.ESTABLISHED, None, 1)
    peer.say(b"more")
    assert conn.receive(99, peer.now) == b"helloWORLDmore"


def test_an_end_in_order_counts_whatever_was_said_before() -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(ACK | FIN, seq=add(peer.seq, 10))
    peer.send(ACK | FIN, b"hello")
    assert (conn.state, told(peer)) == (State.CLOSE_WAIT, 1)


@pytest.mark.parametrize(("offset", "count"), [(-1, 0), (0, 1), (9, 1)])
def test_another_end_after_the_end_is_told(offset: int, count: int) -> None:
    peer = Peer()
    peer.open()
    peer.say(b"hello")
    peer.send(ACK | FIN)
    peer.seq = add(peer.seq, 1)
    peer.send(ACK | FIN, seq=add(peer.seq, offset))
    assert told(peer) == count


def test_an_end_where_data_has_come_is_told() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"hello")
    peer.send(ACK | FIN, b"hell", seq=add(peer.seq, -5))
    assert (conn.state, told(peer)) == (State.ESTABLISHED, 1)


@pytest.mark.parametrize("early", [True, False])
def test_one_end_is_nothing_to_tell_of_however_often_it_comes(early: bool) -> None:
    peer = Peer()
    conn = peer.open()
    for _ in range(3):
        peer.send(ACK | FIN, b"lo" if early else b"", seq=add(peer.seq, 3 if early else 5))
    peer.say(b"hello"[: 3 if early else 5])
    assert conn.receive(99, peer.now) == b"hello"
    assert (conn.state, told(peer)) == (State.CLOSE_WAIT, 0)


def test_only_a_few_ends_are_remembered() -> None:
    assembler = Assembler()
    for place in range(10, 100):
        assembler.insert_end(place)
    assert assembler.ends == list(range(10, 10 + MAX_ENDS))
    assert assembler.differs
    assert [assembler.reaches_end(place) for place in (9, 11, 11, 99)] == [False, True, True, False]
    assert assembler.ends == []
