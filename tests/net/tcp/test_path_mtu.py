"""What is remembered of paths: for how long, of how many, and what it changes."""

from __future__ import annotations

import random

import pytest

from honeystack.net.address import Path
from honeystack.net.notices import BoundReached
from honeystack.net.output import Output
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.path_mtu import LIFETIME, PathMtus
from honeystack.net.tcp.seq import add
from honeystack.net.wire.facts import IcmpErrorKind
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.tcp import ACK, SYN, decode_syn_options, timestamp_option
from tests.net.frames import PATH4, PATH6, icmp_frame, ip_packet, make_stack, udp_frame
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer
from tests.net.tcp.test_path_errors import report, sending

MSS_1460 = b"\2\4\5\xb4"


def test_a_report_counts_for_ten_minutes_and_a_new_one_begins_them_anew() -> None:
    paths = PathMtus(1024)
    paths.put(b"a", 1400, 0.0)
    paths.put(b"b", 1300, 1.0)
    paths.put(b"a", 1400, 2.0)
    paths.expire(LIFETIME + 1.0)
    assert paths.mtus == {b"a": 1400}
    paths.expire(LIFETIME + 2.0)
    assert paths.mtus == {}
    paths.expire(LIFETIME + 3.0)
    assert paths.mtus == {}


def test_who_says_too_little_is_to_cut_our_packets_himself() -> None:
    paths = PathMtus(2)
    paths.put(b"a", 552, 0.0, fragmentable=True)
    paths.put(b"b", 600, 0.0)
    assert paths.fragmentable == {b"a"}
    paths.put(b"a", 1400, 1.0)
    assert paths.fragmentable == {b"a"}
    paths.put(b"b", 1400, 1.0)
    paths.put(b"c", 1400, 1.0)
    assert paths.fragmentable == set()


@pytest.mark.parametrize(("mtu", "fragmentable"), [(0, True), (551, True), (552, False), (1400, False)])
def test_less_than_linux_keeps_to_is_left_to_routers(mtu: int, fragmentable: bool) -> None:
    peer = sending()
    report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, mtu)
    assert peer.tcp.path_mtus.mtus == {peer.path.remote: max(mtu, 552)}
    assert peer.tcp.path_mtus.fragmentable == ({peer.path.remote} if fragmentable else set())


def test_a_handshake_offers_what_the_path_takes() -> None:
    peer = Peer(timestamp=5)
    peer.tcp.path_mtus.put(peer.path.remote, 1400, peer.now)
    (answer,) = peer.syn()
    assert (decode_syn_options(answer.options).mss, answer.window) == (1360, 64704)
    assert peer.tcp.path_mtus.mtus
    peer.tcp.path_mtus.expire(peer.now + LIFETIME)  # what was offered stands
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    (conn,) = peer.tcp.flows.values()
    assert conn.rcv_edge == add(peer.seq, 64704)


@pytest.mark.parametrize(("timestamps", "mss"), [(None, 960), (7, 948)])
def test_a_connection_that_we_open_keeps_to_it_too(timestamps: int | None, mss: int) -> None:
    peer = Peer(timestamp=timestamps)
    peer.tcp.path_mtus.put(peer.path.remote, 1000, peer.now)
    peer.conn = peer.tcp.connect(peer.path, *peer.ports, peer.now)
    (syn,) = peer.answers()
    assert decode_syn_options(syn.options).mss == 960
    stamps = timestamp_option(7, 0) if timestamps else b""
    peer.send(SYN | ACK, ack=add(syn.seq, 1), options=MSS_1460 + stamps)
    assert peer.conn.mss == mss
    later = Peer(peer.tcp, local_port=1)
    later.now += LIFETIME
    later.conn = later.tcp.connect(later.path, *later.ports, later.now)
    (syn,) = later.answers()
    later.send(SYN | ACK, ack=add(syn.seq, 1), options=MSS_1460)
    assert later.conn.mss == 1460


def test_a_larger_report_does_not_widen_a_path() -> None:
    paths = PathMtus(1024)
    paths.put(b"a", 1300, 0.0)
    paths.put(b"a", 1400, 1.0)
    assert paths.mtus == {b"a": 1300}
    paths.put(b"a", 1200, 1.0)
    assert paths.mtus == {b"a": 1200}
    paths.put(b"a", 1400, LIFETIME + 1.0)
    assert paths.mtus == {b"a": 1400}


