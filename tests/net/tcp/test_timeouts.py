"""What a connection's timer does: probes, retries, giving up."""

from __future__ import annotations

import pytest

from honeystack.net.limits import Limits
from honeystack.net.notices import Closed, CloseReason
from honeystack.net.tcp.connection import Timer
from honeystack.net.tcp.flight import SACKED
from honeystack.net.tcp.retransmit import ORPHAN_RETRIES, SYN_RETRIES
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.timeouts import HALF_CLOSED_SECONDS, _probe_for_loss
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN, sack_option
from tests.net.tcp.pair import make_tcp, peer_segment
from tests.net.tcp.peer import FACTS, Peer, reasons


def test_an_idle_connection_has_no_timer() -> None:
    peer = Peer()
    peer.open()
    peer.say(b"hello")
    assert peer.tcp.poll_timeout() is None


def test_unanswered_data_is_given_up_after_fifteen_retries() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    segments = peer.wait(3000)
    assert sum(bytes(seg.data) == b"hello" for seg in segments) == 1 + Limits().retries
    assert reasons(peer) == [CloseReason.TIMEOUT]


def test_a_released_connection_is_given_up_sooner() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    conn.release(peer.now)
    assert sum(bool(seg.flags & FIN) for seg in peer.wait(3000)) == 1 + ORPHAN_RETRIES
    assert reasons(peer) == [CloseReason.TIMEOUT]


def test_an_open_that_nobody_answers_is_given_up() -> None:
    peer = Peer()
    conn = peer.tcp.connect(peer.path, 9, 9, peer.now)
    segments = peer.wait(200)
    assert [seg.flags for seg in segments] == [SYN] * (1 + SYN_RETRIES)
    assert peer.told(Closed) == [Closed(conn, CloseReason.TIMEOUT)]


def test_a_lost_tail_is_probed_before_the_time_out() -> None:
    peer = Peer()
    (answer,) = peer.syn()
    peer.now += 0.05
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    conn = next(iter(peer.tcp.flows.values()))
    conn.send(bytes(4000), peer.now)
    segments = peer.answers()
    assert conn.timer is Timer.LOSS_PROBE
    (probe,) = peer.wait(0.12)  # two round trips; the time-out would be 250 ms
    assert probe.seq == segments[-1].seq
    assert conn.timer is Timer.RETRANSMIT


def test_a_probe_carries_new_data_where_there_is_some() -> None:
    peer = Peer(window=3000, mss=1000)
    (answer,) = peer.syn()
    peer.now += 0.05
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    conn = next(iter(peer.tcp.flows.values()))
    conn.nodelay = False
    conn.send(bytes(2500), peer.now)
    assert len(peer.answers()) == 2
    (probe,) = peer.wait(0.12)
    assert len(probe.data) == 500


def test_reordering_is_waited_for_and_then_it_is_loss() -> None:
    peer = Peer(mss=1000)
    (answer,) = peer.syn()
    peer.now += 0.08
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    conn = next(iter(peer.tcp.flows.values()))
    conn.send(bytes(3000), peer.now)
    segments = peer.answers()
    peer.now += 0.08
    assert peer.send(ACK, ack=segments[0].seq, options=sack_option([(segments[1].seq, segments[2].seq)])) == []
    assert conn.timer is Timer.REORDER
    assert [seg.seq for seg in peer.wait(0.05)] == [segments[0].seq]


# Zero window


def closed_window() -> Peer:
    peer = Peer()
    conn = peer.open()
    peer.window = 0
    peer.send()
    conn.send(b"waiting", peer.now)
    return peer


def test_a_closed_window_is_probed_with_doubling_waits_for_ever_while_it_is_answered() -> None:
    peer = closed_window()
    assert peer.answers() == []
    gaps = []
    last = peer.now
    for _ in range(20):
        while not (probes := peer.wait(0.2)):
            pass
        assert [(seg.seq, len(seg.data)) for seg in probes] == [(add(peer.ack, -1), 0)]
        gaps.append(peer.now - last)
        last = peer.now
        peer.send()
    assert gaps[3] > gaps[1]
    assert gaps[-1] == pytest.approx(120, abs=1)
    assert peer.told(Closed) == []


def test_an_opened_window_is_used_at_once() -> None:
    peer = closed_window()
    peer.wait(1)
    (segment,) = peer.send(ACK, window=1000)
    assert bytes(segment.data) == b"waiting"


