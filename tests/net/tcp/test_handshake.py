"""SYNs answered as Linux answers them, handshakes completed, given up, and made without memory."""

from __future__ import annotations

import pytest

from honeystack.net.notices import Accepted, BoundReached, HalfOpen, Scanned
from honeystack.net.persona import Persona
from honeystack.net.tcp.flow_key import flow_key
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN, decode_syn_options
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


@pytest.mark.parametrize(
    ("version", "timestamp", "window", "mss"),
    [(4, None, 64240, 1460), (4, 9, 65160, 1460), (6, None, 64800, 1440), (6, 9, 64260, 1440)],
)
def test_the_answer_has_the_window_and_mss_of_linux(version: int, timestamp: int | None, window: int, mss: int) -> None:
    (answer,) = Peer(version=version, timestamp=timestamp).syn()
    assert (answer.flags, answer.window) == (SYN | ACK, window)
    assert decode_syn_options(answer.options).mss == mss
    assert answer.ack == 1001


def test_all_options_come_in_the_order_of_linux() -> None:
    (answer,) = Peer(timestamp=77).syn()
    assert decode_syn_options(answer.options).kinds == bytes([2, 4, 8, 1, 3])
    assert answer.timestamps is not None
    assert answer.timestamps[1] == 77


def test_only_what_the_peer_offered_is_answered() -> None:
    (answer,) = Peer(mss=None).syn()
    assert decode_syn_options(answer.options)[:4] == (1460, None, False, bytes([2]))
    (answer,) = Peer(scale=None, sack=True).syn()
    assert decode_syn_options(answer.options).kinds == bytes([2, 1, 1, 4])


def test_the_persona_decides_what_is_offered_at_all() -> None:
    tcp = make_tcp(3, persona=Persona(timestamps=False, sack=False, window_scale=5))
    (answer,) = Peer(tcp, timestamp=77).syn()
    assert decode_syn_options(answer.options)[:4] == (1460, 5, False, bytes([2, 1, 3]))


def test_the_connection_knows_the_syn_and_the_round_trip() -> None:
    peer = Peer(timestamp=5, window=1024)
    (answer,) = peer.syn()
    peer.seq, peer.ack = 1001, add(answer.seq, 1)
    peer.now += 0.25
    peer.send()
    (accepted,) = peer.told(Accepted)
    assert isinstance(accepted, Accepted)
    conn = accepted.connection
    assert conn.state is State.ESTABLISHED
    assert conn.rtt == pytest.approx(0.25)
    assert conn.syn == (57, 1024, 1460, 0, bytes([2, 4, 8, 1, 3]), True, 4321, 1000, False)
    assert (conn.packets_in, conn.packets_out, conn.opened_at) == (2, 1, 1000.0)


@pytest.mark.parametrize(("ahead", "recent"), [(0, 6), (1, 5)])
def test_the_last_acknowledgement_tells_its_time_where_it_is_in_order(ahead: int, recent: int) -> None:
    peer = Peer(timestamp=5)
    (answer,) = peer.syn()
    peer.seq, peer.ack, peer.timestamp = 1001 + ahead, add(answer.seq, 1), 6
    peer.send()
    (accepted,) = peer.told(Accepted)
    assert isinstance(accepted, Accepted)
    assert (accepted.connection.ts_recent, accepted.connection.packets_in) == (recent, 2)


def test_the_last_acknowledgement_may_carry_text_and_fin() -> None:
    peer = Peer()
    (answer,) = peer.syn()
    peer.seq, peer.ack = 1001, add(answer.seq, 1)
    peer.send(ACK | PSH | FIN, b"hello")
    (accepted,) = peer.told(Accepted)
    assert isinstance(accepted, Accepted)
    assert accepted.connection.receive(99, peer.now) == b"hello"
    assert accepted.connection.eof_received


def test_a_repeated_syn_gets_the_same_answer_again() -> None:
    peer = Peer()
    assert peer.syn() == peer.syn()
    assert len(peer.told(Scanned)) == 1


def test_the_answer_is_repeated_after_1_3_7_15_31_seconds_and_then_given_up() -> None:
    peer = Peer()
    (first,) = peer.syn()
    times = []
    for _ in range(700):
        for answer in peer.wait(0.1):
            assert (answer.seq, answer.flags) == (first.seq, SYN | ACK)
            times.append(round(peer.now - 1000))
    assert times == [1, 3, 7, 15, 31]
    (told,) = peer.told(HalfOpen)
    assert isinstance(told, HalfOpen)
    assert (told.local_port, told.remote_port, told.reset) == (80, 50_000, False)
    assert told.syn.sequence == 1000
    assert peer.tcp.statistics()["half_open"] == 0


