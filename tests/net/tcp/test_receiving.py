"""Text and FIN: trimmed, put in order, handed over, acknowledged, refused when nobody reads."""

from __future__ import annotations

import itertools
import random

import pytest

from honeystack.net.notices import Anomaly, BoundReached, Closed, CloseReason, Readable
from honeystack.net.tcp.assembler import RUN_COST
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.tcp import ACK, FIN, RST
from tests.net.tcp.pair import FACTS, make_tcp, peer_segment
from tests.net.tcp.peer import Peer


def test_text_in_order_is_told_once_until_it_is_asked_for() -> None:
    peer = Peer()
    conn = peer.open()
    answers = peer.say(b"one")
    assert [(seg.flags, seg.ack) for seg in answers] == [(ACK, peer.seq)]
    assert peer.told(Readable) == [Readable(conn)]
    peer.say(b"two")
    assert conn.receive(4, peer.now) == b"onet"
    assert conn.receive(4, peer.now) == b"wo"
    assert conn.receive(4, peer.now) == b""
    assert conn.bytes_in == 6


def test_the_acknowledgement_rides_on_the_answer() -> None:
    peer = Peer()
    conn = peer.open()
    question = peer_segment(peer.path, peer.ports, peer.seq, peer.ack, ACK, data=b"question")
    peer.tcp.receive_segment(peer.path, question, FACTS, peer.now, verify=True)
    conn.send(b"answer", peer.now)
    (answer,) = peer.answers()
    assert (answer.ack, bytes(answer.data)) == (add(peer.seq, 8), b"answer")


def test_a_segment_of_64_kilobytes_is_taken_whole() -> None:
    peer = Peer()
    conn = peer.open()
    text = random.Random(1).randbytes(64_000)
    (answer,) = peer.say(text)
    assert answer.ack == peer.seq
    assert conn.receive(10**6, peer.now) == text


def test_a_gap_is_reported_at_once_for_each_segment_and_filled() -> None:
    peer = Peer()
    conn = peer.open()
    start = peer.seq
    (first,) = peer.send(ACK, b"cc", seq=add(start, 4))
    assert (first.ack, first.sack) == (start, ((add(start, 4), add(start, 6)),))
    (second,) = peer.send(ACK, b"ee", seq=add(start, 8))
    assert second.sack == ((add(start, 8), add(start, 10)), (add(start, 4), add(start, 6)))
    peer.send(ACK, b"aabb")
    assert conn.rcv_nxt == add(start, 6)
    (last,) = peer.send(ACK, b"dd", seq=add(start, 6))
    assert (last.ack, last.sack) == (add(start, 10), ())
    assert conn.receive(99, peer.now) == b"aabbccddee"
    assert peer.tcp.memory.used == 0
    assert conn.assembler is None


def test_out_of_order_text_that_comes_twice_is_reported_as_duplicate() -> None:
    peer = Peer()
    peer.open()
    late = add(peer.seq, 4)
    peer.send(ACK, b"cc", seq=late)
    (answer,) = peer.send(ACK, b"cc", seq=late)
    assert answer.sack == ((late, add(late, 2)), (late, add(late, 2)))


def test_a_peer_without_sack_gets_bare_duplicates() -> None:
    peer = Peer(sack=False)
    peer.open()
    (answer,) = peer.send(ACK, b"cc", seq=add(peer.seq, 4))
    assert answer.options == b""


def test_text_over_the_left_edge_is_trimmed() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"hello")
    peer.send(ACK, b"lo world", seq=add(peer.seq, -2))
    assert conn.receive(99, peer.now) == b"hello world"


def test_text_over_the_right_edge_is_cut_and_its_fin_is_not_believed() -> None:
    peer = Peer(make_tcp(3, receive_buffer=1000))
    conn = peer.open()
    (answer,) = peer.send(ACK | FIN, bytes(1500))
    assert conn.readable == 1000
    assert (answer.ack, answer.window) == (add(peer.seq, 1000), 0)
    assert not conn.eof_received


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_fin_counts_once_all_text_before_it_is_there(order: tuple[int, int]) -> None:
    peer = Peer()
    conn = peer.open()
    pieces = [(peer.seq, ACK, b"text"), (add(peer.seq, 4), ACK | FIN, b"")]
    for index in order:
        seq, flags, data = pieces[index]
        peer.send(flags, data, seq=seq)
    assert conn.state is State.CLOSE_WAIT
    assert conn.receive(9, peer.now) == b"text"
    assert conn.rcv_nxt == add(peer.seq, 5)


def test_an_early_fin_with_text_waits_for_the_gap() -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(ACK | FIN, b"end", seq=add(peer.seq, 3))
    assert not conn.eof_received
    peer.send(ACK, b"the")
    assert conn.eof_received
    assert conn.receive(9, peer.now) == b"theend"
    assert peer.tcp.memory.used == 0


def test_a_fin_beyond_the_window_and_one_before_it_are_not_taken() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"text")
    peer.send(ACK | FIN, seq=add(peer.seq, 70_000))
    peer.send(ACK | FIN, b"", seq=add(peer.seq, -1))
    assert not conn.eof_received


