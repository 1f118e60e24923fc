"""SEGMENT ARRIVES, step by step, and the attacks that each step stands against."""

from __future__ import annotations

import itertools

import pytest

from honeystack.net.notices import Anomaly, Closed, CloseReason, Readable
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN, URG, syn_options
from tests.net.tcp.pair import path_of, turned
from tests.net.tcp.peer import Peer, asked

# First: sequence number


def test_data_beyond_the_window_is_acknowledged_and_dropped() -> None:
    peer = Peer()
    conn = peer.open()
    (answer,) = peer.send(ACK, b"x", seq=add(peer.seq, 70_000))
    assert answer.ack == peer.seq
    assert conn.readable == 0


def test_old_data_is_acknowledged_with_a_duplicate_block() -> None:
    peer = Peer()
    peer.open()
    peer.say(b"hello")
    (answer,) = peer.send(ACK, b"hello", seq=add(peer.seq, -5))
    assert answer.ack == peer.seq
    assert answer.sack == ((add(peer.seq, -5), peer.seq),)
    (answer,) = peer.send(ACK, b"ell", seq=add(peer.seq, -4))
    assert answer.sack == ((add(peer.seq, -4), add(peer.seq, -1)),)


def test_a_bare_acknowledgement_at_the_right_edge_is_taken() -> None:
    peer = Peer()
    conn = peer.open()
    conn.send(b"x", peer.now)
    peer.answers()
    peer.send(ACK, seq=conn.rcv_edge, ack=conn.snd_nxt)
    assert conn.snd_una == conn.snd_nxt


@pytest.mark.parametrize(("offset", "followed"), [(70_000, False), (0, True)], ids=["outside", "inside"])
def test_only_a_segment_that_is_accepted_says_where_answers_go(offset: int, followed: bool) -> None:
    peer = Peer()
    conn = peer.open()
    elsewhere = peer.path._replace(remote_mac=b"\x02elsew")
    peer.path, home = elsewhere, peer.path
    peer.send(ACK, b"x", seq=add(peer.seq, offset))
    assert conn.path == (elsewhere if followed else home)


# PAWS


# Second: RST


def test_the_exact_rst_closes() -> None:
    peer = Peer()
    conn = peer.open()
    assert peer.send(RST) == []
    assert peer.told(Closed) == [Closed(conn, CloseReason.RST)]


@pytest.mark.parametrize(("sack", "offset", "ends"), [(True, 24, True), (True, 14, False), (False, 24, False)])
def test_rst_at_the_end_of_what_is_told_out_of_order_closes(sack: bool, offset: int, ends: bool) -> None:
    peer = Peer(sack=sack)
    conn = peer.open()
    for place in (10, 20):
        peer.send(ACK, b"text", seq=add(peer.seq, place))
    peer.send(RST, seq=add(peer.seq, offset))
    assert (conn.state is State.CLOSED) is ends


def test_rst_beyond_a_fin_that_came_early_is_challenged() -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(ACK | FIN, seq=add(peer.seq, 10))
    assert [seg.flags for seg in peer.send(RST, seq=add(peer.seq, 11))] == [ACK]
    assert conn.state is State.ESTABLISHED


@pytest.mark.parametrize("offset", [1, 100, 60_000])
def test_rst_inside_the_window_is_challenged(offset: int) -> None:
    peer = Peer()
    conn = peer.open()
    (answer,) = peer.send(RST, seq=add(peer.seq, offset))
    assert (answer.flags, answer.seq, answer.ack) == (ACK, conn.snd_nxt, peer.seq)
    assert conn.state is State.ESTABLISHED


@pytest.mark.parametrize("offset", [-1, -1000, 70_000, 2**31])
def test_rst_outside_of_the_window_is_ignored(offset: int) -> None:
    peer = Peer()
    conn = peer.open()
    assert peer.send(RST, seq=add(peer.seq, offset)) == []
    assert conn.state is State.ESTABLISHED


def test_a_reset_for_what_crossed_the_peers_last_segments_is_nothing_odd() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"hello")
    peer.send(ACK | FIN)
    assert peer.send(RST, seq=add(conn.rcv_nxt, -3), ack=0) == []
    assert (peer.told(Anomaly), conn.state) == ([], State.CLOSE_WAIT)


def test_data_before_a_reset_can_still_be_read() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"last words")
    peer.send(RST)
    assert conn.receive(99, peer.now) == b"last words"


# Fourth: SYN


