"""ICMP errors: believed with a sequence number in flight, and then no more than they deserve."""

from __future__ import annotations

import pytest

from honeystack.net.notices import BoundReached, Closed, CloseReason
from honeystack.net.tcp.path_errors import change_mtu
from honeystack.net.tcp.path_mtu import LIFETIME
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.facts import IcmpErrorKind
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


def quote(peer: Peer, seq: int) -> bytes:
    remote, local = peer.ports
    return local.to_bytes(2, "big") + remote.to_bytes(2, "big") + seq.to_bytes(4, "big")


def sending(version: int = 4, timestamp: int | None = None) -> Peer:
    peer = Peer(version=version, timestamp=timestamp)
    peer.open().send(bytes(3000), peer.now)
    peer.answers()
    return peer


def report(peer: Peer, kind: IcmpErrorKind, seq: int, mtu: int | None = None) -> list[int]:
    peer.tcp.icmp_error(peer.path, quote(peer, seq), kind, mtu, peer.now)
    return [len(seg.data) for seg in peer.answers()]


def test_a_smaller_mtu_sends_what_is_in_flight_again_in_smaller_pieces() -> None:
    peer = sending()
    pieces = report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 1040)
    assert max(pieces) == 1000
    assert sum(pieces) == 3000


@pytest.mark.parametrize("mtu", [None, 0, 68, 552])
def test_an_absurd_mtu_is_held_at_the_floor(mtu: int | None) -> None:
    peer = sending()
    assert max(report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, mtu)) == 552 - 40


@pytest.mark.parametrize(("mtu", "pieces"), [(None, []), (0, []), (68, []), (1279, []), (1280, [1220, 1220, 560])])
def test_ipv6_has_a_least_mtu_and_less_is_discarded(mtu: int | None, pieces: list[int]) -> None:
    peer = sending(6)
    assert report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, mtu) == pieces


def test_timestamps_take_their_room() -> None:
    peer = sending(timestamp=9)
    assert max(report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 1052)) == 1000


@pytest.mark.parametrize("mtu", [1500, 9000])
def test_the_same_mtu_and_a_larger_one_are_no_news(mtu: int) -> None:
    peer = sending()
    assert report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, mtu) == []


def test_before_anything_was_sent_only_later_segments_shrink() -> None:
    peer = Peer()
    conn = peer.open()
    assert report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 1040) == []
    conn.send(bytes(2000), peer.now)
    assert [len(seg.data) for seg in peer.answers()] == [1000, 1000]


@pytest.mark.parametrize("offset", [-1, 3001, 2**31])
def test_a_quote_that_is_not_in_flight_is_not_believed(offset: int) -> None:
    peer = sending()
    assert report(peer, IcmpErrorKind.PACKET_TOO_BIG, add(peer.ack, offset), 600) == []


# MUST-54
def test_an_error_about_a_handshake_under_way_reaches_it() -> None:
    peer = Peer()
    (answer,) = peer.syn()
    assert report(peer, IcmpErrorKind.SOFT, answer.seq) == []
    assert peer.tcp.statistics()["half_open"] == 0


def test_unknown_flows_and_short_quotes_are_ignored() -> None:
    peer = sending()
    peer.tcp.icmp_error(peer.path, quote(peer, peer.ack)[:7], IcmpErrorKind.PACKET_TOO_BIG, 600, peer.now)
    peer.tcp.icmp_error(peer.path, bytes(8), IcmpErrorKind.PACKET_TOO_BIG, 600, peer.now)
    assert peer.answers() == []


@pytest.mark.parametrize("kind", [IcmpErrorKind.SOFT, IcmpErrorKind.HARD])
def test_no_error_ends_an_established_connection(kind: IcmpErrorKind) -> None:
    peer = sending()
    report(peer, kind, peer.ack)
    assert peer.conn is not None
    assert peer.conn.state is State.ESTABLISHED


def test_a_hard_error_ends_an_open() -> None:
    peer = Peer()
    conn = peer.tcp.connect(peer.path, peer.ports[0], peer.ports[1], peer.now)
    report(peer, IcmpErrorKind.SOFT, conn.snd_una)
    assert peer.told(Closed) == []
    report(peer, IcmpErrorKind.HARD, conn.snd_una)
    assert peer.told(Closed) == [Closed(conn, CloseReason.RST)]


def test_the_pieces_are_cut_across_the_segments_that_there_were() -> None:
    assert report(sending(), IcmpErrorKind.PACKET_TOO_BIG, sending().ack, 1040) == [1000] * 3


def test_an_error_lets_no_more_segments_out_than_there_were() -> None:
    peer = Peer()
    peer.open().send(bytes(100_000), peer.now)
    assert len(peer.answers()) == 10
    assert report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 552) == [512] * 10


def test_what_is_sent_again_has_a_time_out_of_its_own() -> None:
    peer = Peer(sack=False)
    peer.open().send(bytes(3000), peer.now)
    peer.answers()
    assert peer.wait(0.15) == []
    assert report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 1040) == [1000] * 3
    assert peer.wait(0.15) == []
    assert [len(seg.data) for seg in peer.wait(0.1)] == [1000]


@pytest.mark.parametrize(("version", "headers"), [(4, 40), (6, 60)])
@pytest.mark.parametrize(("timestamp", "options"), [(None, 0), (9, 12)])
def test_a_smaller_mtu_of_our_own_link_cuts_what_is_in_flight(
    version: int, headers: int, timestamp: int | None, options: int
) -> None:
    peer = sending(version, timestamp)
    change_mtu(peer.tcp, 1300, peer.now)
    pieces = [len(seg.data) for seg in peer.answers()]
    assert max(pieces) == 1300 - headers - options
    assert sum(pieces) == 3000


def test_a_link_with_a_tiny_mtu_is_kept_to_below_what_reports_are_believed() -> None:
    peer = sending()
    change_mtu(peer.tcp, 300, peer.now)
    assert max(len(seg.data) for seg in peer.answers()) == 260


def test_a_larger_mtu_of_our_own_link_is_for_new_connections() -> None:
    peer = sending()
    change_mtu(peer.tcp, 9000, peer.now)
    assert peer.answers() == []
    assert peer.tcp.sizes.advertised_mss == {4: 8960, 6: 8940}


def test_a_new_connection_is_told_the_new_mtu_and_keeps_to_it() -> None:
    peer = Peer()
    change_mtu(peer.tcp, 1300, peer.now)
    conn = peer.open()
    conn.send(bytes(2000), peer.now)
    assert [len(seg.data) for seg in peer.answers()] == [1260, 740]


def test_the_congestion_window_stays_a_whole_number_of_bytes() -> None:
    peer = sending()
    assert peer.conn is not None
    assert peer.conn.sending is not None
    congestion = peer.conn.sending.congestion
    congestion.cwnd = 14_601
    report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 1040)
    assert congestion.cwnd == 14_601 * 1000 // 1460


def test_one_path_too_many_is_told_until_there_is_room_again() -> None:
    peer = Peer(make_tcp(3, path_mtus=1))
    peer.open().send(bytes(3000), peer.now)
    peer.answers()
    other = b"other"
    for mtu, lifetimes in ((1400, 0), (1300, 0), (1200, 1)):
        peer.tcp.path_mtus.put(other, 1400, peer.now)
        peer.tcp.path_mtus.expire(peer.now + lifetimes * LIFETIME)
        report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, mtu)
    assert peer.told(BoundReached) == [BoundReached("path_mtus", 1, peer.path)]