def test_unanswered_probes_are_given_up() -> None:
    peer = closed_window()
    peer.wait(5000)
    assert reasons(peer) == [CloseReason.TIMEOUT]


def answering(peer: Peer, seconds: int, *, window: int = 0) -> None:
    """Answer whatever comes for so long."""
    for _ in range(seconds):
        if peer.wait(1) and not peer.told(Closed):
            peer.send(window=window)


def test_a_released_connection_is_not_held_for_ever_by_a_window_that_stays_closed() -> None:
    peer = closed_window()
    assert peer.tcp.connections == 1
    next(iter(peer.tcp.flows.values())).release(peer.now)
    answering(peer, 150)
    assert reasons(peer) == []
    answering(peer, 400)
    assert reasons(peer) == [CloseReason.TIMEOUT]


def test_a_slow_reader_of_a_released_connection_gets_all() -> None:
    peer = closed_window()
    next(iter(peer.tcp.flows.values())).release(peer.now)
    answering(peer, 150)
    (segment,) = peer.send(window=1000)
    assert bytes(segment.data) == b"waiting"
    assert segment.flags & FIN


def test_a_released_connection_whose_window_shrank_to_zero_goes_on_while_it_is_answered() -> None:
    peer = Peer()
    conn = peer.open()
    conn.send(b"hello", peer.now)
    conn.release(peer.now)
    assert peer.answers()
    peer.send(window=0)
    answering(peer, 150)
    assert reasons(peer) == []
    answering(peer, 400)
    assert reasons(peer) == [CloseReason.TIMEOUT]


@pytest.mark.parametrize("retries", [3, ORPHAN_RETRIES])
def test_a_released_connection_whose_probes_nobody_answers_is_given_up_soon(retries: int) -> None:
    peer = closed_window()
    conn = next(iter(peer.tcp.flows.values()))
    conn.retries = retries
    conn.release(peer.now)
    assert len(peer.wait(300)) == retries
    assert reasons(peer) == [CloseReason.TIMEOUT]


def test_a_silly_window_is_used_after_a_wait() -> None:
    peer = Peer(mss=1000)
    conn = peer.open()
    peer.say(b"x")
    peer.window = 100
    peer.say(b"y")
    conn.send(bytes(900), peer.now)
    assert peer.answers() == []
    segments = peer.wait(1.1)
    assert (segments[0].flags, len(segments[0].data)) == (ACK | PSH, 100)  # as Linux pushes it


# FIN-WAIT-2


def fin_wait_2() -> Peer:
    peer = Peer()
    peer.open().close(peer.now)
    (fin,) = peer.answers()
    peer.ack = add(fin.seq, 1)
    peer.send()
    return peer


def test_a_peer_that_never_closes_is_given_up_after_long_silence() -> None:
    peer = fin_wait_2()
    peer.wait(HALF_CLOSED_SECONDS - 10)
    peer.say(b"still talking")
    peer.wait(HALF_CLOSED_SECONDS - 10)
    assert peer.told(Closed) == []
    peer.wait(15)
    assert reasons(peer) == [CloseReason.TIMEOUT]


def test_after_that_its_segments_are_reset() -> None:
    peer = fin_wait_2()
    peer.wait(HALF_CLOSED_SECONDS + 1)
    assert [seg.flags for seg in peer.send(ACK | PSH, b"late")] == [RST]


# Keep-alive


@pytest.mark.parametrize("sack", [True, False], ids=["loss-probe", "retransmission"])
def test_an_acknowledgement_in_the_same_turn_as_the_timer_comes_first(sack: bool) -> None:
    peer = Peer(sack=sack)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    peer.answers()
    deadline = peer.tcp.poll_timeout()
    assert deadline is not None
    peer.now = deadline
    segment = peer_segment(peer.path, peer.ports, peer.seq, add(peer.ack, 5), ACK)
    peer.tcp.receive_segment(peer.path, segment, FACTS, peer.now, verify=True)
    peer.tcp.handle_timeout(peer.now)  # before the outputs: a driver takes a batch of frames, then its timers
    assert peer.answers() == []
    assert peer.tcp.poll_timeout() is None


