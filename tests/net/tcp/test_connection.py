"""The user's calls on a connection, and what an idle one costs."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from honeystack.errors import StateError
from honeystack.net.notices import BoundReached, Closed, CloseReason
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.tcp.timeouts import FIN_WAIT_2_SECONDS
from honeystack.net.wire.tcp import ACK, FIN, RST, SYN
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer

IDLE_BYTES = 1500  # what one idle established connection may cost altogether


def test_sending_after_close_is_misuse_and_after_the_end_is_nothing() -> None:
    peer = Peer()
    conn = peer.open()
    conn.close(peer.now)
    assert conn.writable == 0
    with pytest.raises(StateError):
        conn.send(b"x", peer.now)
    peer.answers()
    peer.send(RST)
    assert conn.send(b"x", peer.now) == 0


def test_closing_is_idempotent_in_every_form() -> None:
    peer = Peer()
    conn = peer.open()
    conn.close(peer.now)
    conn.close(peer.now)
    assert len(peer.answers()) == 1
    conn.abort(peer.now)
    conn.abort(peer.now)
    conn.release(peer.now)
    conn.close(peer.now)
    assert [seg.flags & RST for seg in peer.answers()] == [RST]
    assert peer.told(Closed) == [Closed(conn, CloseReason.RST)]


def test_release_with_unread_data_resets() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"unread")
    conn.release(peer.now)
    assert [seg.flags for seg in peer.answers()] == [RST | ACK]
    assert conn.state is State.CLOSED


def test_release_without_unread_data_closes_in_order() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"read")
    conn.receive(9, peer.now)
    conn.release(peer.now)
    (fin,) = peer.answers()
    assert fin.flags == ACK | FIN
    peer.ack = add(fin.seq, 1)
    peer.send(ACK | FIN)
    assert peer.told(Closed) == [Closed(conn, CloseReason.FIN)]


def test_closing_an_open_that_nobody_answered_ends_it() -> None:
    peer = Peer()
    conn = peer.tcp.connect(peer.path, 9, 9, peer.now)
    peer.answers()
    conn.close(peer.now)
    assert peer.answers() == []
    assert peer.told(Closed) == [Closed(conn, CloseReason.FIN)]


def test_aborting_an_open_sends_nothing() -> None:
    peer = Peer()
    conn = peer.tcp.connect(peer.path, 9, 9, peer.now)
    peer.answers()
    conn.abort(peer.now)
    assert peer.answers() == []
    assert conn.state is State.CLOSED


def test_the_counters_are_final_at_closed() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"12345")
    conn.send(b"123", peer.now)
    (answer,) = peer.answers()
    peer.ack = add(answer.seq, 3)
    peer.send(RST)
    assert (conn.bytes_in, conn.bytes_out, conn.packets_in, conn.packets_out) == (5, 3, 4, 3)


def test_sending_nothing_is_nothing() -> None:
    peer = Peer()
    conn = peer.open()
    assert conn.send(b"", peer.now) == 0
    assert conn.sending is None
    assert peer.answers() == []


def test_it_says_what_it_is() -> None:
    conn = Peer().open()
    assert "ESTABLISHED" in repr(conn)
    assert "50000" in repr(conn)


def establish(tcp: Tcp, first: int, count: int) -> None:
    for index in range(first, first + count):
        Peer(tcp, local_port=1000 + index % 60_000, timestamp=5, irs=index * 7919).open()


def test_an_idle_connection_is_small() -> None:
    tcp = make_tcp(3)
    establish(tcp, 0, 500)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        establish(tcp, 500, 2000)
        gc.collect()
        each = (tracemalloc.get_traced_memory()[0] - before) / 2000
    finally:
        tracemalloc.stop()
    assert each <= IDLE_BYTES, f"{each:.0f} bytes"


def test_a_settled_connection_is_what_it_was_and_goes_on() -> None:
    peer = Peer()
    conn = peer.open()
    names = [name for name in dir(conn) if name[0] != "_" and not callable(getattr(conn, name))]
    before = {name: getattr(conn, name) for name in names}
    conn.settle()
    assert {name: getattr(conn, name) for name in names} == before
    peer.say(b"hello")
    assert conn.receive(50, peer.now) == b"hello"
    assert conn.send(b"good day", peer.now) == 8
    assert [bytes(seg.data) for seg in peer.answers()][-1] == b"good day"
    conn.settle()
    assert conn.snd_nxt == add(conn.snd_una, 8)


def test_keep_alive_is_switched_on_and_off() -> None:
    peer = Peer()
    conn = peer.open()
    peer.now += 50
    conn.set_keep_alive(60.0)
    assert [seg.seq for seg in peer.wait(20)] == [add(conn.snd_una, -1)]
    peer.send()
    conn.set_keep_alive(None)
    assert peer.wait(10_000) == []
    assert conn.state is State.ESTABLISHED


def test_what_does_not_fit_is_not_taken() -> None:
    peer = Peer(make_tcp(3, send_buffer=10))
    conn = peer.open()
    assert conn.send(b"seven..", peer.now) == 7
    assert conn.send(b"seven..", peer.now) == 3
    assert conn.send(b"more", peer.now) == 0
    assert conn.wants_room


def test_the_memory_of_all_is_told_of_when_it_is_the_bound() -> None:
    peer = Peer(make_tcp(3, buffer_memory=10))
    conn = peer.open()
    assert conn.send(bytes(20), peer.now) == 10
    peer.answers()
    assert [notice.bound for notice in peer.told(BoundReached)] == ["buffer_memory"]  # type: ignore[attr-defined]
    assert peer.tcp.memory.waiting == [conn]


def test_reading_takes_what_is_asked_for() -> None:
    peer = Peer()
    conn = peer.open()
    assert conn.receive(5, peer.now) == b""
    peer.say(b"hello world")
    assert conn.receive(5, peer.now) == b"hello"
    assert conn.receive(50, peer.now) == b" world"


def test_closing_after_the_peer_leads_to_last_ack() -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(FIN | ACK)
    conn.send(b"bye", peer.now)
    conn.close(peer.now)
    assert conn.state is State.LAST_ACK


def test_closing_an_unfinished_open_waits_for_it() -> None:
    peer = Peer()
    conn = peer.tcp.connect(peer.path, *peer.ports, peer.now)
    peer.answers()
    peer.send(SYN, options=b"")
    conn.close(peer.now)
    assert conn.state is State.SYN_RECEIVED
    assert conn.eof_sent


def test_what_came_before_the_end_can_be_read_after_it() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"hello")
    peer.send(RST)
    assert conn.state is State.CLOSED
    assert conn.receive(50, peer.now) == b"hello"


@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_the_beginning_is_sent_of_what_is_cut_and_the_rest_afterwards(kind: type) -> None:
    peer = Peer(make_tcp(3, send_buffer=10))
    conn = peer.open()
    text = b"0123456789abcdef"
    assert conn.send(kind(text), peer.now) == 10
    assert [bytes(seg.data) for seg in peer.answers()] == [b"0123456789"]
    assert peer.tcp.memory.used == 10
    peer.send(ACK, ack=conn.snd_nxt)
    assert conn.send(kind(text[10:]), peer.now) == 6
    assert [bytes(seg.data) for seg in peer.answers()] == [b"abcdef"]


def test_the_wait_for_a_shut_window_begins_with_what_is_to_be_sent() -> None:
    peer = Peer()
    conn = peer.open()
    conn.send(b"first", peer.now)
    peer.answers()
    peer.send(ack=conn.snd_nxt, window=0)
    peer.now += 100
    conn.send(b"more", peer.now)
    assert conn.sending is not None
    assert conn.sending.progress_at == peer.now
    conn.send(b"yet more", peer.now + 1)
    assert conn.sending.progress_at == peer.now


def test_a_half_closed_connection_that_is_let_go_is_not_waited_for_any_longer_than_others() -> None:
    peer = Peer()
    conn = peer.open()
    conn.close(peer.now)
    (fin,) = peer.answers()
    peer.send(ack=add(fin.seq, 1))
    peer.wait(30)
    conn.release(peer.now)
    peer.wait(FIN_WAIT_2_SECONDS - 30 + 1)
    assert peer.told(Closed) == [Closed(conn, CloseReason.TIMEOUT)]
