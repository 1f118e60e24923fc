"""What leaves keeps to the peer's window: a FIN takes one number of it, and so does what is sent again."""

from __future__ import annotations

import pytest

from honeystack.net.tcp.ecn import Ecn
from honeystack.net.tcp.seq import add
from honeystack.net.wire.tcp import CWR, FIN, PSH, sack_option
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


@pytest.mark.parametrize(("window", "fins"), [(0, 0), (1, 1)])
def test_a_fin_takes_one_number_of_the_window(window: int, fins: int) -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(window=window)
    conn.close(peer.now)
    assert [seg.flags & FIN for seg in peer.answers()] == [FIN] * fins


def test_the_wait_for_a_shut_window_begins_with_what_waits() -> None:
    peer = Peer()
    conn = peer.open()
    conn.send(b"hello", peer.now)
    peer.answers()
    peer.send(ack=add(peer.ack, 5), window=0)
    peer.wait(1000)
    conn.close(peer.now)
    assert peer.wait(0.1) == []
    assert len(peer.wait(0.2)) == 1


@pytest.mark.parametrize(("window", "fin"), [(5, 0), (6, FIN)])
def test_a_fin_rides_only_where_the_window_has_its_number_too(window: int, fin: int) -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"x")
    peer.window = window
    peer.say(b"y")  # with an older number a smaller window would not be believed
    conn.send(b"hello", peer.now)
    conn.close(peer.now)
    (segment,) = peer.answers()
    assert bytes(segment.data) == b"hello"
    assert segment.flags & FIN == fin


def test_what_is_sent_again_keeps_to_a_window_that_has_shrunk() -> None:
    peer = Peer(mss=1000)
    conn = peer.open()
    conn.send(bytes(2500), peer.now)
    assert [len(seg.data) for seg in peer.answers()] == [1000, 1000, 500]
    peer.send(ack=add(peer.ack, 1000), window=1)
    for _ in range(2):  # the second time it is known to be a part, too
        (again,) = peer.wait(3.0)[:1]
        assert (again.seq, len(again.data), again.flags & PSH) == (add(peer.ack, 1000), 1, 0)
    (rest, *_) = peer.send(ack=add(peer.ack, 1001), window=9000)
    assert rest.seq == add(peer.ack, 1001)


def test_behind_a_window_that_has_shrunk_only_the_first_segment_is_sent_again() -> None:
    peer = Peer(mss=1000)
    conn = peer.open()
    conn.send(bytes(5000), peer.now)
    assert len(peer.answers()) == 5
    peer.send(ack=add(peer.ack, 1000), window=1)
    start = add(peer.ack, 1000)
    peer.now += 1.0  # long after any reordering
    sack = sack_option([(add(start, 3000), add(start, 4000))])
    (again,) = peer.send(ack=start, window=1, options=sack)
    assert (again.seq, len(again.data)) == (start, 1)
    assert conn.sending is not None
    assert conn.sending.flight.lost


@pytest.mark.parametrize("cuts_runs", [False, True])
def test_the_first_data_after_a_reduction_says_so_and_is_a_segment_alone(cuts_runs: bool) -> None:
    peer = Peer(make_tcp(3, cuts_runs=cuts_runs), mss=1000, scale=4)
    conn = peer.open()
    conn.ecn = Ecn.AGREED
    conn.start_sending(peer.now).congestion.cwr_due = True
    conn.send(bytes(3000), peer.now)
    assert [(len(seg.data), seg.flags & CWR) for seg in peer.answers()] == [(1000, CWR), (1000, 0), (1000, 0)]
