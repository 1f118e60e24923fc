"""Runs change nothing but PSH at their ends: the same script against a stack with them and one without, in step."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.net.tcp.ecn import Ecn
from honeystack.net.tcp.seq import add, diff
from honeystack.net.wire.runs import Run
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, CWR, FIN, PSH, sack_option
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


def both(**options: object) -> tuple[Peer, Peer]:
    peers = tuple(Peer(make_tcp(3, cuts_runs=runs), scale=4, **options) for runs in (True, False))  # type: ignore[arg-type]
    for peer in peers:
        peer.open()
    return peers[0], peers[1]


def facts(segments: list[Segment]) -> list[tuple[int, int, int, bytes, object]]:
    return [(seg.seq, seg.ack, seg.flags & ~PSH, bytes(seg.data), seg.timestamps) for seg in segments]


def send(peer: Peer, data: bytes) -> list[Segment]:
    assert peer.conn is not None
    peer.conn.send(data, peer.now)
    return peer.answers()


def test_a_run_has_the_data_of_full_segments_and_one_header() -> None:
    peer, _ = both(mss=1000)
    assert peer.conn is not None
    peer.conn.send(bytes(3500), peer.now)
    (_, run), (_, rest) = peer.tcp.poll_transmit(peer.now)
    assert isinstance(run, Run)
    assert (len(run), len(run.data), run.size, run.pieces) == (20, 3000, 1000, 3)
    assert not isinstance(rest, Run)
    assert peer.conn.packets_out == 5  # SYN-ACK and four
    assert peer.conn.sending is not None
    assert len(peer.conn.sending.flight.records) == 2
    assert peer.conn.sending.flight.segments == 2 + 3


@pytest.mark.parametrize("size", [1999, 2000, 2001, 3000, 10_000])
@pytest.mark.parametrize("closing", [False, True])
def test_the_last_piece_is_pushed_and_carries_the_fin(size: int, closing: bool) -> None:
    # MUST-61
    seen, last = [], []
    for peer in both(mss=1000):
        assert peer.conn is not None
        peer.conn.send(bytes(size), peer.now)
        if closing:
            peer.conn.close(peer.now)
        segments = peer.answers()
        seen.append(facts(segments))
        last.append(segments[-1].flags)
    assert seen[0] == seen[1]
    assert last == [ACK | PSH | FIN if closing else ACK | PSH] * 2


def test_a_run_takes_half_of_the_congestion_window_and_its_end_is_pushed_also_when_it_is_sent_again() -> None:
    peer, _ = both(mss=1000)
    segments = send(peer, bytes(50_000))
    assert [len(seg.data) for seg in segments] == [1000] * 10
    assert [bool(seg.flags & PSH) for seg in segments] == [False, False, False, False, True] * 2
    conn = peer.conn
    assert conn is not None
    assert conn.sending is not None
    assert conn.sending.pushed == conn.snd_nxt
    conn.sending.flight.refine()
    assert [record.pushed for record in conn.sending.flight.records] == [False, False, False, False, True] * 2


def test_a_run_takes_half_of_the_largest_window() -> None:
    peer = Peer(make_tcp(3, cuts_runs=True), mss=1000, window=7000)
    peer.open()
    segments = send(peer, bytes(50_000))
    assert [bool(seg.flags & PSH) for seg in segments] == [False, False, True, False, False, True, False]


def test_what_left_in_different_runs_is_cut_apart() -> None:
    peer, _ = both(mss=1000)
    send(peer, bytes(50_000))
    conn = peer.conn
    assert conn is not None
    assert conn.sending is not None
    conn.sending.flight.recut(900)
    records = conn.sending.flight.records
    assert [len(record) for record in records] == ([900] * 5 + [500]) * 2
    assert [record.pushed for record in records] == ([False] * 5 + [True]) * 2


def test_no_run_while_selective_acknowledgements_are_owed() -> None:
    peer, _ = both(mss=1000)
    peer.send(data=b"later", seq=add(peer.seq, 100))
    assert peer.conn is not None
    peer.conn.send(bytes(4000), peer.now)
    assert not any(isinstance(segment, Run) for _, segment in peer.tcp.poll_transmit(peer.now))


def test_the_bound_on_records_counts_the_pieces_of_runs() -> None:
    peer, _ = both(mss=48)
    conn = peer.conn
    assert conn is not None
    sending = conn.start_sending(peer.now)
    sending.congestion.cwnd = 1 << 20
    conn.snd_wnd = 1 << 20
    conn.send(bytes(100_000), peer.now)
    peer.answers()
    sending.flight.refine()
    assert len(sending.flight.records) <= 1024


step = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 9000)),
    st.tuples(st.just("ack"), st.integers(0, 20)),
    st.tuples(st.just("sack"), st.integers(1, 20)),
    st.tuples(st.just("wait"), st.sampled_from([1, 50, 400, 3000])),
    st.tuples(st.just("window"), st.integers(0, 4000)),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(step, max_size=14), sack=st.booleans(), stamped=st.booleans(), seed=st.integers(0, 3))
def test_whatever_happens_the_data_is_the_same_and_arrives(
    steps: list[tuple[str, int]], sack: bool, stamped: bool, seed: int
) -> None:
    peer, _ = both(mss=500, sack=sack, timestamp=7 if stamped else None)
    conn = peer.conn
    assert conn is not None
    first, wanted, got = peer.ack, bytearray(), {}

    def note(segments: list[Segment]) -> None:
        for seg in segments:
            at = diff(seg.seq, first)
            for offset, octet in enumerate(bytes(seg.data)):
                assert wanted[at + offset] == octet
            got[at] = max(got.get(at, 0), len(seg.data))

    chance = random.Random(seed)
    for verb, number in steps:
        if verb == "send":
            data = chance.randbytes(number)
            wanted += data[: conn.writable]
            note(send(peer, data[: conn.writable]))
        elif verb == "wait":
            note(peer.wait(number / 1000))
        elif verb == "window":
            peer.window = number
            note(peer.send())
        elif verb == "ack":
            peer.ack = add(conn.snd_una, min(number * 333, diff(conn.snd_nxt, conn.snd_una)))
            note(peer.send())
        elif sack and diff(conn.snd_nxt, conn.snd_una) > number * 500:
            block = add(conn.snd_una, number * 500 - 500), add(conn.snd_una, number * 500)
            note(peer.send(options=sack_option([block])))
    peer.window = 60_000
    for _ in range(400):
        if conn.snd_una == conn.snd_nxt and not (conn.sending and conn.sending.data):
            break
        peer.ack = conn.snd_nxt
        note(peer.send())
        note(peer.wait(0.5))
    assert conn.bytes_out == len(wanted)
    flight = conn.sending.flight if conn.sending else None
    assert flight is None or (flight.flying, flight.lost, flight.sacked) == (0, 0, 0)


@pytest.mark.parametrize("sack", [False, True])
def test_losses_within_a_run_are_sent_again_segment_by_segment(sack: bool) -> None:
    seen = []
    for peer in both(mss=1000, sack=sack):
        send(peer, bytes(6000))
        start, again = peer.ack, []
        for number in range(1, 5):
            block = add(start, 1000), add(start, 1000 + number * 1000)
            peer.now += 0.01
            again += peer.send(options=sack_option([block]) if sack else b"")
        seen.append(facts(again) + facts(peer.wait(3)))
    assert seen[0] == seen[1]
    assert len(seen[0][0][3]) == 1000


def test_the_tail_is_probed_for_with_one_segment() -> None:
    seen = [facts(send(peer, bytes(6000)) + peer.wait(5)) for peer in both(mss=1000)]
    assert seen[0] == seen[1]


def test_another_size_refines_what_is_in_flight() -> None:
    peer, _ = both(mss=1000)
    send(peer, bytes(4000))
    conn = peer.conn
    assert conn is not None
    assert conn.sending is not None
    conn.mss = 500
    send(peer, bytes(4000))
    assert [len(record) for record in conn.sending.flight.records] == [1000] * 4 + [4000]


def test_runs_carry_timestamps_as_segments_do() -> None:
    with_runs, without = both(mss=1012, timestamp=7)
    assert facts(send(with_runs, bytes(5000))) == facts(send(without, bytes(5000)))
    assert facts(send(with_runs, bytes(20_000))) == facts(send(without, bytes(20_000)))


def test_the_last_segment_carries_the_fin_behind_data_that_is_under_way() -> None:
    seen = []
    for peer in both(mss=1000):
        assert peer.conn is not None
        first = send(peer, bytes(3000))
        peer.conn.send(bytes(4000), peer.now)
        peer.conn.close(peer.now)
        seen.append(facts([*first, *peer.answers()]))
    assert seen[0] == seen[1]
    assert [flags & FIN for _, _, flags, _, _ in seen[0]] == [0] * 6 + [FIN]


def test_a_run_in_flight_is_probed_no_later_for_another_one() -> None:
    peer, _ = both(mss=1000)
    assert peer.conn is not None
    send(peer, bytes(3000))
    assert peer.conn.sending is not None
    began = peer.conn.sending.progress_at
    peer.now += 0.01
    send(peer, bytes(3000))
    assert peer.conn.sending.progress_at == began


def test_data_that_tells_of_a_reduced_window_goes_in_no_run() -> None:
    with_runs, without = both(mss=1000)
    seen = []
    for peer in (with_runs, without):
        assert peer.conn is not None
        peer.conn.ecn = Ecn.AGREED
        peer.conn.start_sending(peer.now).congestion.cwr_due = True
        seen.append(facts(send(peer, bytes(8000))))
    assert seen[0] == seen[1]
    assert [flags & CWR for _, _, flags, _, _ in seen[0]] == [CWR] + [0] * 7


def test_each_piece_of_a_run_is_counted() -> None:
    peers = both(mss=1000)
    for peer in peers:
        send(peer, bytes(3500))
    assert peers[0].tcp.statistics()["segments_out"] == peers[1].tcp.statistics()["segments_out"] == 5