def test_the_path_told_of_longest_ago_gives_way() -> None:
    paths = PathMtus(4)
    room = [paths.put(bytes([number]), 1400, at / 100) for at, number in enumerate((0, 1, 2, 3, 1, 4, 5))]
    assert room == [True] * 5 + [False] * 2
    assert list(paths.mtus) == [b"\3", b"\1", b"\4", b"\5"]
    assert not paths.roomy
    paths.expire(LIFETIME + 0.035)
    assert not paths.roomy
    paths.expire(LIFETIME + 0.04)
    assert paths.roomy


def test_that_one_gave_way_is_told_until_there_is_room_again() -> None:
    peer = Peer(make_tcp(3, path_mtus=4))
    peer.open().send(bytes(3000), peer.now)
    peer.answers()

    def fill(mtu: int) -> list[tuple[str, int, Path | None]]:
        """What is told once all places are others' and a router speaks of this path."""
        for number in range(4):
            peer.tcp.path_mtus.put(bytes([number]), 1400, peer.now)
        report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, mtu)
        told = [notice for notice in peer.notices if isinstance(notice, BoundReached)]
        peer.notices.clear()
        return [tuple(notice) for notice in told]

    reached = [("path_mtus", 4, peer.path)]
    assert fill(1400) == reached
    assert fill(1300) == []
    peer.tcp.path_mtus.expire(peer.now + LIFETIME)
    report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 1200)  # there is room
    peer.tcp.path_mtus.expire(peer.now + LIFETIME)
    assert fill(1100) == reached


def test_a_believed_report_is_remembered_and_others_are_not() -> None:
    peer = sending()
    report(peer, IcmpErrorKind.PACKET_TOO_BIG, add(peer.ack, -1), 1000)
    report(peer, IcmpErrorKind.HARD, peer.ack)
    assert peer.tcp.path_mtus.mtus == {}
    report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 1040)
    assert peer.tcp.path_mtus.mtus == {peer.path.remote: 1040}


def test_a_report_below_the_least_mtu_of_ipv6_is_not_remembered() -> None:
    peer = sending(6)
    report(peer, IcmpErrorKind.PACKET_TOO_BIG, peer.ack, 1279)
    assert peer.tcp.path_mtus.mtus == {}


def first_segments(remembered: int | None, timestamp: int | None = None) -> list[int]:
    """How large the segments of a new connection are."""
    peer = Peer(timestamp=timestamp)
    if remembered is not None:
        peer.tcp.path_mtus.put(peer.path.remote, remembered, peer.now)
    peer.open().send(bytes(2000), peer.now)
    return [len(seg.data) for seg in peer.answers()]


def test_the_next_connection_keeps_to_it() -> None:
    assert first_segments(1040) == [1000, 1000]
    assert first_segments(1052, timestamp=9) == [1000, 1000]
    assert first_segments(9000) == first_segments(None)


def sizes(output: Output, path: Path, data: int = 1200) -> list[int]:
    output.packet(path, 17, bytes(data), dont_fragment=True)
    return [len(frame) - 14 for frame in output.drain()]


def test_other_packets_go_in_fragments_that_fit() -> None:
    output = Output(mtu=1500, ttl=64, rng=random.Random(1))
    output.path_mtus = {PATH4.remote: 1000, PATH6.remote: 1280}
    assert sizes(output, PATH4) == [996, 244]
    assert sizes(output, PATH6, 1300) == [1280, 116]
    assert sizes(output, PATH4._replace(remote=bytes(4))) == [1220]
    output.path_mtus = {PATH4.remote: 9000}
    assert sizes(output, PATH4, 1480) == [1500]


def test_where_a_router_says_too_little_the_stack_lets_it_cut() -> None:
    stack = make_stack()
    quote = ip_packet(PATH4._replace(local=PATH4.remote, remote=PATH4.local), 1, bytes(8))
    for mtu, fixed in ((1400, 0x40), (300, 0)):
        stack.receive_frame(icmp_frame(PATH4, IcmpMessage(3, 4, mtu, quote)), 1.0)
        stack.receive_frame(udp_frame(PATH4, b"hello"), 1.0)
        assert stack.send_datagram(PATH4, 5000, 40000, b"hello", 1.0)
        (frame,) = stack.poll_transmit(1.0)
        assert frame[20] == fixed


def test_the_stack_forgets_in_time() -> None:
    stack = make_stack()
    tcp: Tcp = stack.tcp
    tcp.path_mtus.put(PATH4.remote, 1000, 0.0)
    stack.handle_timeout(LIFETIME - 1.0)
    assert tcp.path_mtus.mtus
    stack.handle_timeout(LIFETIME)
    assert not tcp.path_mtus.mtus
