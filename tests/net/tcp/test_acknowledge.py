"""What an acknowledgement does to the send side: window, round trip, congestion window, recovery."""

from __future__ import annotations

import pytest

from honeystack.net.notices import Writable
from honeystack.net.tcp.acknowledge import updates_window
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.flight import MAX_REORDERING
from honeystack.net.tcp.sending import Sending
from honeystack.net.tcp.seq import add
from honeystack.net.wire.facts import IcmpErrorKind
from honeystack.net.wire.tcp import ACK, CWR, ECE, SYN, decode_segment, sack_option, syn_options, timestamp_option
from tests.net.tcp.pair import make_tcp, peer_segment
from tests.net.tcp.peer import Peer
from tests.net.tcp.test_path_errors import report


def sender(count: int, *, sack: bool = True, timestamp: int | None = None) -> tuple[Peer, Connection, Sending]:
    """A peer to which `count` segments of 1000 bytes have just been sent."""
    peer = Peer(mss=1000 if timestamp is None else 1012, sack=sack, scale=7, timestamp=timestamp)
    conn = peer.open()
    conn.send(bytes(1000 * count), peer.now)
    peer.answers()
    assert conn.sending is not None
    return peer, conn, conn.sending


def test_the_window_is_taken_from_newer_segments_only() -> None:
    peer, conn, _ = sender(1)
    peer.send(ACK, ack=conn.snd_nxt, window=100)
    assert conn.snd_wnd == 100 << 7
    peer.ack = conn.snd_nxt
    peer.say(b"newer")
    peer.window = 50
    peer.send(ACK, seq=add(peer.seq, -2), window=7)
    assert conn.snd_wnd == 65_535 << 7
    assert conn.max_window == 65_535 << 7


def test_a_round_trip_is_measured_on_segments_sent_once() -> None:
    peer, conn, sending = sender(1)
    peer.now += 0.3
    peer.send(ACK, ack=conn.snd_nxt)
    assert conn.rtt == pytest.approx(sending.estimator.srtt)
    assert sending.estimator.srtt > 0.03


def test_of_a_retransmitted_segment_the_echoed_timestamp_tells() -> None:
    peer, conn, sending = sender(1, timestamp=9)
    peer.wait(1.4)
    assert sending.estimator.backoff > 0
    peer.now += 0.05
    peer.send(ACK, ack=conn.snd_nxt)
    assert sending.estimator.backoff == 0
    assert 0 < sending.estimator.srtt < 1.0  # since the last sending, not the first


def test_without_timestamps_a_retransmitted_segment_tells_nothing() -> None:
    peer, conn, sending = sender(1, sack=False)
    peer.wait(1.4)
    backoff = sending.estimator.backoff
    peer.send(ACK, ack=conn.snd_nxt)
    assert sending.estimator.backoff == backoff > 0


@pytest.mark.parametrize("echo", [0, 2**31])
def test_a_forged_echo_is_not_believed(echo: int) -> None:
    peer, conn, sending = sender(1, timestamp=9)
    peer.wait(1.4)
    backoff = sending.estimator.backoff
    assert conn.ts_recent is not None
    options = timestamp_option(10, 0 if echo == 0 else add(peer.echo, echo))
    peer.send(ACK, ack=conn.snd_nxt, options=options)
    assert sending.estimator.backoff == backoff


def test_the_congestion_window_grows_only_while_it_is_used() -> None:
    peer, conn, sending = sender(10)
    peer.send(ACK, ack=conn.snd_nxt)
    grown = sending.congestion.cwnd
    assert grown > 10_000
    conn.send(b"x", peer.now)
    peer.answers()
    peer.send(ACK, ack=conn.snd_nxt)
    assert sending.congestion.cwnd == grown


def test_recovery_ends_when_what_was_sent_before_it_has_arrived() -> None:
    peer, conn, sending = sender(10)
    start = conn.snd_una
    peer.now += 0.05
    peer.send(ACK, ack=start, options=sack_option([(add(start, 1000), add(start, 5000))]))
    congestion = sending.congestion
    assert congestion.recovery_point == conn.snd_nxt
    assert congestion.cwnd == 5000
    peer.send(ACK, ack=add(start, 5000))
    assert congestion.recovery_point is not None
    peer.send(ACK, ack=conn.snd_nxt)
    assert congestion.recovery_point is None


