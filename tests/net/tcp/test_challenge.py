"""Challenge acknowledgements: limited per connection, so that nobody learns anything about another."""

from __future__ import annotations

from honeystack.net.tcp.challenge import INTERVAL
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
