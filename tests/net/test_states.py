"""Very many connections in every state: what each costs, who gives way at the bound, and that it is told."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter

import pytest

from honeystack.net.notices import Accepted, BoundReached, Closed, CloseReason, HalfOpen
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import State
from honeystack.net.wire.facts import IpFacts
from honeystack.net.wire.tcp import ACK, FIN, SYN, encode_segment, syn_options, timestamp_option
from tests.net.tcp.pair import make_tcp, path_of

FACTS = IpFacts(57, 4321, True, 0)
SOURCES = 20  # so that none reaches the bound of one source
ENOUGH = {"connections_per_source": 65_536, "half_open": 65_536, "time_wait": 65_536}

# What a connection may cost in bytes, with its timer and its rows in tables: what docs/running.md promises.
SPOKEN = 2200  # something of ours is in flight, or was: there is a queue, a scoreboard, an estimate of the round trip
COSTS = {
    State.SYN_RECEIVED: 900,  # a tuple
    State.ESTABLISHED: 1300,
    State.FIN_WAIT_1: SPOKEN,
    State.FIN_WAIT_2: SPOKEN,
    State.CLOSE_WAIT: 1300,
    State.CLOSING: SPOKEN,
    State.LAST_ACK: SPOKEN,
    State.TIME_WAIT: 600,  # a tuple
}
STATES = list(COSTS)


class Visitors:
    """Peers of one server, each of which is brought to a state; all are silent afterwards."""

    def __init__(self, tcp: Tcp) -> None:
        self.tcp = tcp
        self.tcp.listen(None)
        self.now = 1000.0
        self.paths = [path_of(4, bytes([198, 51, 100, number])) for number in range(SOURCES)]
        self.told: Counter[object] = Counter()

    def come(self, number: int, state: State) -> None:
        path, port = self.paths[number % SOURCES], 1024 + number // SOURCES
        seq, ack, stamps = 1000, 0, timestamp_option(77, 0)

        def send(flags: int, *, finished: bool = False, data: bytes = b"") -> bytes | None:
            options = syn_options(1460, window_scale=7, sack=True, timestamps=(77, 0)) if flags == SYN else stamps
            segment = encode_segment(port, 80, seq, add(ack, finished), flags, 64240, 0, options, data)
            self.tcp.receive_segment(path, memoryview(segment), FACTS, self.now, verify=False)
            return self.answer()

        answer = send(SYN)
        assert answer is not None
        seq, ack = 1001, add(int.from_bytes(answer[4:8], "big"), 1)
        if state is State.SYN_RECEIVED:
            return
        send(ACK)
        conn = next(reversed(self.tcp.flows.values()))
        if state in (State.CLOSE_WAIT, State.LAST_ACK):
            send(ACK | FIN)
        if state not in (State.ESTABLISHED, State.CLOSE_WAIT):
            conn.close(self.now)
            self.answer()
        if state is State.FIN_WAIT_2:
            send(ACK, finished=True)
        if state in (State.CLOSING, State.TIME_WAIT):
            send(ACK | FIN, finished=state is State.TIME_WAIT)
        assert conn.state is (State.CLOSED if state is State.TIME_WAIT else state)

    def answer(self) -> bytes | None:
        """The last segment to a peer; what is told is kept by its kind, or reason, or bound."""
        sent = self.tcp.poll_transmit(self.now)
        while (notice := self.tcp.poll_notice()) is not None:
            self.told[notice.reason if isinstance(notice, Closed) else type(notice)] += 1
            if isinstance(notice, BoundReached):
                self.told[notice.bound] += 1
        return sent[-1][1] if sent else None


TABLES = {  # where a silent peer in a state is kept, by which bound, and what tells of those that give way
    State.SYN_RECEIVED: ("half_open", None),  # SYN cookies answer: nobody gives way
    State.TIME_WAIT: ("time_wait", None),  # its end has been told
}
each = pytest.mark.parametrize("state", STATES, ids=[state.name for state in STATES])


def cost(state: State, count: int = 400) -> float:
    """Bytes for each connection that is left alone in a state."""
    visitors = Visitors(make_tcp(3, **ENOUGH))
    for number in range(SOURCES):  # what exists once
        visitors.come(number, state)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(SOURCES, SOURCES + count):
            visitors.come(number, state)
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()


@each
def test_what_a_connection_costs_in_each_state(state: State) -> None:
    assert cost(state) <= COSTS[state]


@each
def test_where_the_bound_is_reached_the_longest_silent_gives_way_and_that_is_told(state: State) -> None:
    bound, _ = TABLES.get(state, ("connections", CloseReason.SHED))
    visitors = Visitors(make_tcp(3, **{**ENOUGH, bound: 50}))
    for number in range(50):
        visitors.now += 1
        visitors.come(number, state)
    assert not visitors.told[BoundReached]
    keys = held(visitors.tcp, state)
    told = Counter(visitors.told)
    for number in range(50, 60):
        visitors.now += 0.1
        visitors.come(number, state)
    assert visitors.told[BoundReached] == visitors.told[bound] == 1
    now_held = held(visitors.tcp, state)
    assert len(now_held) == 50
    if state is State.SYN_RECEIVED:
        assert now_held == keys
        return
    assert now_held[:40] == keys[10:]
    if state is not State.TIME_WAIT:
        assert visitors.told[CloseReason.SHED] - told[CloseReason.SHED] == 10


def held(tcp: Tcp, state: State) -> list[bytes]:
    if state is State.SYN_RECEIVED:
        return list(tcp.handshakes.entries)
    return list(tcp.time_wait.entries if state is State.TIME_WAIT else tcp.flows)


@each
def test_no_state_that_waits_for_the_peer_lasts_for_ever(state: State) -> None:
    """ESTABLISHED and CLOSE-WAIT last as long as their user wants them; keep-alive is off unless asked for."""
    visitors = Visitors(make_tcp(3, **ENOUGH))
    for number in range(10):
        visitors.come(number, state)
    while (deadline := visitors.tcp.poll_timeout()) is not None and deadline < 1000.0 + 7200:
        visitors.now = deadline
        visitors.tcp.handle_timeout(deadline)
        visitors.answer()
    left = visitors.tcp.statistics()
    users = 10 if state in (State.ESTABLISHED, State.CLOSE_WAIT) else 0
    assert (left["connections"], left["half_open"], left["time_wait"]) == (users, 0, 0)
    if state in (State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSING, State.LAST_ACK):
        assert visitors.told[CloseReason.TIMEOUT] == 10
    assert visitors.told[HalfOpen] == (10 if state is State.SYN_RECEIVED else 0)


@pytest.mark.slow
def test_sixty_thousand_in_every_state() -> None:
    count = 60_000 // len(STATES)
    tables = {State.SYN_RECEIVED, State.TIME_WAIT}
    room = count * (len(STATES) - len(tables))
    limits = {"connections": room + 1, "connections_per_source": 65_536, "half_open": count + 1, "time_wait": count}
    visitors = Visitors(make_tcp(3, **limits))  # one more each: who comes has been in other states before
    tcp, before = visitors.tcp, resident()
    for number in range(60_000):
        visitors.come(number, STATES[number % len(STATES)])
    assert tcp.statistics()["connections"] == room
    assert Counter(conn.state for conn in tcp.flows.values()) == {
        state: count for state in STATES if state not in tables
    }
    assert tcp.statistics()["half_open"] == tcp.statistics()["time_wait"] == count
    assert not visitors.told[BoundReached]
    assert (resident() - before) / 60_000 < max(COSTS.values())
    for number in range(60_000, 60_500):
        visitors.now += 0.001
        visitors.come(number, State.ESTABLISHED)
    assert visitors.told[CloseReason.SHED] == 499
    assert visitors.told["connections"] == visitors.told[BoundReached] == 1
    assert visitors.told[Accepted] == count * (len(STATES) - 1) + 500
    tcp.shut_down(visitors.now)
    visitors.answer()
    assert visitors.told[CloseReason.SHUTDOWN] == room + 1
    assert visitors.told[HalfOpen] == count
    assert sum(visitors.told[reason] for reason in CloseReason) == visitors.told[Accepted]
    assert tcp.memory.used == 0
    assert len(tcp.timers) == count  # of TIME-WAIT, whose ends have been told


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
