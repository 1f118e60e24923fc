"""Challenge acknowledgements: limited per connection, so that nobody learns anything about another."""

from __future__ import annotations

import pytest

from honeystack.net.tcp.challenge import INTERVAL, in_interval
from honeystack.net.wire.tcp import ACK, RST, SYN
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


def test_one_is_sent_per_interval() -> None:
    peer = Peer()
    peer.open()
    assert [seg.flags for seg in peer.send(SYN)] == [ACK]
    assert peer.send(SYN) == []
    peer.now += INTERVAL
    assert len(peer.send(SYN)) == 1


def test_another_connection_is_challenged_all_the_same() -> None:
    tcp = make_tcp(3)
    peers = [Peer(tcp, local_port=port) for port in range(1, 200)]
    for peer in peers:
        peer.open()
    assert all(len(peer.send(RST, seq=peer.seq + 9)) == 1 for peer in peers)


def test_two_confused_ends_do_not_storm() -> None:
    peer = Peer()
    peer.open()
    answers = [len(peer.send(ACK, seq=peer.seq + 10_000_000)) for _ in range(50)]
    assert sum(answers) == 1


@pytest.mark.parametrize(
    ("answered_at", "now", "within"),
    [
        (-1.0, 0.0, False),
        (-1.0, 1000.0, False),
        (5.0, 5.0, True),
        (5.0, 5.49, True),
        (5.0, 5.5, False),
        (5.0, 4.0, False),
    ],
)
def test_the_interval_begins_with_an_answer_and_a_clock_that_went_back_ends_it(
    answered_at: float, now: float, within: bool
) -> None:
    assert in_interval(answered_at, now) is within
