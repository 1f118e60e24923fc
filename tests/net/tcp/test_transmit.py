"""What leaves a connection: sizes, flags, windows obeyed, retransmissions."""

from __future__ import annotations

import itertools

import pytest

from honeystack.net.notices import Writable
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.ecn import Ecn
from honeystack.net.tcp.seq import add, diff
from honeystack.net.tcp.transmit import MAX_RECORDS, send_one
from honeystack.net.wire.runs import Run
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, ECE, FIN, PSH, RST, sack_option
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


def lengths(segments: list[Segment]) -> list[int]:
    return [len(seg.data) for seg in segments]


def sent(peer: Peer, conn: Connection, count: int) -> list[Segment]:
    assert conn.send(bytes(count), peer.now) == count
    return peer.answers()


def test_data_is_cut_to_the_peers_mss_and_the_last_piece_is_pushed() -> None:
    peer = Peer(mss=1000)
    segments = sent(peer, peer.open(), 2500)
    assert lengths(segments) == [1000, 1000, 500]
    assert [seg.flags for seg in segments] == [ACK, ACK, ACK | PSH]
    assert [diff(seg.seq, peer.ack) for seg in segments] == [0, 1000, 2000]


def test_a_peer_with_tiny_segments_gets_no_more_of_them_than_a_sack_may_cost() -> None:
    peer = Peer(mss=48, scale=4)
    conn = peer.open()
    assert conn.send(bytes(100_000), peer.now) == 100_000
    segments = peer.answers()
    most = 0
    while segments:
        most = max(most, len(conn.sending.flight.records) if conn.sending else 0)
        answers = []
        for seg in segments:
            peer.ack = add(seg.seq, len(seg.data))
            answers += peer.send()
        segments = answers
    assert conn.snd_una == conn.snd_nxt
    assert conn.sending is not None
    assert conn.sending.congestion.cwnd > 48 * MAX_RECORDS  # it is not the path that holds it back
    assert most <= MAX_RECORDS


def test_timestamps_take_their_room_from_the_segment() -> None:
    peer = Peer(mss=1000, timestamp=5)
    assert lengths(sent(peer, peer.open(), 1000)) == [988, 12]


@pytest.mark.parametrize(("mss", "size"), [(None, 536), (0, 536), (1, 48), (9000, 1460)])
def test_an_absurd_mss_is_held_within_reason(mss: int | None, size: int) -> None:
    peer = Peer(mss=mss)
    assert lengths(sent(peer, peer.open(), size + 1)) == [size, 1]


def test_the_fin_rides_on_the_last_data() -> None:
    peer = Peer()
    conn = peer.open()
    conn.send(b"bye", peer.now)
    conn.close(peer.now)
    (segment,) = peer.answers()
    assert segment.flags == ACK | PSH | FIN
    assert bytes(segment.data) == b"bye"


def test_the_initial_congestion_window_is_ten_segments() -> None:
    peer = Peer(scale=7)
    assert lengths(sent(peer, peer.open(), 50_000)) == [1460] * 10


def test_nothing_is_sent_beyond_the_peers_window() -> None:
    peer = Peer(window=4000)
    segments = sent(peer, peer.open(), 10_000)
    assert sum(lengths(segments)) <= 4000
    assert lengths(segments) == [1460, 1460]  # the rest of the window would be a silly segment


def test_a_small_window_is_filled_when_it_is_half_of_the_largest() -> None:
    peer = Peer(window=500)
    assert lengths(sent(peer, peer.open(), 5000)) == [500]


def test_a_window_that_shrank_below_what_was_sent_sends_nothing() -> None:
    peer = Peer()
    conn = peer.open()
    sent(peer, conn, 1000)
    peer.say(b"x")
    peer.window = 10
    peer.say(b"y")
    assert sent(peer, conn, 10) == []


def test_without_nagle_small_pieces_leave_at_once_and_with_it_they_wait() -> None:
    peer = Peer()
    conn = peer.open()
    assert lengths(sent(peer, conn, 1)) == [1]
    assert lengths(sent(peer, conn, 1)) == [1]
    conn.nodelay = False
    assert sent(peer, conn, 1) == []
    assert lengths(sent(peer, conn, 1460)) == [1460]
    assert lengths(peer.send(ACK, ack=conn.snd_nxt)) == [1]


def test_three_selected_segments_bring_the_lost_one_back() -> None:
    peer = Peer(mss=1000)
    conn = peer.open()
    segments = sent(peer, conn, 6000)
    peer.now += 0.05
    options = sack_option([(segments[2].seq, add(segments[5].seq, 1000))])
    again = peer.send(ACK, ack=segments[1].seq, options=options)
    assert [(seg.seq, len(seg.data)) for seg in again] == [(segments[1].seq, 1000)]
    assert bytes(again[0].data) == bytes(1000)
    assert peer.tcp.statistics()["retransmitted"] == 1


