"""Marks of congestion are echoed until the peer says that it has slowed down."""

from __future__ import annotations

import pytest

from honeystack.net.persona import Persona
from honeystack.net.tcp.ecn import Ecn, asks_for_ecn, echo_of
from honeystack.net.tcp.seq import add
from honeystack.net.wire.facts import IpFacts
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
