"""What TCP tells of what peers do: anomalies by name and ends, handshakes, bounds, and counters that add up."""

from __future__ import annotations

import pytest

from honeystack.net.notices import Anomaly, BoundReached, HalfOpen, Scanned
from honeystack.net.tcp.arrives import CROSSED
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.facts import IcmpErrorKind
from honeystack.net.wire.tcp import ACK, FIN, RST, SYN
from tests.net.tcp.pair import make_tcp, path_of
from tests.net.tcp.peer import Peer, asked

SIGNED = b"\x13\x12" + bytes(16) + b"\1\1"


def anomalies(peer: Peer) -> list[str]:
    return [notice.name for notice in peer.told(Anomaly) if isinstance(notice, Anomaly)]


def bounds(peer: Peer) -> list[BoundReached]:
    return [notice for notice in peer.told(BoundReached) if isinstance(notice, BoundReached)]


@pytest.mark.parametrize(
    ("flags", "offset", "name"),
    [
        (SYN, 0, "blind-syn"),
        (RST, 5, "rst-probe"),
        (RST, 70_000, "blind-rst"),
        (RST, -100, "blind-rst"),
        (RST | ACK, -100, "blind-rst"),
    ],
)
def test_blind_attempts_at_a_connection_are_told_with_its_ends(flags: int, offset: int, name: str) -> None:
    peer = Peer()
    conn = peer.open()
    peer.send(flags, seq=add(peer.seq, offset))
    assert peer.told(Anomaly) == [Anomaly(peer.path, "tcp", name, conn.local_port, conn.remote_port)]
    assert conn.state is State.ESTABLISHED


@pytest.mark.parametrize(
    ("flags", "distance", "told"),
    [(RST, 100, []), (RST, CROSSED, []), (RST, CROSSED + 1, ["blind-rst"]), (RST | ACK, 100, ["blind-rst"])],
)
def test_a_reset_for_what_crossed_the_peers_end_is_no_anomaly(flags: int, distance: int, told: list[str]) -> None:
    peer = Peer()
    peer.open()
    peer.send(ACK | FIN)
    peer.seq = add(peer.seq, 1)
    peer.send(flags, seq=add(peer.seq, -distance))
    assert anomalies(peer) == told


@pytest.mark.parametrize(("version", "protocol"), [(4, "icmp"), (6, "icmpv6")])
def test_an_error_about_what_is_not_under_way_is_told_and_others_are_counted(version: int, protocol: str) -> None:
    peer = Peer(version=version)
    conn = peer.open()
    quoted = peer.ports[1].to_bytes(2, "big") + peer.ports[0].to_bytes(2, "big")
    for seq in (conn.snd_una, add(conn.snd_nxt, 1), conn.snd_una):
        peer.tcp.icmp_error(peer.path, quoted + seq.to_bytes(4, "big"), IcmpErrorKind.SOFT, None, peer.now)
    peer.answers()
    ends = conn.local_port, conn.remote_port
    assert peer.told(Anomaly) == [Anomaly(peer.path, protocol, "spoofed-icmp", *ends)]
    assert peer.tcp.statistics()["path_errors"] == 2


@pytest.mark.parametrize(("version", "kind"), [(4, IcmpErrorKind.SOFT), (6, IcmpErrorKind.HARD)])
def test_handshakes_that_errors_end_are_told_without_a_reset_and_counted(version: int, kind: IcmpErrorKind) -> None:
    tcp = make_tcp(3)
    for port in (1, 2):
        peer = Peer(tcp, version=version, local_port=port)
        (answer,) = peer.syn()
        quoted = peer.ports[1].to_bytes(2, "big") + port.to_bytes(2, "big") + answer.seq.to_bytes(4, "big")
        tcp.icmp_error(peer.path, quoted, kind, None, peer.now)
        peer.answers()
        (ended,) = peer.told(HalfOpen)
        assert isinstance(ended, HalfOpen)
        assert ended.reset is False
    assert tcp.statistics()["path_errors"] == 2


def test_handshakes_that_a_shutdown_ends_are_told_without_a_reset() -> None:
    peer = Peer()
    peer.syn()
    peer.tcp.shut_down(peer.now)
    peer.answers()
    assert [notice.reset for notice in peer.told(HalfOpen) if isinstance(notice, HalfOpen)] == [False]


def test_each_signed_segment_is_counted_and_told_with_its_ends() -> None:
    peer = Peer()
    for _ in range(2):
        peer.send(SYN, options=SIGNED)
    assert peer.told(Scanned) == [Scanned(peer.path, "tcp", 80, 50_000)] * 2
    assert peer.tcp.statistics()["signed"] == 2