def test_three_duplicates_bring_the_first_one_back_without_sack() -> None:
    peer = Peer(mss=1000, sack=False)
    conn = peer.open()
    segments = sent(peer, conn, 6000)
    assert [peer.send() for _ in range(2)] == [[], []]
    assert [seg.seq for seg in peer.send()] == [segments[0].seq]
    # A partial acknowledgement shows the next gap (RFC 6582).
    assert [seg.seq for seg in peer.send(ACK, ack=segments[3].seq)] == [segments[3].seq]
    assert peer.send(ACK, ack=conn.snd_nxt) == []


def test_duplicates_let_new_data_out_first() -> None:
    peer = Peer(mss=1000, sack=False)
    conn = peer.open()
    sent(peer, conn, 10_000)
    assert sent(peer, conn, 5000) == []
    assert lengths(peer.send()) == [1000]  # RFC 3042


def test_an_unanswered_segment_comes_back_with_doubling_waits() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    sent(peer, conn, 100)
    times = []
    for _ in range(400):
        times += [round(peer.now - 1000, 1) for _ in peer.wait(0.1)]
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) >= 6
    assert all(later == pytest.approx(2 * step, rel=0.2) for step, later in itertools.pairwise(steps))


def test_a_piece_acknowledged_in_the_middle_is_sent_again_from_there() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    conn.send(b"0123456789", peer.now)
    peer.answers()
    peer.send(ACK, ack=add(peer.ack, 4))
    again = peer.wait(2)
    assert bytes(again[0].data) == b"456789"


def test_a_lost_fin_is_sent_again() -> None:
    peer = Peer()
    peer.open().close(peer.now)
    (fin,) = peer.answers()
    again = peer.wait(1.5)
    assert (again[0].seq, again[0].flags) == (fin.seq, ACK | FIN)


def test_sack_blocks_ride_on_data_only_where_there_is_room() -> None:
    peer = Peer(mss=1000)
    conn = peer.open()
    peer.send(ACK, b"x", seq=add(peer.seq, 9))
    segments = sent(peer, conn, 1500)
    assert [bool(seg.sack) for seg in segments] == [False, True]
    assert all(len(seg.data) + len(seg.options) <= 1000 for seg in segments)


def test_abort_sends_the_reset_of_linux() -> None:
    peer = Peer()
    conn = peer.open()
    conn.abort(peer.now)
    (reset,) = peer.answers()
    assert (reset.flags, reset.seq, reset.ack, reset.options) == (RST | ACK, conn.snd_nxt, peer.seq, b"")


def test_the_send_buffer_is_bounded_and_room_is_told() -> None:
    peer = Peer(make_tcp(3, send_buffer=6000), mss=1000)
    conn = peer.open()
    assert conn.writable == 6000
    assert conn.send(bytes(10_000), peer.now) == 6000
    peer.answers()
    peer.send(ACK, ack=add(peer.ack, 1000))
    assert peer.told(Writable) == []
    peer.send(ACK, ack=add(peer.ack, 2000))
    assert peer.told(Writable) == [Writable(conn)]
    assert conn.writable == 2000


def test_after_a_pause_the_congestion_window_begins_anew() -> None:
    peer = Peer(scale=7)
    conn = peer.open()
    for _ in range(4):
        for seg in sent(peer, conn, 14_600):
            peer.send(ACK, ack=add(seg.seq, len(seg.data)))
    assert conn.sending is not None
    assert conn.sending.congestion.cwnd > 14_600
    peer.now += 100
    assert lengths(sent(peer, conn, 60_000)) == [1460] * 10


def test_the_first_lost_segment_goes_out_however_much_is_in_flight() -> None:
    peer = Peer(sack=False, mss=1000)
    conn = peer.open()
    conn.send(bytes(10_000), peer.now)
    first = peer.answers()[0]
    assert peer.send() == []
    assert peer.send() == []
    assert [seg.seq for seg in peer.send()] == [first.seq]


def test_nagle_does_not_hold_the_last_segment_back() -> None:
    peer = Peer()
    conn = peer.open()
    conn.nodelay = False
    for data in (b"first", b"last"):
        conn.send(data, peer.now)
        if data == b"last":
            conn.close(peer.now)
        segments = peer.answers()
    assert [seg.flags for seg in segments] == [ACK | PSH | FIN]


def test_before_the_handshake_is_over_nothing_is_sent() -> None:
    peer = Peer()
    conn = peer.tcp.connect(peer.path, *peer.ports, peer.now)
    conn.send(b"early", peer.now)
    assert [bytes(seg.data) for seg in peer.answers()] == [b""]


def test_a_probe_has_an_old_number_and_no_data() -> None:
    peer = Peer(window=0)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    probe = peer.wait(5)[0]
    assert (probe.seq, bytes(probe.data)) == (add(conn.snd_una, -1), b"")


def test_a_small_window_is_used_when_time_is_up() -> None:
    peer = Peer(mss=1000)
    conn = peer.open()
    peer.say(b"x")
    peer.window = 100
    peer.say(b"y")
    conn.send(bytes(1000), peer.now)
    assert peer.answers() == []
    assert len(peer.wait(3)[0].data) == 100
    assert conn.sending is not None
    assert not send_one(conn, conn.sending, peer.now)