@pytest.mark.parametrize("offset", [0, 500, 2**31])
def test_a_syn_is_challenged_wherever_it_lies(offset: int) -> None:
    peer = Peer()
    conn = peer.open()
    (answer,) = peer.send(SYN, seq=add(peer.seq, offset))
    assert (answer.flags, answer.ack) == (ACK, peer.seq)
    assert conn.state is State.ESTABLISHED


# Fifth: ACK


@pytest.mark.parametrize("offset", [1, 1_000_000, -70_000, -(2**31)])
def test_an_acknowledgement_outside_of_what_was_sent_is_challenged_with_its_text(offset: int) -> None:
    peer = Peer()
    conn = peer.open()
    (answer,) = peer.send(ACK, b"forged", ack=add(peer.ack, offset))
    assert answer.ack == peer.seq
    assert conn.readable == 0


def test_an_old_acknowledgement_may_bring_new_text() -> None:
    peer = Peer()
    conn = peer.open()
    conn.send(b"hello", peer.now)
    peer.answers()
    peer.send(ACK, ack=conn.snd_nxt)
    peer.send(ACK, b"text", ack=add(conn.snd_nxt, -5))
    assert conn.readable == 4


@pytest.mark.parametrize(("fins", "older", "answers"), [(0, 5, 0), (0, 6, 1), (1, 6, 0), (1, 7, 1)])
def test_no_older_acknowledgement_is_borne_than_something_was_sent(fins: int, older: int, answers: int) -> None:
    peer = Peer()
    conn = peer.open()
    conn.send(b"hello", peer.now)
    if fins:
        conn.close(peer.now)
    peer.answers()
    peer.send(ack=conn.snd_nxt)
    assert len(peer.send(ack=add(conn.snd_nxt, -older))) == answers


def test_text_without_an_acknowledgement_is_dropped() -> None:
    peer = Peer()
    conn = peer.open()
    assert peer.send(PSH, b"hello") == []
    assert conn.readable == 0


# Sixth: URG


def test_urgent_data_is_read_in_line() -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(ACK | URG, b"urgent")
    assert conn.receive(99, peer.now) == b"urgent"


# The states after close, by who closes when


def test_the_peer_closes_first() -> None:
    peer = Peer()
    conn = peer.open()
    (answer,) = peer.send(ACK | FIN)
    peer.seq = add(peer.seq, 1)
    assert answer.ack == peer.seq
    assert conn.state is State.CLOSE_WAIT
    assert conn.eof_received
    assert conn.send(b"bye", peer.now) == 3
    conn.close(peer.now)
    assert conn.state is State.LAST_ACK
    (answer,) = peer.answers()
    assert answer.flags == ACK | PSH | FIN
    peer.send(ACK, ack=add(answer.seq, 4))
    assert peer.told(Closed) == [Closed(conn, CloseReason.FIN)]


def test_we_close_first() -> None:
    peer = Peer()
    conn = peer.open()
    conn.close(peer.now)
    (fin,) = peer.answers()
    assert fin.flags == ACK | FIN
    assert conn.state is State.FIN_WAIT_1
    peer.ack = add(fin.seq, 1)
    peer.send()
    assert conn.state is State.FIN_WAIT_2
    peer.say(b"half")
    assert conn.receive(99, peer.now) == b"half"
    (answer,) = peer.send(ACK | FIN)
    assert answer.ack == add(peer.seq, 1)
    assert peer.told(Closed) == [Closed(conn, CloseReason.FIN)]
    assert peer.tcp.statistics()["time_wait"] == 1


def test_both_close_at_once() -> None:
    peer = Peer()
    conn = peer.open()
    conn.close(peer.now)
    (fin,) = peer.answers()
    peer.send(ACK | FIN, ack=fin.seq)
    assert conn.state is State.CLOSING
    peer.send(ACK, seq=add(peer.seq, 1), ack=add(fin.seq, 1))
    assert peer.told(Closed) == [Closed(conn, CloseReason.FIN)]
    assert peer.tcp.statistics()["time_wait"] == 1


def test_the_fin_that_acknowledges_ours_ends_in_time_wait_at_once() -> None:
    peer = Peer()
    conn = peer.open()
    conn.close(peer.now)
    (fin,) = peer.answers()
    (answer,) = peer.send(ACK | FIN, ack=add(fin.seq, 1))
    assert answer.ack == add(peer.seq, 1)
    assert conn.state is State.CLOSED
    assert peer.tcp.statistics()["time_wait"] == 1


def test_readable_is_told_before_closed() -> None:
    peer = Peer()
    conn = peer.open()
    conn.close(peer.now)
    (fin,) = peer.answers()
    peer.send(ACK | FIN, b"bye", ack=add(fin.seq, 1))
    assert peer.notices[-2:] == [Readable(conn), Closed(conn, CloseReason.FIN)]


