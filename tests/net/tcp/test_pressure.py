"""A shortage of memory: those whose data moves least give way, until a quarter is free, and all others go on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.net.notices import BoundReached, Closed, CloseReason, Writable
from honeystack.net.tcp.assembler import RUN_COST
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.pressure import LOOK, held_by
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.tcp import ACK
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer

LIMIT = 100_000
NOW = 1000.0


def silent(tcp: Tcp, number: int, *, held: int, window: int = 0) -> Connection:
    """A connection whose peer takes nothing of what is queued for it."""
    peer = Peer(tcp, local_port=number, window=window)
    conn = peer.open()
    assert conn.send(bytes(held), NOW) == held
    peer.answers()
    return conn


def let_pass(peer: Peer, looks: int = 1) -> None:
    peer.wait(looks * LOOK + 0.1)


def shed(peer: Peer) -> list[Connection]:
    return [n.connection for n in peer.told(Closed) if isinstance(n, Closed) and n.reason is CloseReason.SHED]


def test_who_takes_nothing_is_shed_until_a_quarter_is_free() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    hogs = [silent(tcp, number, held=10_000) for number in range(1, 11)]
    honest = Peer(tcp, local_port=99)
    conn = honest.open()
    assert conn.send(b"hello", NOW) == 0
    let_pass(honest)
    assert [n.bound for n in honest.told(BoundReached) if isinstance(n, BoundReached)] == ["buffer_memory"]
    assert sum(hog.state is State.CLOSED for hog in hogs) == 3
    assert set(shed(honest)) == {hog for hog in hogs if hog.state is State.CLOSED}
    assert honest.told(Writable) == [Writable(conn)]
    assert conn.send(b"hello", honest.now) == 5
    assert tcp.memory.used == 70_005


def test_the_largest_of_those_that_stand_still_goes_first() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    small, large = silent(tcp, 1, held=5_000), silent(tcp, 2, held=60_000)
    rest = silent(tcp, 3, held=35_000)
    peer = Peer(tcp, local_port=99)
    peer.open().send(b"x", NOW)
    let_pass(peer)
    assert shed(peer) == [large]
    assert (small.state, rest.state) == (State.ESTABLISHED, State.ESTABLISHED)


def test_unread_data_counts_as_well_as_unsent() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    talker = Peer(tcp, local_port=1)
    unread = talker.open()
    for _ in range(50):
        talker.say(bytes(1000))
    silent(tcp, 2, held=49_000)
    peer = Peer(tcp, local_port=99)
    peer.open().send(bytes(5000), NOW)
    let_pass(peer)
    assert shed(peer) == [unread]


def test_who_reads_is_not_the_one_that_is_shed() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    hog = silent(tcp, 2, held=60_000)
    reader = Peer(tcp, local_port=1, window=60_000)
    conn = reader.open()
    conn.send(bytes(40_000), NOW)
    taken = 0
    assert conn.send(b"x", NOW) == 0
    for _ in range(5):
        reader.now += LOOK / 5 + 0.01
        tcp.handle_timeout(reader.now)
        taken += 5_000
        reader.send(ACK, ack=add(reader.ack, taken))
    assert (conn.state, hog.state) == (State.ESTABLISHED, State.CLOSED)


def test_who_reads_what_the_peer_sends_is_not_shed_either() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    talker = Peer(tcp, local_port=1)
    conn = talker.open()
    hog = silent(tcp, 2, held=90_000)
    for _ in range(12):
        talker.say(bytes(1000))
    for _ in range(5):
        talker.wait(LOOK / 5 + 0.01)
        conn.receive(1500, talker.now)
    assert (conn.state, hog.state) == (State.ESTABLISHED, State.CLOSED)


def trickle(step: int, looks: int) -> tuple[Peer, list[Connection]]:
    """Ten peers that hold all memory and take `step` bytes in each look's time, while one waits."""
    tcp = make_tcp(3, buffer_memory=LIMIT)
    peers = [Peer(tcp, local_port=number, window=0) for number in range(1, 11)]
    hogs = [peer.open() for peer in peers]
    waiting = Peer(tcp, local_port=99)
    conn = waiting.open()
    for hog in hogs:
        hog.send(bytes(10_000), NOW)
    conn.send(b"hello", NOW)
    for _ in range(looks):
        for peer, hog in zip(peers, hogs, strict=True):
            if hog.state is State.CLOSED:
                continue
            peer.now = waiting.now
            peer.send(ACK, window=step)
            peer.ack = hog.snd_nxt
            peer.send(ACK, window=0)
            hog.send(bytes(10_000), peer.now)
        let_pass(waiting)
    return waiting, [hog for hog in hogs if hog.state is State.CLOSED]