def test_a_timer_that_is_due_all_the_same_is_not_put_off_by_what_comes() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    peer.answers()
    deadline = peer.tcp.poll_timeout()
    assert deadline is not None
    peer.now = deadline
    segment = peer_segment(peer.path, peer.ports, peer.seq, peer.ack, ACK | PSH, data=b"and you?")
    peer.tcp.receive_segment(peer.path, segment, FACTS, peer.now, verify=True)
    peer.tcp.handle_timeout(peer.now)
    assert b"hello" in [bytes(seg.data) for seg in peer.answers()]


def test_the_user_sets_how_often_a_segment_is_repeated() -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    conn.retries = 2
    conn.send(b"hello", peer.now)
    assert sum(bytes(seg.data) == b"hello" for seg in peer.wait(3000)) == 3
    assert reasons(peer) == [CloseReason.TIMEOUT]


@pytest.mark.parametrize(("answers", "left"), [(True, []), (False, [CloseReason.TIMEOUT])])
def test_a_shrunk_window_is_probed_while_somebody_answers(answers: bool, left: list[CloseReason]) -> None:
    peer = Peer(sack=False)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    peer.answers()
    peer.send(window=0)
    for _ in range(Limits().retries + 5):
        peer.wait(120)
        if answers:
            peer.send(window=0)
    assert reasons(peer) == left


def test_a_single_small_segment_is_probed_when_its_time_out_comes() -> None:
    peer = Peer()
    (answer,) = peer.syn()
    peer.now += 0.05
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    (conn,) = peer.tcp.flows.values()
    conn.send(b"hello", peer.now)
    peer.answers()
    assert conn.timer is Timer.LOSS_PROBE  # RFC 8985 §7.2: no later than the time-out
    assert conn.sending is not None
    assert peer.tcp.poll_timeout() == pytest.approx(peer.now + conn.sending.estimator.rto, abs=0.02)


def test_a_probe_repeats_nothing_that_has_arrived() -> None:
    peer = Peer(mss=1000)
    conn = peer.open()
    conn.send(bytes(2000), peer.now)
    peer.answers()
    sending = conn.sending
    assert sending is not None
    sending.flight.records[-1].fate = SACKED
    _probe_for_loss(conn, sending, peer.now)
    assert peer.tcp.out == []
    assert sending.probing


@pytest.mark.parametrize("retries", [1, 4])
def test_r2_is_a_setting_for_all_connections(retries: int) -> None:
    peer = Peer(make_tcp(3, retries=retries), sack=False)
    conn = peer.open()
    assert conn.retries == retries
    conn.send(b"hello", peer.now)
    assert sum(bytes(seg.data) == b"hello" for seg in peer.wait(3000)) == 1 + retries
    assert reasons(peer) == [CloseReason.TIMEOUT]


def test_r2_of_a_window_that_stays_shut_is_the_same() -> None:
    peer = Peer(make_tcp(3, retries=3), window=0)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    assert len(peer.wait(3000)) == 3
    assert reasons(peer) == [CloseReason.TIMEOUT]


def test_a_released_connection_has_no_more_retries_than_others() -> None:
    peer = Peer(make_tcp(3, retries=2), sack=False)
    conn = peer.open()
    conn.send(b"hello", peer.now)
    conn.release(peer.now)
    assert sum(bool(seg.data) for seg in peer.wait(3000)) == 1 + 2


@pytest.mark.parametrize(("released", "ends"), [(False, []), (True, [CloseReason.TIMEOUT])])
def test_a_peer_that_repeats_what_we_have_is_still_there(released: bool, ends: list[CloseReason]) -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"text")
    conn.receive(9, peer.now)
    if released:
        conn.release(peer.now)
    else:
        conn.close(peer.now)
    peer.answers()
    peer.ack = conn.snd_nxt
    peer.send()
    for _ in range(4):
        peer.wait(100)
        peer.send(ACK | PSH, b"ext", seq=add(peer.seq, -4))
    assert reasons(peer) == ends


def test_a_silent_peer_is_asked_again_and_given_up() -> None:
    limits = {"keep_alive_seconds": 60.0, "keep_alive_interval_seconds": 10.0, "keep_alive_probes": 2}
    peer = Peer(make_tcp(3, keep_alive=True, **limits))
    peer.open()
    peer.wait(30)
    peer.send()  # the first look is too early
    assert peer.wait(59) == []
    assert len(peer.wait(2)) == 1
    assert len(peer.wait(10)) == 1
    assert reasons(peer) == []
    assert peer.wait(10) == []
    assert reasons(peer) == [CloseReason.TIMEOUT]
