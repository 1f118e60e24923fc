"""Marks of congestion are echoed until the peer says that it has slowed down."""

from __future__ import annotations

import pytest

from honeystack.net.address import Path
from honeystack.net.persona import Persona
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.ecn import Ecn, asks_for_ecn, echo_of
from honeystack.net.tcp.seq import add
from honeystack.net.wire.facts import IpFacts
from honeystack.net.wire.runs import Run
from honeystack.net.wire.segment import MarkableSegment
from honeystack.net.wire.tcp import ACK, CWR, ECE, PSH, SYN
from tests.net.tcp.pair import make_tcp, peer_segment
from tests.net.tcp.peer import Peer

ASKING = SYN | ECE | CWR
MARKED = IpFacts(57, 4321, True, 0b11)


@pytest.mark.parametrize(
    ("flags", "asks"), [(ASKING, True), (SYN | ECE, False), (SYN | CWR, False), (ECE | CWR, False)]
)
def test_both_flags_of_a_syn_ask_for_it(flags: int, asks: bool) -> None:
    assert asks_for_ecn(flags, 0) is asks


@pytest.mark.parametrize(("tos", "asks"), [(0, True), (0xB8, True), (1, False), (2, False), (3, False)])
def test_a_syn_that_can_be_marked_does_not_ask_for_it(tos: int, asks: bool) -> None:
    assert asks_for_ecn(ASKING, tos) is asks
    peer = Peer(tcp=make_tcp(3))
    syn = peer_segment(peer.path, peer.ports, 1000, 0, ASKING)
    peer.tcp.receive_segment(peer.path, syn, IpFacts(57, 4321, True, tos), peer.now, verify=True)
    (answer,) = peer.answers()
    assert bool(answer.flags & ECE) is asks


@pytest.mark.parametrize(
    ("ecn", "flags", "tos", "after"),
    [
        (Ecn.AGREED, ACK, 0, Ecn.AGREED),
        (Ecn.AGREED, ACK, 2, Ecn.AGREED),
        (Ecn.AGREED, ACK, 0xB8 | 3, Ecn.ECHOING),
        (Ecn.ECHOING, ACK, 2, Ecn.ECHOING),
        (Ecn.ECHOING, ACK | CWR, 2, Ecn.AGREED),
        (Ecn.ECHOING, ACK | CWR, 3, Ecn.ECHOING),
    ],
)
def test_a_mark_is_echoed_until_the_peer_has_slowed_down(ecn: Ecn, flags: int, tos: int, after: Ecn) -> None:
    assert echo_of(ecn, flags, tos) is after


def test_a_syn_that_asks_is_agreed_to_and_marks_come_back() -> None:
    peer = Peer()
    (answer,) = peer.send(ASKING)
    assert answer.flags == SYN | ACK | ECE
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    assert peer.send() == []
    marked = peer_segment(peer.path, peer.ports, peer.seq, peer.ack, ACK | PSH, window=1000, options=b"", data=b"x")
    peer.tcp.receive_segment(peer.path, marked, MARKED, peer.now, verify=True)
    (echo,) = peer.answers()
    assert echo.flags == ACK | ECE
    (echo,) = peer.send(ACK | PSH | CWR, b"y", seq=add(peer.seq, 1))
    assert echo.flags == ACK


@pytest.mark.parametrize("flags", [SYN, SYN | ECE])
def test_who_does_not_ask_is_not_told(flags: int) -> None:
    (answer,) = Peer().send(flags)
    assert answer.flags == SYN | ACK


def test_a_persona_may_refuse_it() -> None:
    (answer,) = Peer(make_tcp(3, persona=Persona(ecn=False))).send(ASKING)
    assert answer.flags == SYN | ACK


def test_a_cookie_does_not_carry_it() -> None:
    (answer,) = Peer(make_tcp(3, half_open=0)).send(ASKING)
    assert answer.flags == SYN | ACK


MSS_1000 = b"\2\4\3\xe8"


def agreed(*, cuts_runs: bool = False, mss: int = 1000) -> tuple[Peer, Connection]:
    """A connection on which ECN is agreed."""
    peer = Peer(make_tcp(3, cuts_runs=cuts_runs), mss=mss)
    (answer,) = peer.send(ASKING, options=MSS_1000)
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    (conn,) = peer.tcp.flows.values()
    return peer, conn


def sent(peer: Peer, conn: Connection, size: int) -> list[tuple[bool, int]]:
    """Whether each segment may be marked, and its flags."""
    conn.send(bytes(size), peer.now)
    segments = [segment for _, segment in peer.tcp.poll_transmit(peer.now)]
    peer.ack = conn.snd_nxt
    return [
        (isinstance(segment, MarkableSegment) or (isinstance(segment, Run) and segment.markable), segment[13])
        for segment in segments
    ]


@pytest.mark.parametrize("cuts_runs", [False, True])
def test_new_data_may_be_marked_and_nothing_else(cuts_runs: bool) -> None:
    peer, conn = agreed(cuts_runs=cuts_runs)
    assert all(markable for markable, _ in sent(peer, conn, 3500))
    peer.ack = conn.snd_una
    assert [type(segment) for _, segment in again(peer, 1.0)] == [bytes]  # sent again
    peer.send(ack=conn.snd_nxt)
    conn.close(peer.now)
    assert [type(segment) for _, segment in peer.tcp.poll_transmit(peer.now)] == [bytes]  # a bare FIN


def again(peer: Peer, seconds: float) -> list[tuple[Path, bytes]]:
    peer.now += seconds
    peer.tcp.handle_timeout(peer.now)
    return peer.tcp.poll_transmit(peer.now)


def test_without_agreement_nothing_may_be_marked() -> None:
    peer = Peer(mss=1000)
    assert sent(peer, peer.open(), 3500) == [(False, ACK)] * 3 + [(False, ACK | PSH)]


@pytest.mark.parametrize("cuts_runs", [False, True])
def test_an_echo_halves_the_window_once_in_a_round_trip_and_is_told(cuts_runs: bool) -> None:
    peer, conn = agreed(cuts_runs=cuts_runs)
    sent(peer, conn, 20_000)
    assert conn.sending is not None
    congestion = conn.sending.congestion
    assert congestion.cwnd == 10_000
    before = conn.snd_una
    assert [seg.flags & CWR for seg in peer.send(ACK | ECE, ack=add(before, 2000))] == []  # what is out still fills it
    assert (congestion.cwnd, congestion.cwr_due) == (4000, True)
    flags = [seg.flags & CWR for seg in peer.send(ACK | ECE, ack=add(before, 8000))]
    assert flags == [CWR, 0]
    assert (congestion.cwnd, congestion.cwr_due) == (4000, False)
    peer.send(ACK | ECE, ack=add(before, 10_000))
    assert (congestion.cwnd, congestion.cwr_due) == (2000, True)  # the next round trip


def test_an_echo_that_nobody_agreed_to_says_nothing() -> None:
    peer = Peer(mss=1000)
    conn = peer.open()
    sent(peer, conn, 20_000)
    assert conn.sending is not None
    peer.send(ACK | ECE, ack=add(conn.snd_una, 2000))
    assert conn.sending.congestion.cwnd > 10_000
