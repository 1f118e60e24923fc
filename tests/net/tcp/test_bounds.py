"""Bounds on connections: the longest idle one makes room, one source cannot take all."""

from __future__ import annotations

from collections import Counter

from honeystack.net.notices import Accepted, BoundReached, Closed, CloseReason
from honeystack.net.tcp.bounds import source_of
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.tcp import RST
from tests.net.tcp.pair import make_tcp, path_of
from tests.net.tcp.peer import Peer


def test_the_longest_idle_connection_is_shed_for_a_new_one() -> None:
    tcp = make_tcp(3, connections=3)
    peers = [Peer(tcp, local_port=port) for port in (1, 2, 3)]
    for age, peer in enumerate(peers):
        peer.now += age
        peer.open()
    peers[0].now += 10
    peers[0].say(b"still here")
    late = Peer(tcp, local_port=4)
    late.now += 11
    late.open()
    (closed,) = late.told(Closed)
    assert isinstance(closed, Closed)
    assert closed == (peers[1].conn, CloseReason.SHED)
    (bound,) = late.told(BoundReached)
    assert isinstance(bound, BoundReached)
    assert (bound.bound, bound.limit) == ("connections", 3)
    assert tcp.connections == 3


def test_the_shed_peer_is_reset() -> None:
    tcp = make_tcp(3, connections=1)
    Peer(tcp, local_port=1).open()
    late = Peer(tcp, local_port=2)
    (answer,) = late.syn()
    late.seq, late.ack = 1001, add(answer.seq, 1)
    assert [seg.flags & RST for seg in late.send()] == [RST]


def test_shedding_many_keeps_the_order_of_idleness() -> None:
    tcp = make_tcp(3, connections=200)
    peers = [Peer(tcp, local_port=1 + i) for i in range(300)]
    for i, peer in enumerate(peers):
        peer.now += i
        peer.open()
    shed = [n.connection.remote_port for peer in peers for n in peer.told(Closed) if isinstance(n, Closed)]
    assert shed == list(range(1, 101))


def test_a_bound_of_zero_admits_nobody() -> None:
    tcp = make_tcp(3, connections=0)
    peer = Peer(tcp)
    (answer,) = peer.syn()
    peer.seq, peer.ack = 1001, add(answer.seq, 1)
    assert [seg.flags for seg in peer.send()] == [RST]
    assert peer.told(Accepted) == []


def test_one_source_has_its_own_bound_and_others_are_not_touched() -> None:
    tcp = make_tcp(3, connections_per_source=2)
    peers = [Peer(tcp, local_port=port) for port in (1, 2)]
    for peer in peers:
        peer.open()
    third = Peer(tcp, local_port=3)
    assert third.syn() == []
    fourth = Peer(tcp, local_port=4)
    assert fourth.syn() == []
    (bound,) = third.told(BoundReached)
    assert isinstance(bound, BoundReached)
    assert (bound.bound, bound.limit) == ("connections_per_source", 2)
    assert fourth.told(BoundReached) == []
    Peer(tcp, path=path_of(4, bytes([192, 0, 2, 77]))).open()
    assert peers[0].conn is not None
    peers[0].conn.abort(0)
    peers[0].answers()
    third.open()


def test_handshakes_begun_below_the_bound_do_not_pass_it() -> None:
    tcp = make_tcp(3, connections_per_source=1)
    one, two = Peer(tcp, local_port=1), Peer(tcp, local_port=2)
    (answer,) = two.syn()
    one.open()
    two.seq, two.ack = 1001, add(answer.seq, 1)
    assert [seg.flags for seg in two.send()] == [RST]


def test_a_source_is_an_address_or_a_slash_64() -> None:
    assert source_of(path_of(4)) == path_of(4).remote
    assert source_of(path_of(6)) == path_of(6).remote[:8]


def test_who_has_spoken_since_the_last_look_is_not_the_one_that_is_shed() -> None:
    tcp = make_tcp(3, connections=2)
    first, second, third, fourth = (Peer(tcp, local_port=50_000 + index) for index in range(4))
    conns = []
    for at, peer in enumerate((first, second, third)):
        peer.now += at
        conns.append(peer.open())
    assert conns[0].state is State.CLOSED
    second.now += 10
    second.say(b"still here")
    fourth.now += 20
    fourth.open()
    assert (conns[1].state, conns[2].state) == (State.ESTABLISHED, State.CLOSED)


def test_a_connection_that_has_ended_since_the_last_look_makes_no_room() -> None:
    tcp = make_tcp(3, connections=3)
    peers = [Peer(tcp, local_port=port) for port in range(1, 7)]
    conns = []
    for at, peer in enumerate(peers[:4]):
        peer.now += at
        conns.append(peer.open())
    assert conns[0].state is State.CLOSED  # the others have been seen, in their order
    conns[1].abort(1004.0)
    peers[1].answers()
    peers[4].now += 5
    peers[4].open()
    assert [conn.state for conn in conns[2:]] == [State.ESTABLISHED] * 2
    peers[5].now += 6
    peers[5].open()
    ends = [end.reason for peer in peers for end in peer.told(Closed) if isinstance(end, Closed)]
    assert Counter(ends) == {CloseReason.RST: 1, CloseReason.SHED: 2}
    assert [conn.state for conn in conns[2:]] == [State.CLOSED, State.ESTABLISHED]
    assert tcp.connections == 3


def test_sources_that_may_have_no_more_are_known() -> None:
    tcp = make_tcp(3, connections_per_source=2)
    one, two = Peer(tcp, local_port=1), Peer(tcp, local_port=2)
    first = one.open()
    assert tcp.full_sources == set()
    two.open()
    assert tcp.full_sources == {source_of(one.path)}
    first.abort(1.0)
    assert tcp.full_sources == set()


def test_what_we_opened_ourselves_counts_against_a_source_too() -> None:
    tcp = make_tcp(3, connections_per_source=2)
    ours = [tcp.connect(path_of(4), 80, 40_000 + number, 1000.0) for number in range(4)]
    for number, conn in enumerate(ours):
        assert (path_of(4).remote in tcp.full_sources) is (number < 3)
        conn.abort(1000.0)
    assert not tcp.full_sources


def test_a_bound_is_told_again_once_it_was_well_out_of_reach() -> None:
    tcp = make_tcp(3, connections=4)
    ports = iter(range(1, 100))

    def told(count: int) -> list[str]:
        """What so many new connections make tell."""
        peers = [Peer(tcp, local_port=next(ports)) for _ in range(count)]
        for peer in peers:
            peer.open()
        return [n.bound for peer in peers for n in peer.told(BoundReached) if isinstance(n, BoundReached)]

    def end(count: int) -> None:
        for conn in list(tcp.flows.values())[:count]:
            conn.abort(1000.0)
        tcp.poll_transmit(1000.0)

    assert told(5) == ["connections"]
    assert told(1) == []
    end(1)
    assert told(2) == []  # three are as many as three quarters
    end(2)
    assert told(2) == []
    assert told(1) == ["connections"]