def test_duplicates_are_told_without_gaps_and_gaps_not_without_sack() -> None:
    peer = Peer()
    peer.open()
    peer.say(b"hello")
    (answer,) = peer.send(ACK, b"hello", seq=add(peer.seq, -5))
    assert answer.sack == ((add(peer.seq, -5), peer.seq),)
    old = Peer(sack=False)
    old.open()
    (answer,) = old.send(ACK, b"later", seq=add(old.seq, 10))
    assert answer.sack == ()


@pytest.mark.parametrize(("window", "sizes"), [(999, []), (1000, [1000]), (1001, [1001])])
def test_a_part_of_a_segment_leaves_where_it_fills_half_of_the_largest_window(window: int, sizes: list[int]) -> None:
    peer = Peer(mss=1460)
    conn = peer.open()
    peer.say(b"x")
    peer.window = window
    peer.say(b"y")
    conn.max_window = 2001
    assert lengths(sent(peer, conn, 5000)) == sizes


def test_a_user_who_has_more_to_send_waits_for_whole_segments() -> None:
    peer = Peer(make_tcp(3, send_buffer=2500), mss=1000)
    conn = peer.open()
    assert conn.send(bytes(4000), peer.now) == 2500
    assert lengths(peer.answers()) == [1000, 1000]
    assert lengths(peer.send(ack=conn.snd_nxt)) == [500]  # nothing is out that could bring room


def test_small_segments_that_were_lost_come_back_in_one() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    for word in (b"one", b"two", b"three"):
        conn.send(word, peer.now)
        assert len(peer.answers()) == 1
    conn.close(peer.now)
    peer.answers()
    (again,) = peer.wait(0.25)
    assert (again.flags, bytes(again.data)) == (ACK | PSH | FIN, b"onetwothree")


def test_they_do_not_come_back_in_more_than_the_window_takes() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    peer.say(b"x")
    for word in (b"one", b"two"):
        conn.send(word, peer.now)
        peer.answers()
    peer.window = 5
    peer.say(b"y")
    assert [bytes(seg.data) for seg in peer.wait(0.25)] == [b"one"]


def test_after_a_time_out_small_segments_leave_one_at_a_time() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    peer.answers()
    assert len(peer.wait(0.25)) == 1
    conn.send(b"more", peer.now)
    assert peer.answers() == []
    peer.ack = add(peer.ack, 2)  # a part of a segment leaves it in the network
    assert peer.send() == []
    (answer,) = peer.send(ack=conn.snd_nxt)
    assert bytes(answer.data) == b"more"


def test_what_was_pushed_is_pushed_again_whatever_is_queued_behind_it() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    peer.answers()
    peer.wait(0.25)
    conn.send(b"more", peer.now)
    peer.answers()
    (again,) = peer.wait(0.45)
    assert (again.flags, bytes(again.data)) == (ACK | PSH, b"hello")


def test_a_whole_segment_is_not_pushed_when_it_is_sent_again() -> None:
    peer = Peer(sack=False, mss=1000)
    conn = peer.open()
    conn.send(bytes(2000), peer.now)
    peer.answers()
    assert [seg.flags for seg in peer.wait(0.25)] == [ACK]


@pytest.mark.parametrize(
    ("size", "runs"), [(1999, []), (2000, [2]), (3500, [3]), (100_000, [5, 5])], ids=["short", "two", "three", "window"]
)
def test_full_segments_leave_in_runs_where_the_link_cuts_them(size: int, runs: list[int]) -> None:
    peer = Peer(make_tcp(3, cuts_runs=True), mss=1000, scale=4)
    conn = peer.open()
    conn.send(bytes(size), peer.now)
    sent = [segment for _, segment in peer.tcp.poll_transmit(peer.now)]
    assert [segment.pieces for segment in sent if isinstance(segment, Run)] == runs
    assert [bool(segment[13] & PSH) for segment in sent if isinstance(segment, Run)] == [True] * len(runs)


@pytest.mark.parametrize("closing", [False, True])
def test_the_last_segment_of_what_ends_is_no_part_of_a_run(closing: bool) -> None:
    peer = Peer(make_tcp(3, cuts_runs=True), mss=1000)
    conn = peer.open()
    conn.send(bytes(2000), peer.now)
    if closing:
        conn.close(peer.now)
    sent = [segment for _, segment in peer.tcp.poll_transmit(peer.now)]
    assert [isinstance(segment, Run) for segment in sent] == ([False, False] if closing else [True])
    if not closing:
        conn.send(bytes(2000), peer.now)
        assert [isinstance(segment, Run) for _, segment in peer.tcp.poll_transmit(peer.now)] == [True]


def test_what_owes_selective_acknowledgements_is_no_run() -> None:
    peer = Peer(make_tcp(3, cuts_runs=True), mss=1000)
    conn = peer.open()
    peer.send(ACK, b"x", seq=add(peer.seq, 9))
    conn.send(bytes(2000), peer.now)
    assert [bool(seg.sack) for seg in peer.answers()] == [False, False]


def test_congestion_that_was_told_is_echoed() -> None:
    peer = Peer()
    conn = peer.open()
    conn.ecn = Ecn.ECHOING
    assert [seg.flags for seg in sent(peer, conn, 1)] == [ACK | PSH | ECE]