def test_a_duplicate_block_widens_the_patience_for_reordering() -> None:
    peer, conn, sending = sender(3)
    start = conn.snd_una
    for _ in range(20):
        peer.send(ACK, ack=add(start, 1000), options=sack_option([(start, add(start, 1000))]))
    assert sending.flight.reordering == MAX_REORDERING
    assert sending.flight.reordered


def test_duplicates_with_text_or_another_window_do_not_count() -> None:
    peer, conn, sending = sender(5, sack=False)
    peer.ack, peer.window = add(peer.ack, 1000), 500
    peer.send()
    peer.send(window=999)
    peer.window = 999
    peer.say(b"text")
    assert sending.flight.duplicates == 0
    peer.send()
    peer.send(window=1500)
    assert sending.flight.duplicates == 2 - 1
    assert conn.snd_una == peer.ack


def test_no_number_of_duplicates_lets_out_more_than_the_flight() -> None:
    peer, conn, sending = sender(10, sack=False)
    conn.send(bytes(200_000), peer.now)
    for _ in range(500):
        peer.send()
    assert sending.flight.flying <= 45_000


def test_slow_start_goes_on_after_a_time_out() -> None:
    peer, conn, sending = sender(10, sack=False)
    start = conn.snd_una
    again = peer.wait(0.25)
    assert [seg.seq for seg in again] == [start]
    assert [seg.seq for seg in peer.send(ACK, ack=add(start, 1000))] == [add(start, 1000), add(start, 2000)]
    assert sending.congestion.restarting


def test_a_window_that_opens_ends_the_back_off_of_its_probes() -> None:
    peer = Peer(window=0)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    peer.wait(10)
    sending = conn.sending
    assert sending is not None
    assert sending.estimator.backoff > 2
    peer.send(window=1000)
    assert sending.estimator.backoff == 0


def test_another_window_while_nothing_is_out_is_remembered() -> None:
    peer = Peer(window=50)
    conn = peer.open()
    conn.send(bytes(10), peer.now)
    peer.answers()
    peer.send(ack=conn.snd_nxt, window=50)
    peer.send(ack=conn.snd_nxt, window=60)
    assert conn.snd_wnd == 60


@pytest.mark.parametrize(("said", "kept"), [(100, 100), (101, 101), (99, 100), (1, 100), (0, 0)])
def test_a_segment_with_the_same_numbers_enlarges_the_window_or_shuts_it(said: int, kept: int) -> None:
    peer = Peer(window=100)
    conn = peer.open()
    peer.send(window=said)
    assert conn.snd_wnd == kept


@pytest.mark.parametrize("newer", ["text", "acknowledgement"])
def test_a_segment_with_newer_numbers_may_make_the_window_smaller(newer: str) -> None:
    peer, conn, _ = sender(1)
    peer.say(b"x")
    peer.window = 9
    if newer == "text":
        peer.say(b"x")
    else:
        peer.send(ack=conn.snd_nxt)
    assert conn.snd_wnd == 9 << 7


@pytest.mark.parametrize(
    ("offset", "window", "updates"), [(0, 50, False), (0, 51, True), (0, 0, True), (-1, 99, False), (1, 1, True)]
)
def test_what_updates_a_window(offset: int, window: int, updates: bool) -> None:
    peer = Peer(window=50)
    conn = peer.open()
    segment = peer_segment(peer.path, peer.ports, add(conn.snd_wl1, offset), peer.ack, ACK, window=window)
    assert updates_window(conn, decode_segment(segment)) is updates


def test_a_window_from_an_older_segment_is_not_believed() -> None:
    peer = Peer(window=500)
    conn = peer.open()
    peer.say(b"hello")
    peer.say(b"world")
    peer.send(ACK, b"helloworld, again", seq=add(peer.seq, -10), window=9)
    assert conn.snd_wnd == 500


def test_a_partial_acknowledgement_brings_the_next_segment_out() -> None:
    peer = Peer(sack=False, mss=1000)
    conn = peer.open()
    conn.send(bytes(5000), peer.now)
    segments = peer.answers()
    for _ in range(3):
        peer.send()
    assert [seg.seq for seg in peer.send(ack=segments[2].seq)] == [segments[2].seq]


