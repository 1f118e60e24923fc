"""What marks the segments of a connection beside their data: PSH as Linux sets it, and the IP options of the SYN."""

from __future__ import annotations

import pytest

from honeystack.net.wire.runs import Run
from honeystack.net.wire.tcp import ACK, PSH
from tests.net.frames import PATH4
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


@pytest.mark.parametrize(
    ("window", "pushed"), [(100, [True]), (3000, [False, True, False]), (40_000, [False] * 10)], ids=str
)
def test_half_of_a_small_window_is_pushed_also_when_it_comes_again(window: int, pushed: list[bool]) -> None:
    peer = Peer(mss=1000, window=window, sack=False)
    conn = peer.open()
    conn.send(bytes(50_000), peer.now)
    assert [bool(seg.flags & PSH) for seg in peer.answers()] == pushed
    assert [bool(seg.flags & PSH) for seg in peer.wait(0.3)] == pushed[:1]


def test_a_connection_keeps_the_ip_options_of_its_syn_and_leaves_room_for_them() -> None:
    path = PATH4._replace(options=b"\1\1\1\0")
    peer = Peer(make_tcp(3, cuts_runs=True), mss=1000, path=path)
    conn = peer.open()
    assert conn.mss == 996
    peer.path = PATH4
    peer.send(ACK | PSH, b"hello")
    conn.send(bytes(5000), peer.now)
    sent = peer.tcp.poll_transmit(peer.now)
    assert {way.options for way, _ in sent} == {b"\1\1\1\0"}
    assert not any(isinstance(segment, Run) for _, segment in sent)
