"""Two endpoints over a hostile link, closed ports, probes, faults and the outer calls."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from honeystack.errors import StateError
from honeystack.net.limits import Limits
from honeystack.net.notices import (
    Accepted,
    BoundReached,
    Closed,
    CloseReason,
    Fault,
    HalfOpen,
    Notice,
    Scanned,
    Writable,
)
from honeystack.net.persona import Persona
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.settings import TcpSettings
from honeystack.net.tcp.state import State
from honeystack.net.wire.facts import IcmpErrorKind
from honeystack.net.wire.tcp import ACK, CWR, ECE, FIN, RST, SYN, decode_segment
from tests.net.faults import BrokenTable
from tests.net.tcp.pair import FACTS, Pair, hostile, make_tcp, path_of, peer_segment
from tests.net.tcp.peer import Peer

# Both ways over a hostile link


class Exchange:
    """Each end sends its text, closes, and reads to the end."""

    def __init__(self, pair: Pair, texts: tuple[bytes, bytes]) -> None:
        self.pair = pair
        self.texts = {pair.client: texts[0], pair.server: texts[1]}
        self.sent = {pair.client: 0, pair.server: 0}
        self.got = {pair.client: bytearray(), pair.server: bytearray()}
        pair.on_notice = self.noticed

    def run(self) -> None:
        pair = self.pair
        pair.client.connect(pair.to_server, 80, 40_000, pair.now)
        pair.run_until(self.over, pair.now + 600)
        assert self.over(), "not finished within ten minutes of virtual time"

    def over(self) -> bool:
        return all(self.pair.closed(tcp) for tcp in self.texts)

    def noticed(self, tcp: Tcp, notice: Notice) -> None:
        if not isinstance(notice, Scanned | Closed) and hasattr(notice, "connection"):
            self.pump(tcp, notice.connection)
            self.pair.flush()

    def pump(self, tcp: Tcp, conn: Connection) -> None:
        text, sent, now = self.texts[tcp], self.sent[tcp], self.pair.now
        if not conn.eof_sent and conn.state is not State.CLOSED:
            self.sent[tcp] = sent = sent + conn.send(text[sent : sent + 300_000], now)
            if sent == len(text):
                conn.close(now)
        while data := conn.receive(100_000, now):
            self.got[tcp] += data
        other = self.texts[self.pair.server if tcp is self.pair.client else self.pair.client]
        assert other.startswith(self.got[tcp][:1000])
        assert len(self.got[tcp]) <= len(other)


def exchange(seed: int, version: int, size: int, impair: Callable[[], list[float]], **kinds: object) -> Pair:
    rng = random.Random(seed)
    texts = rng.randbytes(size), rng.randbytes(size)
    persona = Persona(**kinds)  # type: ignore[arg-type]
    pair = Pair(version, client=make_tcp(seed + 1, persona=persona), server=make_tcp(seed + 2), impair=impair)
    both = Exchange(pair, texts)
    both.run()
    assert both.got[pair.client] == texts[1]
    assert both.got[pair.server] == texts[0]
    assert pair.closed(pair.client) == pair.closed(pair.server) == [CloseReason.FIN]
    for tcp in (pair.client, pair.server):
        assert tcp.memory.used == 0
        assert tcp.connections == 0
    return pair


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("seed", range(6))
def test_a_megabyte_each_way_survives_loss_reordering_and_duplicates(seed: int, version: int) -> None:
    pair = exchange(seed, version, 1_000_000, hostile(seed))
    assert pair.server.statistics()["retransmitted"] > 0


@pytest.mark.parametrize("persona", [{"sack": False}, {"timestamps": False}, {"sack": False, "timestamps": False}])
@pytest.mark.parametrize("seed", range(3))
def test_old_peers_get_through_too(seed: int, persona: dict[str, bool]) -> None:
    exchange(seed, 4, 200_000, hostile(seed), **persona)


@pytest.mark.parametrize("seed", range(12))
def test_a_link_that_loses_a_third_is_slow_and_sound(seed: int) -> None:
    exchange(seed, 4, 20_000, hostile(seed, loss=0.33, jitter=0.009))


def test_a_sound_link_needs_no_retransmission() -> None:
    pair = exchange(1, 4, 1_000_000, lambda: [0.01])
    assert "retransmitted" not in pair.server.statistics()
    assert "retransmitted" not in pair.client.statistics()


def test_the_wrap_lies_inside_a_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([(2**32 - 50_000, 2**32 - 100), (2**32 - 70_000, 2**32 - 200)])  # who connects, who listens
    monkeypatch.setattr(Tcp, "flow_secrets", lambda *_: next(numbers))
    exchange(5, 4, 200_000, hostile(5))


@pytest.mark.parametrize("order", ["client", "server", "together", "release", "abort", "server abort"])
@pytest.mark.parametrize("seed", range(4))
def test_connections_end_in_every_order(order: str, seed: int) -> None:
    pair = Pair(impair=hostile(seed, loss=0.2))
    one, two = pair.connect()
    first, second = (two, one) if order == "server" else (one, two)
    if order == "abort":
        one.abort(pair.now)
    elif order == "server abort":
        two.abort(pair.now)
    elif order == "release":
        one.release(pair.now)
        two.release(pair.now)
    else:
        first.close(pair.now)
        if order != "together":
            pair.run(2)
        second.close(pair.now)
    pair.run(400)
    assert one.state is two.state is State.CLOSED or "abort" in order
    if "abort" not in order:
        assert {*pair.closed(pair.client), *pair.closed(pair.server)} <= {CloseReason.FIN, CloseReason.TIMEOUT}


# The outer calls


def test_shutting_down_ends_every_connection_on_the_wire_and_in_a_notice() -> None:
    tcp = make_tcp(3)
    for port in (1, 2, 3):
        Peer(tcp, local_port=port).open()
    tcp.shut_down(1000.0)
    assert len(tcp.poll_transmit(1000.0)) == 3
    ends = [tcp.poll_notice() for _ in range(3)]
    assert [end.reason for end in ends if isinstance(end, Closed)] == [CloseReason.SHUTDOWN] * 3
    assert tcp.poll_notice() is None
    assert tcp.poll_timeout() is None


def test_shutting_down_tells_of_handshakes_under_way() -> None:
    peer = Peer()
    peer.tcp.receive_segment(peer.path, peer_segment(peer.path, (1, 2), 3, 0, SYN), FACTS, peer.now, verify=True)
    peer.tcp.shut_down(peer.now)
    assert peer.tcp.statistics()["half_open"] == 0
    assert isinstance(peer.tcp.poll_notice(), Scanned)
    assert isinstance(peer.tcp.poll_notice(), HalfOpen)
    assert peer.tcp.poll_timeout() is None


def test_the_path_of_the_last_segment_leads_back() -> None:
    peer = Peer()
    conn = peer.open()
    peer.path = peer.path._replace(remote_mac=b"gatewy")
    peer.say(b"hello")
    assert conn.path.remote_mac == b"gatewy"


def test_many_connections_at_once_keep_their_texts_apart() -> None:
    pair = Pair(impair=hostile(7))
    conns = [pair.client.connect(pair.to_server, 80, 1000 + i, pair.now) for i in range(200)]
    for conn in conns:
        conn.send(str(conn.local_port).encode(), pair.now)
    pair.run(20)
    accepted = [n.connection for n in pair.notices[pair.server] if isinstance(n, Accepted)]
    assert len(accepted) == 200
    assert all(conn.receive(99, pair.now) == str(conn.remote_port).encode() for conn in accepted)


def test_the_statistics_name_what_is_held() -> None:
    peer = Peer()
    peer.open()
    found = peer.tcp.statistics()
    assert found["connections"] == peer.tcp.connections == 1
    assert (found["segments_in"], found["segments_out"], found["accepted"]) == (2, 1, 1)


def test_settings_are_frozen_and_complete() -> None:
    settings = TcpSettings(Limits(), Persona(), b"x" * 64)
    assert Tcp(settings).secret == b"x" * 32


def test_a_segment_from_ourselves_is_counted_and_dropped() -> None:
    path = path_of(4)
    peer = Peer(path=path._replace(remote=path.local))
    assert peer.syn() == []
    assert peer.tcp.statistics()["land"] == 1


def test_an_icmp_error_finds_its_connection() -> None:
    peer = Peer()
    conn = peer.tcp.connect(peer.path, *peer.ports, peer.now)
    (syn,) = peer.answers()
    quoted = syn.source_port.to_bytes(2, "big") + syn.destination_port.to_bytes(2, "big") + syn.seq.to_bytes(4, "big")
    peer.tcp.icmp_error(peer.path, quoted, IcmpErrorKind.HARD, None, peer.now)
    assert conn.state is State.CLOSED


def test_who_waits_for_memory_is_told_when_there_is_some() -> None:
    peer = Peer(make_tcp(3, buffer_memory=1000), mss=1000)
    conn = peer.open()
    assert conn.send(bytes(2000), peer.now) == 1000
    assert peer.answers() != []
    peer.send(ack=conn.snd_nxt)
    assert peer.told(Writable) == [Writable(conn)]
    assert conn.send(bytes(2000), peer.now) == 1000


def test_reading_opens_the_window() -> None:
    peer = Peer(make_tcp(3, receive_buffer=2000))
    conn = peer.open()
    peer.say(bytes(2000))
    conn.receive(2000, peer.now)
    assert [seg.flags for seg in peer.answers()] == [ACK]


def test_a_bound_reached_during_the_handshake_resets_it() -> None:
    tcp = make_tcp(3, connections_per_source=1)
    one, two = Peer(tcp, local_port=1), Peer(tcp, local_port=2)
    for peer in (one, two):
        (answer,) = peer.syn()
        peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    assert one.send() == []
    assert [seg.flags for seg in two.send()] == [RST]
    assert [type(notice) for notice in two.told(BoundReached)] == [BoundReached]


def test_keep_alive_for_all_counts_from_the_handshake() -> None:
    peer = Peer(make_tcp(3, keep_alive=True, keep_alive_seconds=10.0))
    conn = peer.open()
    assert [seg.seq for seg in peer.wait(11)] == [add(conn.snd_una, -1)]


def test_an_end_is_an_end() -> None:
    peer = Peer()
    conn = peer.open()
    peer.tcp.abort(conn, CloseReason.RST)
    peer.tcp.abort(conn, CloseReason.SHED)
    peer.tcp.finish(conn, CloseReason.FIN)
    peer.answers()
    assert peer.told(Closed) == [Closed(conn, CloseReason.RST)]


def test_aborting_an_open_that_was_not_answered_says_nothing() -> None:
    peer = Peer()
    conn = peer.tcp.connect(peer.path, *peer.ports, peer.now)
    peer.answers()
    conn.abort(peer.now)
    assert peer.answers() == []


def test_a_reset_is_not_answered_with_a_reset() -> None:
    peer = Peer()
    seg = decode_segment(peer_segment(peer.path, peer.ports, 1, 1, RST))
    peer.tcp.reset_stray(peer.path, seg)
    assert peer.answers() == []


def test_a_cookie_that_returns_opens_a_connection_with_what_comes_with_it() -> None:
    peer = Peer(make_tcp(3, half_open=0))
    (answer,) = peer.syn()
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    assert [seg.ack for seg in peer.say(b"hello")] == [peer.seq]


def test_a_newer_syn_ends_time_wait() -> None:
    peer = Peer()
    conn = peer.open()
    conn.close(peer.now)
    peer.answers()
    peer.send(FIN | ACK, ack=conn.snd_nxt)
    assert peer.tcp.statistics()["time_wait"] == 1
    peer.send(RST, seq=add(peer.seq, 1))
    peer.seq = add(peer.seq, 100_000)
    assert [seg.flags for seg in peer.syn()] == [SYN | ACK]
    assert peer.tcp.statistics()["time_wait"] == 0


def test_a_fault_in_a_handshake_costs_nothing_else() -> None:
    peer = Peer()
    peer.syn()
    peer.tcp.handshakes.entries = BrokenTable(peer.tcp.handshakes.entries)
    peer.tcp.handle_timeout(peer.now + 5)
    notices = [peer.tcp.poll_notice() for _ in range(5)]
    assert any(isinstance(notice, Fault) for notice in notices)


def test_a_bound_is_told_of_once() -> None:
    peer = Peer()
    peer.tcp.reached("half_open", 5, peer.path)
    peer.tcp.reached("half_open", 5, peer.path)
    assert len([notice for notice in iter(peer.tcp.poll_notice, None) if isinstance(notice, BoundReached)]) == 1


SIGNED = b"\x13\x12" + bytes(16) + b"\1\1"


def test_what_is_signed_with_a_key_is_dropped_and_told() -> None:
    peer = Peer()
    assert peer.send(SYN, options=SIGNED) == []
    assert len(peer.told(Scanned)) == 1
    assert peer.tcp.statistics()["signed"] == 1


def test_the_bytes_of_a_signature_within_another_option_mean_nothing() -> None:
    peer = Peer()
    assert len(peer.send(SYN, options=b"\xfd\x06\x13\x12\0\0\1\1")) == 1
    assert peer.tcp.statistics().get("signed", 0) == 0


def test_ports_in_use_are_no_second_connection() -> None:
    pair = Pair()
    pair.connect(80, 40_000)
    with pytest.raises(StateError, match="port 40000"):
        pair.client.connect(pair.to_server, 80, 40_000, pair.now)


def test_a_signature_of_a_key_that_nobody_shares_is_met_with_silence() -> None:
    peer = Peer()
    assert peer.send(SYN, options=SIGNED) == []
    assert peer.tcp.statistics()["signed"] == 1


def test_memory_that_runs_short_twice_is_told_once() -> None:
    tcp = make_tcp(3)
    one, two = Peer(tcp, local_port=1).open(), Peer(tcp, local_port=2).open()
    for conn in (one, two):
        tcp.short_of_memory(conn, 1000.0)
    bounds = [notice for notice in iter(tcp.poll_notice, None) if isinstance(notice, BoundReached)]
    assert [notice.bound for notice in bounds] == ["buffer_memory"]


def test_sources_that_may_have_no_more_connections_are_named() -> None:
    tcp = make_tcp(3, connections_per_source=1)
    assert tcp.full_sources == set()
    peer = Peer(tcp)
    peer.open()
    assert tcp.full_sources == {peer.path.remote}


def test_a_mark_of_congestion_is_echoed_where_that_was_agreed() -> None:
    peer = Peer()
    (answer,) = peer.send(SYN | ECE | CWR)
    assert answer.flags & ECE
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    peer.send()
    marked = peer_segment(peer.path, peer.ports, peer.seq, peer.ack, ACK, data=b"x")
    peer.tcp.receive_segment(peer.path, marked, FACTS._replace(tos=0b11), peer.now, verify=True)
    assert peer.answers()[0].flags & ECE


def test_connections_whose_data_does_not_move_end_while_memory_is_short() -> None:
    tcp = make_tcp(3, buffer_memory=1000)
    peer = Peer(tcp, mss=1000)
    conn = peer.open()
    conn.send(bytes(2000), peer.now)
    tcp.short_of_memory(conn, peer.now)
    peer.wait(60)
    assert [notice.reason for notice in peer.told(Closed) if isinstance(notice, Closed)] == [CloseReason.SHED]