def test_who_trickles_is_shed_soon_and_who_is_somewhat_faster_later() -> None:
    _, ended = trickle(step=100, looks=1)
    assert len(ended) >= 3
    _, ended = trickle(step=1460, looks=1)
    assert ended == []
    waiting, ended = trickle(step=1460, looks=5)
    assert len(ended) >= 3
    assert waiting.told(Writable)


def test_nothing_is_shed_where_the_shortage_is_over_by_itself() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    hog = silent(tcp, 2, held=60_000)
    taker = Peer(tcp, local_port=1, window=65_000)
    conn = taker.open()
    conn.send(bytes(40_000), NOW)
    assert conn.send(b"x", NOW) == 0
    taker.answers()
    taker.send(ACK, ack=conn.snd_nxt)
    taker.answers()
    taker.send(ACK, ack=conn.snd_nxt)
    let_pass(taker)
    assert hog.state is State.ESTABLISHED
    assert not tcp._pressure.watching
    assert tcp._pressure._seen == {}


def test_who_ended_meanwhile_is_passed_over() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    first, second = silent(tcp, 1, held=20_000), silent(tcp, 2, held=80_000)
    peer = Peer(tcp, local_port=99)
    conn = peer.open()
    conn.send(b"x", NOW)
    first.abort(NOW)  # which leaves less than a quarter free
    let_pass(peer)
    assert shed(peer) == [second]


def test_the_same_shortage_is_watched_once() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    silent(tcp, 1, held=LIMIT)
    tcp._pressure.begin(NOW)
    at = tcp._pressure._since
    tcp._pressure.begin(NOW + 1)
    assert tcp._pressure._since == at


def test_what_came_out_of_order_is_held_too() -> None:
    peer = Peer(make_tcp(3, buffer_memory=LIMIT))
    conn = peer.open()
    assert held_by(conn) == 0
    peer.send(ACK, bytes(100), seq=add(peer.seq, 500))
    assert held_by(conn) == peer.tcp.memory.used > 100


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 30_000), min_size=2, max_size=12))
def test_whatever_is_held_a_waiting_peer_gets_its_turn(amounts: list[int]) -> None:
    tcp = make_tcp(3, buffer_memory=sum(amounts))
    for number, held in enumerate(amounts, 1):
        silent(tcp, number, held=held)
    waiting = Peer(tcp, local_port=99)
    conn = waiting.open()
    assert conn.send(b"x", NOW) == 0
    let_pass(waiting)
    assert conn.send(b"x", waiting.now) == 1
    assert len(shed(waiting)) <= len(amounts)
    kept = sum(amounts) - tcp.memory.used
    assert kept >= sum(amounts) / 4 - 1


