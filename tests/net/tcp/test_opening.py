"""What a connection knows once its handshake is complete."""

from __future__ import annotations

import pytest

from honeystack.net.tcp.path_mtu import LIFETIME
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


def test_numbers_windows_and_options_come_from_the_handshake() -> None:
    peer = Peer(timestamp=50, scale=4, mss=1300, window=5000)
    conn = peer.open()
    assert conn.state is State.ESTABLISHED
    assert conn.snd_una == conn.snd_nxt == peer.ack
    assert conn.rcv_nxt == conn.last_ack_sent == peer.seq
    assert conn.rcv_edge == add(peer.seq, 65_160)
    assert (conn.snd_scale, conn.rcv_scale, conn.mss, conn.ts_recent) == (4, 7, 1288, 50)
    assert conn.snd_wnd == 5000 << 4  # the last acknowledgement's window counts, and that one is scaled


def test_what_was_not_offered_is_not_used() -> None:
    conn = Peer(mss=None).open()
    assert (conn.snd_scale, conn.rcv_scale, conn.mss, conn.ts_recent, conn.sack) == (0, 0, 536, None, False)


def test_a_connection_from_a_cookie_takes_the_window_of_its_acknowledgement() -> None:
    tcp = make_tcp(3, half_open=0)
    conn = Peer(tcp, window=777).open()
    assert conn.snd_wnd == conn.max_window == 777
    assert conn.rtt is None


def test_a_handshake_lost_twice_begins_with_one_segment() -> None:
    peer = Peer()
    (answer,) = peer.syn()
    peer.wait(4)
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    (conn,) = peer.tcp.flows.values()
    assert conn.rtt is None
    assert conn.sending is not None
    assert conn.sending.congestion.cwnd == conn.mss


@pytest.mark.parametrize(("timestamp", "mss"), [(None, 1000), (7, 1000), (None, 1460)])
def test_the_window_that_completes_the_handshake_says_how_large_segments_are(timestamp: int | None, mss: int) -> None:
    peer = Peer(mss=mss, window=65_535, timestamp=timestamp)
    (answer,) = peer.syn()
    peer.seq, peer.ack, peer.window = add(peer.seq, 1), add(answer.seq, 1), 900
    peer.send()
    (conn,) = peer.tcp.flows.values()
    assert (conn.snd_wnd, conn.max_window, conn.mss) == (900, 900, 450)


def test_a_cookie_brings_the_scale_of_its_window_back() -> None:
    conn = Peer(make_tcp(3, half_open=0), window=777, scale=3, timestamp=5).open()
    assert conn.snd_wnd == conn.max_window == 777 << 3


@pytest.mark.parametrize(("timestamp", "mss"), [(None, 1000), (7, 988)])
def test_segments_are_no_longer_than_what_is_known_of_the_path(timestamp: int | None, mss: int) -> None:
    peer = Peer(timestamp=timestamp)
    peer.tcp.path_mtus.put(peer.path.remote, 1040, peer.now)
    assert peer.open().mss == mss
    peer.now += LIFETIME
    later = Peer(peer.tcp, local_port=2, timestamp=timestamp)
    later.now = peer.now
    assert later.open().mss == mss + 460
