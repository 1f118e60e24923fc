"""What an endpoint makes of closed ports, odd probes, damage and its own faults."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.notices import (
    Closed,
    CloseReason,
    Fault,
    Scanned,
)
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN, URG
from tests.net.faults import BrokenBuffer
from tests.net.tcp.pair import FACTS, Pair, make_tcp, path_of, peer_segment
from tests.net.tcp.peer import Peer

# Closed ports and probes


@pytest.mark.parametrize(
    ("flags", "answer"),
    [
        (SYN, (RST | ACK, 0, 101)),
        (ACK, (RST, 7, 0)),
        (FIN, (RST | ACK, 0, 101)),
        (0, (RST | ACK, 0, 100)),
        (FIN | PSH | URG, (RST | ACK, 0, 101)),
        (SYN | ACK, (RST, 7, 0)),
        (RST, None),
        (RST | ACK, None),
    ],
)
def test_a_closed_port_answers_as_linux_does(flags: int, answer: tuple[int, int, int] | None) -> None:
    peer = Peer(irs=100)
    peer.tcp.unlisten(None)
    found = peer.send(flags, ack=7)
    assert [(seg.flags, seg.seq, seg.ack) for seg in found] == ([] if answer is None else [answer])
    assert all(seg.window == 0 for seg in found)
    assert len(peer.told(Scanned)) == (answer is not None)


@pytest.mark.parametrize(
    ("flags", "answer"),
    [(0, []), (FIN, []), (FIN | PSH | URG, []), (SYN | FIN, []), (ACK, [RST]), (SYN | ACK, [RST]), (SYN | RST, [])],
)
def test_an_open_port_answers_odd_probes_as_linux_does(flags: int, answer: list[int]) -> None:
    peer = Peer()
    assert [seg.flags for seg in peer.send(flags)] == answer
    assert len(peer.told(Scanned)) == (0 if flags & RST else 1)
    assert peer.tcp.statistics()["half_open"] == 0


def test_port_zero_is_closed_even_where_every_port_is_open() -> None:
    assert [seg.flags for seg in Peer(port=0).syn()] == [RST | ACK]
    assert [seg.flags for seg in Peer(local_port=0).syn()] == [SYN | ACK]


def test_ports_are_opened_and_closed_one_by_one() -> None:
    peer = Peer(port=81)
    peer.tcp.unlisten(None)
    peer.tcp.listen(81)
    assert [seg.flags for seg in peer.syn()] == [SYN | ACK]
    peer.tcp.unlisten(81)
    peer.ports = (5, 81)
    assert [seg.flags for seg in peer.syn()] == [RST | ACK]


# Bad input


def test_the_checksum_is_judged_only_where_asked() -> None:
    tcp = make_tcp()
    tcp.listen(None)
    broken = bytearray(peer_segment(path_of(), (1, 2), 3, 4, SYN))
    broken[16] ^= 1
    with pytest.raises(Malformed, match="checksum"):
        tcp.receive_segment(path_of(), memoryview(broken), FACTS, 1.0, verify=True)
    tcp.receive_segment(path_of(), memoryview(broken), FACTS, 1.0, verify=False)
    assert len(tcp.poll_transmit(1.0)) == 1


def legal_exchange() -> list[bytes]:
    """Every segment that a client sends during a short conversation."""
    pair = Pair()
    heard: list[bytes] = []
    pair.on_arrival = lambda to, segment: heard.append(segment) if to is pair.server else None
    one, two = pair.connect()
    one.send(b"question", pair.now)
    pair.run(1)
    two.send(b"answer", pair.now)
    one.close(pair.now)
    pair.run(1)
    two.close(pair.now)
    pair.run(1)
    return heard


def test_every_cut_and_every_flipped_bit_of_a_conversation_is_survived() -> None:
    whole = legal_exchange()
    assert len(whole) >= 4
    for index, segment in enumerate(whole):
        variants = [segment[:length] for length in range(len(segment))]
        for bit in range(8 * len(segment)):
            flipped = bytearray(segment)
            flipped[bit // 8] ^= 1 << bit % 8
            variants.append(bytes(flipped))
        tcp = make_tcp(2)
        tcp.listen(None)
        for before in whole[:index]:
            tcp.receive_segment(path_of(), memoryview(before), FACTS, 1000.0, verify=True)
        for variant in variants:
            try:
                tcp.receive_segment(path_of(), memoryview(variant), FACTS, 1000.0, verify=False)
            except Malformed:
                continue
            tcp.poll_transmit(1000.0)
        tcp.handle_timeout(2000.0)
        while (notice := tcp.poll_notice()) is not None:
            assert not isinstance(notice, Fault)


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 63),
            st.integers(-3, 3),
            st.integers(-3, 3),
            st.binary(max_size=12),
            st.binary(max_size=12).map(lambda octets: octets[: len(octets) // 4 * 4]),
            st.integers(0, 3),
        ),
        max_size=20,
    )
)
def test_any_sequence_of_segments_near_the_right_numbers_is_survived(
    segments: list[tuple[int, int, int, bytes, bytes, int]],
) -> None:
    peer = Peer()
    conn = peer.open()
    conn.send(b"hello there", peer.now)
    for flags, seq, ack, data, options, wait in segments:
        now = conn.rcv_nxt + seq & 0xFFFF_FFFF
        peer.send(flags, data, seq=now, ack=conn.snd_nxt + ack & 0xFFFF_FFFF, options=options)
        peer.wait(wait)
        conn.receive(5, peer.now)
    peer.wait(3000)


# Faults


def test_a_fault_in_a_timer_costs_one_connection() -> None:
    tcp = make_tcp(3)
    good, bad = Peer(tcp, local_port=1), Peer(tcp, local_port=2)
    for peer in (good, bad):
        peer.open().send(b"hello", peer.now)
        peer.answers()
    assert bad.conn is not None
    assert bad.conn.sending is not None
    bad.conn.sending.estimator.backoff = -1
    bad.conn.send(b"more", bad.now)
    tcp.handle_timeout(1005.0)
    notices = [tcp.poll_notice() for _ in range(2)]
    assert isinstance(notices[0], Fault)
    assert (notices[0].frame, type(notices[0].error)) == (b"", ValueError)  # negative shift count
    assert notices[1] == Closed(bad.conn, CloseReason.RST)
    assert [path for path, _ in tcp.poll_transmit(1005.0)] == [good.path]


def test_a_fault_in_sending_costs_one_connection() -> None:
    tcp = make_tcp(3)
    good, bad = Peer(tcp, local_port=1), Peer(tcp, local_port=2)
    for peer in (bad, good):
        peer.open()
    for peer in (bad, good):
        assert peer.conn is not None
        peer.conn.send(b"hello", peer.now)
    assert bad.conn is not None
    assert bad.conn.sending is not None
    bad.conn.sending.data = BrokenBuffer(b"hello")
    assert len(tcp.poll_transmit(1000.0)) == 1
    fault = tcp.poll_notice()
    assert isinstance(fault, Fault)
    assert isinstance(fault.error, ZeroDivisionError)