def test_resets_are_counted_whether_for_a_connection_or_for_none() -> None:
    tcp = make_tcp(3)
    for port in (1, 2):
        Peer(tcp, local_port=port).open().abort(1000.0)
        Peer(tcp, local_port=port + 10).send(ACK)
    assert tcp.statistics()["resets_sent"] == 4


def test_a_reset_of_an_open_that_nobody_answered_is_not_counted() -> None:
    peer = asked()
    assert peer.conn is not None
    peer.conn.abort(peer.now)
    assert peer.tcp.statistics().get("resets_sent", 0) == 0


@pytest.mark.parametrize(("flags", "anomaly"), [(SYN, None), (FIN, "fin-probe"), (ACK, "ack-probe")])
def test_what_belongs_to_no_connection_is_told_to_scan_detection_with_its_ends(flags: int, anomaly: str | None) -> None:
    peer = Peer()
    peer.send(flags)
    assert peer.told(Scanned) == [Scanned(peer.path, "tcp", 80, 50_000)]
    assert anomalies(peer) == ([] if anomaly is None else [anomaly])


def test_what_seems_to_come_from_ourselves_is_told_and_counted() -> None:
    path = path_of(4)
    peer = Peer(path=path._replace(remote=path.local))
    for _ in range(2):
        peer.syn()
    assert peer.told(Anomaly) == [Anomaly(peer.path, "tcp", "land", 80, 50_000)] * 2
    assert peer.tcp.statistics()["land"] == 2


def test_refused_timestamps_are_counted() -> None:
    peer = Peer(timestamp=1000)
    peer.open()
    peer.timestamp = 5
    for _ in range(2):
        peer.send(ACK, b"x")
    assert peer.tcp.statistics()["paws"] == 2


def filled(tcp: Tcp) -> Peer:
    """A peer whose SYN finds no room to be remembered."""
    peer = Peer(tcp)
    peer.syn()
    return peer


def test_bounds_are_told_with_their_limit_and_where_they_were_reached() -> None:
    peer = filled(make_tcp(3, half_open=0))
    assert bounds(peer) == [BoundReached("half_open", 0, peer.path)]
    peer = Peer(make_tcp(3, buffer_memory=1000))
    peer.open().send(bytes(2000), peer.now)
    peer.answers()
    assert bounds(peer) == [BoundReached("buffer_memory", 1000, peer.path)]
    assert peer.tcp.statistics()["buffer_memory"] == 1000


def test_many_answered_together_are_counted_as_if_one_by_one() -> None:
    tcp = make_tcp(3, half_open=0)
    peer = filled(tcp)
    before = {name: tcp.statistics()[name] for name in ("segments_in", "segments_out", "cookies_sent")}
    for _ in range(2):
        tcp.handshakes.answered_together(5, peer.path, peer.now)
    assert {name: tcp.statistics()[name] - count for name, count in before.items()} == dict.fromkeys(before, 10)
    alone = make_tcp(3, half_open=0)
    alone.handshakes.answered_together(1, peer.path, peer.now)
    assert list(alone.notices) == [BoundReached("half_open", 0, peer.path)]


def test_no_state_of_listening_is_taken_for_an_earlier_one() -> None:
    tcp = make_tcp(3)
    changes = [tcp.listen_changes]
    for call, port in ((tcp.listen, 1), (tcp.unlisten, 1), (tcp.listen, None), (tcp.unlisten, None), (tcp.listen, 2)):
        call(port)
        changes.append(tcp.listen_changes)
    assert len(set(changes)) == len(changes)


def test_a_syn_in_the_window_ends_a_handshake_by_the_peer() -> None:
    peer = Peer()
    peer.syn()
    peer.send(SYN, seq=add(peer.seq, 5))
    assert [notice.reset for notice in peer.told(HalfOpen) if isinstance(notice, HalfOpen)] == [True]


def test_the_segments_of_a_handshake_are_counted_with_its_connection() -> None:
    conn = Peer().open()
    assert (conn.packets_in, conn.packets_out) == (2, 1)


def test_what_a_connection_held_is_given_back_at_its_end() -> None:
    peer = Peer(window=0)
    conn = peer.open()
    peer.say(bytes(100))
    conn.send(bytes(5000), peer.now)
    peer.send(ACK, b"late", seq=add(peer.seq, 50))
    assert peer.tcp.memory.used > 5100
    conn.abort(peer.now)
    assert peer.tcp.memory.used == 0