def test_after_a_retransmission_the_round_trip_is_not_known() -> None:
    peer = Peer()
    (answer,) = peer.syn()
    peer.wait(1.5)
    peer.seq, peer.ack = 1001, add(answer.seq, 1)
    peer.send()
    (accepted,) = peer.told(Accepted)
    assert isinstance(accepted, Accepted)
    assert accepted.connection.rtt is None


def test_a_short_bound_ends_a_handshake_before_its_retransmissions() -> None:
    peer = Peer(make_tcp(3, half_open_seconds=2.0))
    peer.syn()
    assert len(peer.wait(5)) == 1
    assert len(peer.told(HalfOpen)) == 1


def test_the_exact_rst_ends_a_handshake_and_others_do_not() -> None:
    peer = Peer()
    peer.syn()
    assert peer.send(RST, seq=90_000_000) == []
    (challenge,) = peer.send(RST, seq=1005)
    assert challenge.flags == ACK
    assert peer.told(HalfOpen) == []
    assert peer.send(RST, seq=1001) == []
    (told,) = peer.told(HalfOpen)
    assert isinstance(told, HalfOpen)
    assert told.reset


def test_another_syn_inside_the_window_ends_a_handshake() -> None:
    peer = Peer()
    peer.syn()
    (reset,) = peer.send(SYN, seq=1500)  # as Linux tells it
    assert (reset.flags, reset.seq, reset.ack) == (RST | ACK, 0, 1501)
    assert len(peer.told(HalfOpen)) == 1


def test_an_unacceptable_segment_is_acknowledged() -> None:
    peer = Peer(timestamp=50)
    (answer,) = peer.syn()
    (ack,) = peer.send(SYN, seq=500_000)
    assert (ack.flags, ack.seq, ack.ack) == (ACK, add(answer.seq, 1), 1001)
    peer.timestamp = 49
    peer.now += 0.5
    (ack,) = peer.send(ACK, seq=1001, ack=add(answer.seq, 1))
    assert ack.flags == ACK
    assert peer.told(Accepted) == []


def test_a_wrong_acknowledgement_is_reset_and_none_is_dropped() -> None:
    peer = Peer()
    (answer,) = peer.syn()
    (reset,) = peer.send(ACK, seq=1001, ack=add(answer.seq, 2))
    assert (reset.flags, reset.seq) == (RST, add(answer.seq, 2))
    assert peer.send(0, seq=1001) == []
    assert peer.send(PSH, b"x", seq=1001) == []


# Cookies


def full_table() -> Peer:
    tcp = make_tcp(3, half_open=4)
    for i in range(4):
        Peer(tcp, local_port=60_000 + i).syn()
    return Peer(tcp)


@pytest.mark.parametrize("timestamp", [None, 123])
def test_beyond_the_bound_a_cookie_answers_and_its_return_opens_the_connection(timestamp: int | None) -> None:
    peer = Peer(full_table().tcp, timestamp=timestamp, scale=9)
    conn = peer.open()
    assert peer.tcp.statistics()["half_open"] == 4
    assert peer.tcp.statistics()["cookies_returned"] == 1
    assert conn.syn is not None
    assert conn.syn.from_cookie
    assert conn.syn.mss == 1460
    assert conn.sack == (timestamp is not None)
    assert conn.snd_scale == (9 if timestamp else 0)
    peer.say(b"hello")
    assert conn.receive(9, peer.now) == b"hello"
    assert conn.send(b"there", peer.now) == 5
    assert [bytes(seg.data) for seg in peer.answers()] == [b"there"]


def test_a_cookie_knows_that_no_scale_was_offered() -> None:
    conn = Peer(full_table().tcp, timestamp=5, scale=None).open()
    assert (conn.snd_scale, conn.rcv_scale) == (0, 0)


def test_a_peer_that_drops_timestamps_after_the_syn_still_gets_in() -> None:
    peer = Peer(full_table().tcp, timestamp=5)
    (answer,) = peer.syn()
    peer.timestamp = None
    peer.seq, peer.ack = 1001, add(answer.seq, 1)
    peer.send()
    assert len(peer.told(Accepted)) == 1


def test_the_bound_is_told_once_per_episode() -> None:
    peer = full_table()
    for i in range(3):
        peer.ports = (i + 1, 80)
        peer.syn()
    assert [n.bound for n in peer.told(BoundReached) if isinstance(n, BoundReached)] == ["half_open"]
    peer.wait(100)  # all four expire
    for i in range(6):
        peer.ports = (i + 1, 81)
        peer.syn()
    assert len(peer.told(BoundReached)) == 2


@pytest.mark.parametrize("change", [1, -1, 1 << 20, 1 << 30])
def test_a_wrong_cookie_is_reset(change: int) -> None:
    peer = full_table()
    (answer,) = peer.syn()
    peer.seq, peer.ack = 1001, add(answer.seq, 1 + change)
    (reset,) = peer.send()
    assert reset.flags == RST
    assert peer.told(Accepted) == []