@pytest.mark.parametrize("data", [b"", b"text"])
def test_a_fin_that_comes_again_is_acknowledged_again(data: bytes) -> None:
    peer = Peer()
    conn = peer.open()
    first = peer.send(ACK | FIN, data)
    again = peer.send(ACK | FIN, data)
    assert [seg.ack for seg in first] == [seg.ack for seg in again] == [add(peer.seq, len(data) + 1)]
    assert conn.state is State.CLOSE_WAIT


def test_text_after_the_fin_is_ignored() -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(ACK | FIN)
    peer.send(ACK | FIN, b"more", seq=add(peer.seq, 1))
    assert conn.readable == 0
    assert conn.state is State.CLOSE_WAIT


def test_text_that_nobody_will_read_is_reset() -> None:
    peer = Peer()
    conn = peer.open()
    conn.release(peer.now)
    (fin,) = peer.answers()
    peer.ack = add(fin.seq, 1)
    peer.send()
    (reset,) = peer.send(ACK | FIN, b"more")
    assert reset.flags & RST
    assert peer.told(Closed) == [Closed(conn, CloseReason.RST)]


def test_when_all_buffers_are_full_text_is_refused_and_the_bound_told_once() -> None:
    peer = Peer(make_tcp(3, buffer_memory=1000))
    conn = peer.open()
    start = peer.seq
    peer.say(bytes(900))
    for _ in range(3):
        (answer,) = peer.send(ACK, bytes(200))
        assert answer.ack == add(start, 900)
    assert [n.bound for n in peer.told(BoundReached) if isinstance(n, BoundReached)] == ["buffer_memory"]
    conn.receive(900, peer.now)
    peer.say(bytes(200))
    assert conn.readable == 200


def test_peers_that_never_fill_a_gap_do_not_keep_others_from_speaking() -> None:
    tcp = make_tcp(3, buffer_memory=100_000)
    for port in range(3):
        hoarder = Peer(tcp, local_port=port + 1)
        hoarder.open()
        for offset in range(1, 60_000, 1400):
            hoarder.send(ACK, bytes(1400), seq=add(hoarder.seq, offset))
    assert tcp.memory.used <= 100_000
    peer = Peer(tcp)
    conn = peer.open()
    for _ in range(40):
        peer.say(bytes(1400))
        hoarder.send(ACK, bytes(1400), seq=add(hoarder.seq, 1))
    assert conn.readable == 40 * 1400


def test_while_buffers_are_short_nothing_is_taken_out_of_order() -> None:
    tcp = make_tcp(3, buffer_memory=2000)
    reader, peer = Peer(tcp, local_port=1), Peer(tcp)
    unread, conn = reader.open(), peer.open()
    reader.say(bytes(1600))
    reader.say(bytes(500))
    assert tcp.memory.short
    peer.send(ACK, b"late", seq=add(peer.seq, 1))
    assert conn.assembler is None
    peer.say(b"text")
    assert conn.readable == 4
    unread.receive(1600, peer.now)
    reader.answers()
    peer.send(ACK, b"late", seq=add(peer.seq, 1))
    assert conn.assembler is not None


def test_memory_is_given_back_whatever_ends_the_connection() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"unread")
    peer.send(ACK, b"gap", seq=add(peer.seq, 5))
    conn.send(b"unacknowledged", peer.now)
    assert peer.tcp.memory.used == 6 + 3 + RUN_COST + 14
    peer.send(RST)
    assert peer.tcp.memory.used == 0
    assert conn.receive(99, peer.now) == b"unread"
    assert peer.tcp.memory.used == 0


def test_any_cut_and_order_of_a_text_delivers_it_exactly() -> None:
    for seed in range(15):
        rng = random.Random(seed)
        text = rng.randbytes(5000)
        peer = Peer(irs=rng.choice([0xFFFF_FFFF - 2000, 5]), sack=rng.random() < 0.5)
        conn = peer.open()
        cuts = sorted({0, len(text), *(rng.randrange(len(text)) for _ in range(30))})
        pieces = list(itertools.pairwise(cuts)) * 2
        rng.shuffle(pieces)
        for start, end in pieces:
            early = max(0, start - rng.randrange(50))
            peer.send(ACK, text[early:end], seq=add(peer.seq, early))
        assert conn.receive(10**6, peer.now) == text
        assert peer.tcp.memory.used == 0


def test_a_peer_that_leaves_crumbs_of_the_window_cannot_fill_more_than_the_buffer() -> None:
    peer = Peer(make_tcp(3, receive_buffer=1000))
    conn = peer.open()
    (answer,) = peer.say(bytes(999))
    for _ in range(100):
        room = (answer.window << 7) - 1
        (answer,) = peer.send(ACK, bytes(room), seq=conn.rcv_nxt)
    assert conn.held <= 1000 + 128


def test_a_fin_beyond_the_window_is_not_remembered() -> None:
    peer = Peer(make_tcp(3, receive_buffer=1000))
    conn = peer.open()
    peer.send(FIN | ACK, bytes(2000), seq=add(peer.seq, 10))
    assert conn.assembler is not None
    assert conn.assembler.ends == []