def test_room_is_told_of_once_there_is_enough() -> None:
    peer = Peer(make_tcp(3, send_buffer=3000), mss=1000)
    conn = peer.open()
    assert conn.send(bytes(4000), peer.now) == 3000
    segments = peer.answers()
    peer.send(ack=segments[1].seq)
    assert peer.told(Writable) == [Writable(conn)]


def test_a_single_selected_segment_is_not_yet_a_loss() -> None:
    peer = Peer(mss=1000)
    (answer,) = peer.syn()
    peer.now += 0.1
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    (conn,) = peer.tcp.flows.values()
    conn.send(bytes(2000), peer.now)
    segments = peer.answers()
    peer.now += 0.1
    assert peer.send(options=sack_option([(segments[1].seq, add(segments[1].seq, 1000))])) == []
    assert conn.sending is not None
    assert conn.sending.congestion.recovery_point is None


@pytest.mark.parametrize(("in_use", "grows"), [(4900, False), (5000, True)])
def test_a_window_in_half_use_grows_and_below_that_it_does_not(in_use: int, grows: bool) -> None:
    peer, conn, sending = sender(1)
    peer.send(ACK, ack=conn.snd_nxt)
    sending.congestion.cwnd = 10_000
    conn.send(bytes(in_use), peer.now)
    peer.answers()
    peer.send(ACK, ack=conn.snd_nxt)
    assert (sending.congestion.cwnd > 10_000) is grows


def test_once_a_probe_is_acknowledged_the_next_flight_may_be_probed_too() -> None:
    peer, conn, sending = sender(1)
    for _ in range(2):
        sending.estimator.sample(0.05)
        conn.send(bytes(1000), peer.now)
        peer.answers()
        assert len(peer.wait(0.5)) > 0
        peer.send(ACK, ack=conn.snd_nxt)
        assert not sending.probing


@pytest.mark.parametrize(("taken", "told"), [(999, 0), (1000, 1)])
def test_a_third_of_the_buffer_is_room_worth_telling(taken: int, told: int) -> None:
    peer = Peer(make_tcp(3, send_buffer=3000))
    conn = peer.open()
    conn.send(bytes(4000), peer.now)
    peer.answers()
    peer.send(ack=add(peer.ack, taken))
    assert len(peer.told(Writable)) == told


def test_a_smaller_window_that_is_not_believed_makes_no_difference_to_a_duplicate() -> None:
    peer, _, sending = sender(5, sack=False)
    for window in (900, 800):
        peer.send(window=window)
    assert sending.flight.duplicates == 2


def test_the_largest_window_is_remembered() -> None:
    peer = Peer(window=1000)
    conn = peer.open()
    for window, largest in ((5000, 5000), (0, 5000), (3000, 5000), (6000, 6000)):
        peer.send(window=window)
        assert (conn.snd_wnd, conn.max_window) == (window, largest)


def test_duplicates_say_nothing_while_all_is_cut_anew_and_sent_again() -> None:
    peer, conn, sending = sender(20, sack=False)
    assert report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 840) == [800] * 10
    assert (peer.send(), sending.flight.duplicates) == ([], 0)
    peer.ack = add(peer.ack, 10_000)
    assert len(peer.send()) > 1
    peer.send()
    assert (conn.mss, sending.flight.duplicates) == (800, 1)


def test_an_echo_of_congestion_reduces_the_window_once_and_the_next_data_says_so() -> None:
    peer = Peer(mss=1000, scale=7)
    (answer,) = peer.send(SYN | ECE | CWR, options=syn_options(1000, window_scale=7, sack=True, timestamps=None))
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    (conn,) = peer.tcp.flows.values()
    conn.send(bytes(10_000), peer.now)
    peer.answers()
    assert conn.sending is not None
    before = conn.sending.congestion.cwnd
    for acked in (1000, 2000):
        peer.send(ACK | ECE, ack=add(peer.ack, acked))
    assert conn.sending.congestion.cwnd < before
    peer.send(ACK | ECE, ack=add(peer.ack, 10_000))
    conn.send(bytes(1500), peer.now)
    assert [seg.flags & CWR for seg in peer.answers()] == [CWR, 0]


def test_a_time_out_halves_what_the_path_may_bear() -> None:
    peer, _, sending = sender(10)
    peer.wait(1.1)
    assert sending.congestion.restarting
    assert sending.congestion.ssthresh == 5000