# Every state, every kind of segment


def in_every_state() -> list[Peer]:
    def closed_by_us() -> Peer:
        peer = Peer(timestamp=5)
        peer.open().close(peer.now)
        (fin,) = peer.answers()
        peer.ack = add(fin.seq, 1)
        return peer

    fresh, half, syn_sent, crossing = Peer(), Peer(), asked(), asked()
    half.syn()
    crossing.send(SYN)
    established, fin_wait_1, fin_wait_2, closing, time_wait = (
        Peer(),
        closed_by_us(),
        closed_by_us(),
        closed_by_us(),
        closed_by_us(),
    )
    established.open()
    fin_wait_2.send()
    closing.send(ACK | FIN, ack=add(closing.ack, -1))
    time_wait.send(ACK | FIN)
    close_wait, last_ack = Peer(), Peer()
    for peer in (close_wait, last_ack):
        peer.open()
        peer.send(ACK | FIN)
    assert last_ack.conn is not None
    last_ack.conn.close(last_ack.now)
    last_ack.answers()
    return [
        fresh, half, syn_sent, crossing, established, fin_wait_1, fin_wait_2, closing, time_wait, close_wait, last_ack,
    ]  # fmt: skip


def test_the_states_above_are_what_they_are_called() -> None:
    states = [peer.conn.state.name for peer in in_every_state() if peer.conn is not None]
    expected = "SYN_SENT SYN_RECEIVED ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSING CLOSED CLOSE_WAIT LAST_ACK"
    assert states == expected.split()


@pytest.mark.parametrize("flags", range(64))
def test_no_segment_raises_in_any_state(flags: int) -> None:
    offsets = (-1, 0, 1, 2**31)
    for seq, ack in itertools.product(offsets, offsets):
        for peer in in_every_state():
            peer.send(flags, b"data", seq=add(peer.seq, seq), ack=add(peer.ack, ack))
            peer.wait(400)


@pytest.mark.parametrize("irs", [2**32 - 1, 2**32 - 2, 2**32 - 5, 2**31 - 1, 0])
def test_the_wrap_is_crossed_in_order_and_out_of_order(irs: int) -> None:
    peer = Peer(irs=irs)
    conn = peer.open()
    start = peer.seq
    peer.send(ACK, b"67890", seq=add(start, 5))
    peer.say(b"12345")
    peer.seq = add(start, 10)
    peer.send(ACK | FIN)
    assert conn.receive(99, peer.now) == b"1234567890"
    assert conn.eof_received


def test_a_segment_from_ourselves_is_nothing() -> None:
    path = path_of()
    land = Peer(path=path._replace(remote=path.local), port=80, local_port=80)
    assert land.syn() == []
    assert land.tcp.statistics()["land"] == 1
    assert turned(turned(path)) == path


@pytest.mark.parametrize(("released", "state"), [(True, State.CLOSED), (False, State.FIN_WAIT_2)])
def test_acknowledgements_prolong_only_what_somebody_reads(released: bool, state: State) -> None:
    peer = Peer()
    conn = peer.open()
    if released:
        conn.release(peer.now)
    else:
        conn.close(peer.now)
    peer.answers()
    peer.ack = add(peer.ack, 1)
    for _ in range(4):
        peer.send()
        peer.wait(20)
    assert conn.state is state


def test_an_open_takes_the_options_of_its_answer_and_sends_what_waits() -> None:
    peer = asked()
    conn = peer.conn
    assert conn is not None
    conn.send(b"early", peer.now)
    (answer,) = peer.send(SYN | ACK, options=syn_options(1000, window_scale=3, sack=True, timestamps=None))
    assert bytes(answer.data) == b"early"
    assert conn.sending is not None
    assert (conn.mss, conn.snd_scale, conn.sack, conn.sending.congestion.mss) == (1000, 3, True, 1000)


def test_nobody_is_kept_by_what_comes_again_nor_by_an_early_end() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"text")
    conn.receive(4, peer.now)
    conn.release(peer.now)
    peer.now += 9
    peer.send(ACK, b"ext", seq=add(peer.seq, -4))
    assert conn.last_activity == peer.now - 9
    assert [seg.flags for seg in peer.send(ACK | FIN, seq=add(peer.seq, 9))] == [RST]


def test_a_reset_that_does_not_count_its_fin_ends_the_connection() -> None:
    peer = Peer()
    peer.open()
    peer.send(ACK | FIN)
    assert peer.send(RST) == []
    assert [notice.reason for notice in peer.told(Closed) if isinstance(notice, Closed)] == [CloseReason.RST]
    assert peer.told(Anomaly) == []