def test_a_fin_needs_no_room() -> None:
    peer = Peer(make_tcp(3, receive_buffer=1000), scale=None)
    conn = peer.open()
    peer.say(bytes(1000))
    peer.send(FIN | ACK)
    assert conn.state is State.CLOSE_WAIT
    assert conn.rcv_edge == conn.rcv_nxt


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_fin_after_ours_closes(acknowledged: bool) -> None:
    peer = Peer()
    conn = peer.open()
    conn.close(peer.now)
    peer.answers()
    if acknowledged:
        peer.send(ack=conn.snd_nxt)
        peer.send(FIN | ACK, ack=conn.snd_nxt)
        assert conn.state is State.CLOSED
        assert peer.tcp.statistics()["time_wait"] == 1
    else:
        peer.send(FIN | ACK)
        assert conn.state is State.CLOSING


@pytest.mark.parametrize(("free", "kept"), [(RUN_COST + 4, True), (RUN_COST + 3, False)])
def test_what_is_out_of_order_needs_room_for_its_keeping_too(free: int, kept: bool) -> None:
    tcp = make_tcp(3, buffer_memory=10_000)
    peer = Peer(tcp)
    conn = peer.open()
    tcp.memory.take(10_000 - free)
    peer.send(ACK, b"late", seq=add(peer.seq, 1))
    assert (conn.assembler is not None) is kept
    assert tcp.memory.short is not kept


@pytest.mark.parametrize(("free", "readable"), [(4, 4), (3, 0)])
def test_what_is_in_order_needs_its_own_room_only(free: int, readable: int) -> None:
    tcp = make_tcp(3, buffer_memory=10_000)
    peer = Peer(tcp)
    conn = peer.open()
    tcp.memory.take(10_000 - free)
    peer.say(b"text")
    assert conn.readable == readable


def test_text_that_comes_again_after_the_fin_is_acknowledged_again() -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"text")
    peer.send(ACK | FIN)
    peer.seq = add(peer.seq, 1)
    (answer,) = peer.send(ACK, b"text?", seq=add(peer.seq, -5))
    assert (answer.flags, answer.ack) == (ACK, peer.seq)
    assert peer.send(ACK, b"more") == []
    assert conn.readable == 4


# What comes twice and differs


def overlaps(peer: Peer) -> int:
    return sum(notice.name == "segment-overlap" for notice in peer.told(Anomaly) if isinstance(notice, Anomaly))


@pytest.mark.parametrize(("again", "told"), [(b"cc", 0), (b"CC", 1)])
def test_text_out_of_order_that_differs_is_told(again: bytes, told: int) -> None:
    peer = Peer()
    peer.open()
    for data in (b"cc", again):
        peer.send(ACK, data, seq=add(peer.seq, 4))
    assert overlaps(peer) == told
    peer.send(ACK, b"dd", seq=add(peer.seq, 8))
    assert overlaps(peer) == told


@pytest.mark.parametrize(
    ("again", "read", "told"), [(b"text", 0, 0), (b"TEXT", 0, 1), (b"TEXT", 2, 1), (b"TEXT", 4, 0), (b"TExt", 2, 0)]
)
def test_text_that_comes_again_is_compared_with_what_is_not_read_yet(again: bytes, read: int, told: int) -> None:
    peer = Peer()
    conn = peer.open()
    peer.say(b"text")
    conn.receive(read, peer.now)
    peer.send(ACK, again, seq=add(peer.seq, -4))
    assert overlaps(peer) == told
    assert conn.receive(9, peer.now) == b"text"[read:]


@pytest.mark.parametrize(("offset", "flags"), [(-1, [ACK]), (0, []), (9, [])])
def test_there_is_no_second_fin_behind_the_first(offset: int, flags: list[int]) -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(ACK | FIN)
    peer.seq = add(peer.seq, 1)
    assert [seg.flags for seg in peer.send(ACK | FIN, seq=add(peer.seq, offset))] == flags
    assert (conn.state, conn.rcv_nxt) == (State.CLOSE_WAIT, peer.seq)


@pytest.mark.parametrize(("released", "flags"), [(True, RST), (False, ACK)])
def test_a_fin_behind_text_that_nobody_will_read_is_reset(released: bool, flags: int) -> None:
    peer = Peer()
    conn = peer.open()
    if released:
        conn.release(peer.now)
    else:
        conn.close(peer.now)
    peer.answers()
    (answer,) = peer.send(ACK | FIN, seq=add(peer.seq, 9))
    assert answer.flags == flags
    assert (conn.state is State.CLOSED) is released


def test_a_second_end_is_told_once() -> None:
    peer = Peer()
    peer.open()
    for place in (5, 9, 9):
        peer.send(ACK | FIN, seq=add(peer.seq, place))
    peer.say(b"hello")
    assert [notice.name for notice in peer.told(Anomaly) if isinstance(notice, Anomaly)] == ["second-end"]
