"""The window that we offer: no crumbs, no way back."""

from __future__ import annotations

import pytest

from honeystack.net.tcp.seq import add
from honeystack.net.tcp.window import initial_window
from honeystack.net.wire.tcp import ACK
from tests.net.tcp.pair import Edges, make_tcp, turned
from tests.net.tcp.peer import Peer


@pytest.mark.parametrize(
    ("mss", "timestamps", "window"),
    [(1460, False, 64240), (1460, True, 65160), (1440, False, 64800), (1440, True, 64260), (512, False, 65535)],
)
def test_it_begins_as_linux_begins(mss: int, timestamps: bool, window: int) -> None:
    assert initial_window(mss, timestamps=timestamps) == window


@pytest.mark.parametrize("scale", [None, 0])
@pytest.mark.parametrize("size", [1, 7, 100, 1460])
def test_the_right_edge_never_moves_left_whatever_arrives_and_is_read(scale: int | None, size: int) -> None:
    peer = Peer(make_tcp(3, receive_buffer=20_000), scale=scale)
    edges = Edges()
    back = turned(peer.path)
    for seg in peer.syn():
        edges.watch(back, seg)
        peer.seq, peer.ack = add(peer.seq, 1), add(seg.seq, 1)
    peer.send()
    conn = next(iter(peer.tcp.flows.values()))
    for step in range(150):
        for seg in peer.say(bytes(size)):
            edges.watch(back, seg)
        if step % 5 == 4:
            conn.receive(2 * size, peer.now)
            for seg in peer.answers():
                edges.watch(back, seg)
        if conn.rcv_edge == conn.rcv_nxt:
            break


def test_a_full_buffer_closes_the_window_and_reading_opens_it() -> None:
    peer = Peer(make_tcp(3, receive_buffer=10_000))
    conn = peer.open()
    (answer,) = peer.say(bytes(10_000))
    assert answer.window == 0
    conn.receive(100, peer.now)
    assert peer.answers() == []  # a crumb is not worth a segment
    conn.receive(5000, peer.now)
    (update,) = peer.answers()
    assert update.flags == ACK
    assert update.window << 7 >= 4900


def test_a_sender_of_much_gets_the_whole_buffer() -> None:
    peer = Peer(make_tcp(3, receive_buffer=200_000))
    conn = peer.open()
    assert peer.say(bytes(1000))[0].window << 7 <= 65_535
    for _ in range(4):
        answers = peer.say(bytes(20_000))
        conn.receive(10**6, peer.now)
        answers += peer.answers()
    assert answers[-1].window << 7 > 170_000


def test_without_scaling_the_window_is_at_most_64_kilobytes() -> None:
    peer = Peer(scale=None)
    conn = peer.open()
    for _ in range(5):
        answers = peer.say(bytes(20_000))
        conn.receive(10**6, peer.now)
    assert answers[0].window <= 65_535
    assert conn.rcv_scale == 0


def test_when_memory_is_short_everywhere_the_window_does_not_open() -> None:
    peer = Peer(make_tcp(3, buffer_memory=20_000))
    peer.open()
    other = Peer(peer.tcp, local_port=2)
    other.open()
    other.say(bytes(19_000))
    (answer,) = peer.say(bytes(900))
    assert answer.window << 7 <= 65_160 - 900
    assert peer.say(bytes(90))[0].ack == peer.seq
