"""One segment alone: what is sent to hear of the peer at all, and what data carries beside itself."""

from __future__ import annotations

import pytest

from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.seq import add
from honeystack.net.wire.tcp import ACK
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


def opened(peer: Peer, rtt: float = 0.05) -> Connection:
    """A connection whose round trip has been measured."""
    (answer,) = peer.syn()
    peer.now += rtt
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    return next(iter(peer.tcp.flows.values()))


def test_a_loss_probe_is_one_segment_however_much_waits_and_is_measured_like_any_other() -> None:
    peer = Peer(mss=1000)
    conn = opened(peer)
    conn.send(bytes(30_000), peer.now)
    assert len(peer.answers()) == 10
    (probe,) = peer.wait(0.12)
    assert len(probe.data) == 1000
    peer.now += 0.05
    peer.send(ack=add(probe.seq, 1000))
    assert conn.rtt is not None
    assert 0.04 < conn.rtt < 0.2


@pytest.mark.parametrize("window", [1, 2])
def test_a_window_of_a_byte_or_two_is_probed_with_what_it_takes(window: int) -> None:
    peer = Peer(mss=1000)
    conn = opened(peer)
    peer.say(b"x")
    peer.window = window
    peer.say(b"y")
    conn.send(b"hello", peer.now)
    assert peer.answers() == []
    (probe,) = peer.wait(1)[:1]
    assert bytes(probe.data) == b"hello"[:window]


def test_data_carries_timestamps_and_what_came_out_of_order() -> None:
    peer = Peer(timestamp=7, mss=1012)
    conn = opened(peer)
    peer.send(ACK, b"late", seq=add(peer.seq, 100))
    conn.send(b"hello", peer.now)
    (answer,) = peer.answers()
    assert answer.timestamps is not None
    assert answer.timestamps[1] == 7
    assert answer.sack == ((add(peer.seq, 100), add(peer.seq, 104)),)


def test_a_connection_from_a_bare_cookie_has_been_active_since() -> None:
    peer = Peer(make_tcp(3, half_open=0))
    conn = opened(peer)
    assert conn.opened_at == conn.last_activity == peer.now
