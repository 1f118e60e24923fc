"""SYN-SENT and simultaneous open."""

from __future__ import annotations

import pytest

from honeystack.net.notices import Closed, CloseReason, Writable
from honeystack.net.persona import Persona
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN, syn_options
from tests.net.tcp.pair import Pair, make_tcp
from tests.net.tcp.peer import Peer, asked


def test_an_answer_completes_the_open() -> None:
    peer = asked()
    peer.now += 0.1
    options = syn_options(1400, window_scale=3, sack=True, timestamps=(7, 0))
    (ack,) = peer.send(SYN | ACK, options=options)
    conn = peer.conn
    assert conn is not None
    assert (ack.flags, ack.ack) == (ACK, add(peer.seq, 1))
    assert conn.state is State.ESTABLISHED
    assert conn.rtt == pytest.approx(0.1)
    assert (conn.mss, conn.snd_scale, conn.sack, conn.ts_recent) == (1388, 3, True, 7)
    assert peer.told(Writable) == [Writable(conn)]


def test_an_answer_without_options_turns_them_off() -> None:
    peer = asked()
    peer.send(SYN | ACK)
    assert peer.conn is not None
    assert (peer.conn.mss, peer.conn.rcv_scale, peer.conn.sack, peer.conn.ts_recent) == (536, 0, False, None)


def test_a_wrong_acknowledgement_of_a_syn_is_reset() -> None:
    peer = asked()
    (reset,) = peer.send(SYN | ACK, ack=add(peer.ack, 1))
    assert (reset.flags, reset.seq) == (RST, add(peer.ack, 1))
    assert peer.send(RST | ACK, ack=add(peer.ack, 1)) == []
    assert peer.conn is not None
    assert peer.conn.state is State.SYN_SENT


def test_a_reset_needs_the_right_acknowledgement_to_refuse_an_open() -> None:
    peer = asked()
    peer.send(RST)
    assert peer.told(Closed) == []
    peer.send(RST | ACK)
    assert peer.told(Closed) == [Closed(peer.conn, CloseReason.RST)]  # type: ignore[arg-type]


def test_what_has_neither_syn_nor_rst_is_dropped() -> None:
    assert asked().send(ACK) == []


def test_two_syns_that_cross_open_one_connection() -> None:
    pair = Pair(client=make_tcp(1), server=make_tcp(2))
    one = pair.client.connect(pair.to_server, 80, 40_000, pair.now)
    two = pair.server.connect(pair.to_client, 40_000, 80, pair.now)
    pair.run(1)
    assert one.state is two.state is State.ESTABLISHED
    one.send(b"hello", pair.now)
    two.close(pair.now)
    pair.run(1)
    assert two.receive(9, pair.now) == b"hello"
    assert one.eof_received


def test_a_crossing_syn_is_answered_and_its_acknowledgement_checked() -> None:
    peer = asked()
    (answer,) = peer.send(SYN)
    assert answer.flags == SYN | ACK
    peer.seq = add(peer.seq, 1)
    (reset,) = peer.send(ACK, ack=add(peer.ack, 1))
    assert reset.flags == RST
    assert [seg.flags for seg in peer.wait(1.1)] == [SYN | ACK]
    peer.send(ACK)
    assert peer.conn is not None
    assert peer.conn.state is State.ESTABLISHED
    assert peer.conn.rtt is None


def test_an_open_that_was_closed_early_sends_its_data_and_fin() -> None:
    peer = asked()
    assert peer.conn is not None
    peer.send(SYN)
    peer.conn.send(b"early", peer.now)
    peer.conn.close(peer.now)
    peer.seq = add(peer.seq, 1)
    (answer,) = peer.send(ACK)
    assert (answer.flags, bytes(answer.data)) == (ACK | PSH | FIN, b"early")
    assert peer.conn.state is State.FIN_WAIT_1


def test_the_syn_ack_of_a_simultaneous_open_completes_it() -> None:
    peer = asked()
    assert peer.conn is not None
    peer.send(SYN, options=b"")
    assert peer.conn.state is State.SYN_RECEIVED
    assert peer.send(SYN | ACK, seq=add(peer.seq, 7), options=b"") != []  # not the SYN that came: a challenge
    assert peer.conn.state is State.SYN_RECEIVED
    assert peer.send(SYN | ACK, options=b"") == []
    assert peer.conn.state is State.ESTABLISHED


@pytest.mark.parametrize("timestamps", [True, False])
def test_the_window_of_our_syn_is_the_one_that_holds(timestamps: bool) -> None:
    peer = Peer(make_tcp(3, persona=Persona(timestamps=timestamps)), version=6)
    conn = peer.tcp.connect(peer.path, *peer.ports, peer.now)
    (syn,) = peer.answers()
    peer.ack = add(syn.seq, 1)
    peer.send(SYN | ACK, options=b"")
    assert conn.rcv_edge == add(peer.seq, 1 + syn.window)