@pytest.mark.parametrize("count", [3, 30])
def test_no_more_are_shed_than_it_takes(count: int) -> None:
    tcp = make_tcp(3, buffer_memory=count * 1000)
    for number in range(1, count + 1):
        silent(tcp, number, held=1000)
    waiting = Peer(tcp, local_port=99)
    waiting.open().send(b"x", NOW)
    let_pass(waiting)
    assert len(shed(waiting)) == -(-count // 4)


def moving(tcp: Tcp, number: int, *, held: int, moved: int) -> tuple[Peer, Connection]:
    """A connection whose peer takes `moved` bytes at once, and `held` are left."""
    peer = Peer(tcp, local_port=number, window=0)
    conn = peer.open()
    assert conn.send(bytes(held + moved), NOW) == held + moved
    return peer, conn


def take(peer: Peer, moved: int) -> None:
    peer.send(ACK, window=moved)
    peer.send(ACK, ack=add(peer.ack, moved), window=0)


def test_the_slowest_goes_before_the_largest() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    peer, large = moving(tcp, 1, held=60_000, moved=100)
    small = silent(tcp, 2, held=LIMIT - 60_100)
    waiting = Peer(tcp, local_port=99)
    waiting.open().send(b"x", NOW)
    take(peer, 100)
    let_pass(waiting)
    assert shed(waiting) == [small]
    assert large.state is State.ESTABLISHED


def test_of_two_that_move_the_slower_for_what_it_holds_goes_first() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    one, large = moving(tcp, 1, held=60_000, moved=1000)
    other, small = moving(tcp, 2, held=38_200, moved=800)
    waiting = Peer(tcp, local_port=99)
    waiting.open().send(b"x", NOW)
    take(one, 1000)
    take(other, 800)
    let_pass(waiting)
    assert shed(waiting) == [large]
    assert small.state is State.ESTABLISHED


@pytest.mark.parametrize(("moved", "ends"), [(2920, True), (4380, True), (5840, False)])  # 5,625 would do
def test_what_is_held_has_to_move_within_the_patience(moved: int, ends: bool) -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    peer, conn = moving(tcp, 1, held=90_000 - moved, moved=moved)
    hog = silent(tcp, 2, held=9_000)
    silent(tcp, 3, held=1_000)  # the last one fills the memory, and is not watched yet
    waiting = Peer(tcp, local_port=99)
    waiting.open().send(b"x", NOW)
    take(peer, moved)
    assert held_by(conn) == 90_000 - moved
    waiting.wait(LOOK - 0.1)
    assert shed(waiting) == []
    waiting.wait(0.2)
    assert (conn.state is State.CLOSED, hog.state) == (ends, State.CLOSED)


def test_what_was_read_before_the_shortage_is_no_merit() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    talker = Peer(tcp, local_port=1)
    reader = talker.open()
    talker.say(bytes(30_000))
    assert len(reader.receive(30_000, NOW)) == 30_000
    for _ in range(50):
        talker.say(bytes(1000))
    silent(tcp, 2, held=50_000 - 1000)
    waiting = Peer(tcp, local_port=99)
    waiting.open().send(bytes(2000), NOW)
    let_pass(waiting)
    assert shed(waiting) == [reader]


def test_the_patience_halves_with_each_look() -> None:
    assert trickle(step=1460, looks=2)[1] == []


def test_a_second_shortage_is_seen_to_like_the_first() -> None:
    tcp = make_tcp(3, buffer_memory=LIMIT)
    waiting = Peer(tcp, local_port=99)
    conn = waiting.open()
    for first in (1, 11):
        for number in range(first, first + 10):
            if tcp.memory.used + 10_000 <= LIMIT:
                silent(tcp, number, held=10_000)
        conn.send(bytes(LIMIT - tcp.memory.used), waiting.now)
        assert conn.send(b"x", waiting.now) == 0
        waiting.answers()
        count = len(shed(waiting))
        let_pass(waiting, looks=2)
        assert len(shed(waiting)) > count


def test_all_that_a_connection_holds_is_added_up() -> None:
    peer = Peer(make_tcp(3, buffer_memory=LIMIT), window=0)
    conn = peer.open()
    peer.say(bytes(100))
    conn.send(bytes(20), peer.now)
    peer.send(ACK, bytes(3), seq=add(peer.seq, 500))
    assert held_by(conn) == peer.tcp.memory.used == 123 + RUN_COST