def test_an_old_cookie_and_one_that_nobody_was_given_are_reset() -> None:
    peer = full_table()
    (answer,) = peer.syn()
    peer.seq, peer.ack = 1001, add(answer.seq, 1)
    peer.now += 200
    assert [seg.flags for seg in peer.send()] == [RST]
    fresh = Peer()
    fresh.seq, fresh.ack = peer.seq, peer.ack
    assert [seg.flags for seg in fresh.send()] == [RST]


def test_the_window_of_a_handshake_does_not_shrink_by_scaling() -> None:
    peer = Peer(timestamp=5)
    (offer,) = peer.syn()
    peer.seq, peer.ack = add(peer.seq, 1), add(offer.seq, 1)
    (answer,) = peer.send(seq=add(peer.seq, -100))
    assert offer.window <= answer.window << 7 < offer.window + 128


@pytest.mark.parametrize("timestamp", [None, 123])
def test_a_returned_cookie_tells_what_its_own_segment_shows(timestamp: int | None) -> None:
    peer = Peer(full_table().tcp, timestamp=timestamp, scale=9, window=4321)
    conn = peer.open()
    assert conn.syn == (57, 4321, 1460, 9 if timestamp else None, b"", True, 4321, 1000, True)
    assert (conn.opened_at, conn.rtt, conn.ts_recent) == (peer.now, None, timestamp)
    assert (conn.snd_una, conn.rcv_nxt) == (peer.ack, peer.seq)


@pytest.mark.parametrize("flags", [FIN, RST, SYN])
def test_a_cookie_comes_back_in_a_plain_acknowledgement_only(flags: int) -> None:
    peer = full_table()
    (answer,) = peer.syn()
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send(ACK | flags)
    assert peer.told(Accepted) == []
    assert "cookies_returned" not in peer.tcp.statistics()


def test_cookies_are_counted_both_ways() -> None:
    tcp = full_table().tcp
    for port in (1, 2, 3):
        Peer(tcp, local_port=port).open()
    counted = tcp.statistics()
    assert (counted["cookies_sent"], counted["cookies_returned"]) == (3, 3)


def test_a_persona_without_timestamps_takes_none_from_a_returned_cookie() -> None:
    peer = Peer(make_tcp(3, half_open=0, persona=Persona(timestamps=False)), timestamp=5)
    assert peer.open().ts_recent is None


def test_many_that_were_answered_together_are_counted_and_let_cookies_come_back() -> None:
    tcp = make_tcp(3, half_open=1)
    assert not tcp.handshakes.full
    Peer(tcp).syn()
    assert tcp.handshakes.full
    peer = Peer(tcp, local_port=2)
    peer.seq, peer.ack = 1001, add(tcp.cookies.make(flow_key(peer.path, 80, 2), 1000, 1460, peer.now), 1)
    assert [seg.flags for seg in peer.send()] == [RST]
    tcp.handshakes.answered_together(5, peer.path, peer.now)
    assert tcp.statistics()["cookies_sent"] == 5
    peer.send()
    assert [type(notice) for notice in peer.told(BoundReached) + peer.told(Accepted)] == [BoundReached, Accepted]


def test_what_does_not_belong_to_it_is_answered_once_in_half_a_second_and_text_always() -> None:
    peer = Peer()
    peer.syn()
    assert [len(peer.send(ACK, seq=500_000)) for _ in range(3)] == [1, 0, 0]
    assert peer.syn() == []
    assert [len(peer.send(ACK, b"text", seq=500_000)) for _ in range(3)] == [1, 1, 1]
    peer.now += 0.5
    assert len(peer.syn()) == 1


@pytest.mark.parametrize(("timestamp", "length"), [(None, 0), (7, 12)])
def test_an_acknowledgement_before_the_end_carries_no_options_but_timestamps(
    timestamp: int | None, length: int
) -> None:
    peer = Peer(timestamp=timestamp)
    (answer,) = peer.syn()
    peer.ack = add(answer.seq, 1)
    (challenge,) = peer.send(ACK, seq=add(peer.seq, 70_000))
    assert (challenge.flags, len(challenge.options)) == (ACK, length)


def test_a_connection_from_a_cookie_takes_the_data_that_came_with_it_at_its_own_time() -> None:
    peer = Peer(make_tcp(3, half_open=0), timestamp=5)
    (answer,) = peer.syn()
    peer.seq, peer.ack, peer.now = add(peer.seq, 1), add(answer.seq, 1), peer.now + 3
    peer.say(b"hello")
    (conn,) = peer.tcp.flows.values()
    assert (conn.readable, conn.ts_recent, conn.opened_at, conn.last_activity) == (5, 5, peer.now, peer.now)
