"""Keep-alive: who is silent for long is probed, and given up (RFC 9293 §3.8.4)."""

from __future__ import annotations

from honeystack.net.notices import Closed, CloseReason
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.tcp import ACK
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer, reasons


def test_keep_alive_is_off_unless_asked_for() -> None:
    peer = Peer()
    peer.open()
    assert peer.wait(100_000) == []


def test_a_silent_peer_is_probed_and_given_up() -> None:
    peer = Peer(make_tcp(3, keep_alive=True, keep_alive_seconds=60.0))
    conn = peer.open()
    probes = peer.wait(59 + 9 * 75)
    assert [(seg.seq, seg.flags) for seg in probes] == [(add(peer.ack, -1), ACK)] * 9
    peer.wait(80)
    assert peer.told(Closed) == [Closed(conn, CloseReason.TIMEOUT)]


def test_an_answer_to_a_probe_keeps_the_connection() -> None:
    peer = Peer(make_tcp(3, keep_alive=True, keep_alive_seconds=60.0))
    conn = peer.open()
    for _ in range(30):
        if peer.wait(61):
            peer.send()
    assert conn.state is State.ESTABLISHED


def test_unanswered_keep_alive_probes_come_at_their_times_until_the_last() -> None:
    peer = Peer(make_tcp(3, keep_alive=True, keep_alive_seconds=60.0))
    conn = peer.open()
    for probe in range(1, 10):
        peer.wait(59.9 if probe == 1 else 74.9)
        assert conn.probes == probe - 1
        assert len(peer.wait(0.1)) == 1
        assert conn.probes == probe
    assert peer.wait(74.9) == []
    assert reasons(peer) == []
    assert peer.wait(0.1) == []
    assert reasons(peer) == [CloseReason.TIMEOUT]


def test_a_keep_alive_probe_says_the_time() -> None:
    peer = Peer(make_tcp(3, keep_alive=True, keep_alive_seconds=60.0), timestamp=5)
    peer.open()
    echo = peer.echo
    (probe,) = peer.wait(61)
    assert probe.timestamps == (add(echo, 60_000), 5)


def test_time_interval_and_number_of_keep_alive_probes_are_settings() -> None:
    tcp = make_tcp(3, keep_alive=True, keep_alive_seconds=10.0, keep_alive_interval_seconds=3.0, keep_alive_probes=2)
    peer = Peer(tcp)
    peer.open()
    for wait in (10, 3):
        assert peer.wait(wait - 0.1) == []
        assert len(peer.wait(0.1)) == 1
    assert peer.wait(2.9) == []
    assert reasons(peer) == []
    peer.wait(0.1)
    assert reasons(peer) == [CloseReason.TIMEOUT]


def test_what_the_other_keep_alive_settings_say_is_nothing_without_it() -> None:
    peer = Peer(make_tcp(3, keep_alive_seconds=10.0, keep_alive_interval_seconds=3.0, keep_alive_probes=2))
    conn = peer.open()
    assert peer.wait(10_000) == []
    assert conn.state is State.ESTABLISHED
