"""A peer that does anything at any time, and a user who does too: what holds for every walk through the machine.

Every segment of ours is judged by the peer of the segment scripts: checksums, octets, and the right edge of the window.
"""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from honeystack.errors import StateError
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.seq import add, diff
from honeystack.net.tcp.state import State
from honeystack.testing.script import _Run
from honeystack.testing.script_notation import Option, WrittenSegment
from honeystack.testing.script_peer import pattern
from honeystack.testing.script_syntax import Arrival, IcmpArrival, parse_script

BUFFER = 4000
SETTINGS = f"--limit.receive_buffer={BUFFER}\n--limit.send_buffer=5000\n--limit.buffer_memory=7000\n"
OFFSETS = st.sampled_from([0, 0, 0, 0, 1, -1, 10, -10, 100, 999, -999, 5000, 70_000, -70_000, 2**31, -(2**31)])
FLAGS = st.sampled_from(["."] * 8 + ["P.", "P.", "F.", "R", "R.", "S", "S.", "F", "-", "FPU", "PU.", "SFRP.UEW"])
WINDOWS = st.sampled_from([0, 1, 100, 1000, 65_535])


@st.composite
def segments(draw: st.DrawFn) -> tuple[Any, ...]:
    lengths = st.sampled_from([0, 0, 0, 1, 10, 100, 1000, 4000])
    blocks = draw(st.lists(st.tuples(OFFSETS, st.integers(-10, 3000)), max_size=2))
    return "segment", draw(FLAGS), draw(OFFSETS), draw(lengths), draw(OFFSETS), draw(WINDOWS), blocks, draw(OFFSETS)


CALLS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from([1, 500, 6000])),
    st.tuples(st.just("receive"), st.sampled_from([1, 700, 10_000])),
    st.tuples(st.sampled_from(["close", "release", "abort", "nagle", "keepalive"])),
)
STEPS = st.one_of(
    segments(),
    segments(),
    CALLS,
    st.tuples(st.just("wait"), st.sampled_from([0.01, 0.3, 2.0, 70.0, 1000.0])),
    st.tuples(st.just("icmp"), st.sampled_from(["too-big", "port-unreachable"]), OFFSETS),
)


class Walk:
    """One connection from its handshake on."""

    def __init__(self, version: int, *, sack: bool, timestamps: bool, scale: int | None) -> None:
        self.run = _Run(parse_script(SETTINGS, version=version))
        options = [Option("mss", (1000,))]
        options += [Option("sackOK")] if sack else []
        options += [Option("TS", (1, 0))] if timestamps else []
        options += [Option("wscale", (scale,))] if scale is not None else []
        self.timestamps = timestamps
        self.arrive(Arrival(WrittenSegment("S", 0, 0, None, 5000, None, tuple(options))))
        self.arrive(Arrival(WrittenSegment(".", 1, 0, 1, 5000, None, self.stamp(0))))
        assert self.run.flow.conn is not None
        self.conn: Connection = self.run.flow.conn
        self.rcv_nxt = self.conn.rcv_nxt

    def stamp(self, offset: int) -> tuple[Option, ...]:
        if not self.timestamps:
            return ()
        return (Option("TS", ((1000 + int(self.run.now) + offset) & 0xFFFF_FFFF, 0)),)

    def arrive(self, what: Arrival | IcmpArrival) -> None:
        self.run._arrive(what)
        self.settle()

    def settle(self) -> None:
        self.run._collect()
        self.run.sent.clear()

    def step(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0])(*step[1:])
        self.settle()
        self.check()

    def check(self) -> None:
        """What holds in every state."""
        conn, tcp = self.conn, self.run.stack.tcp
        assert diff(conn.rcv_nxt, self.rcv_nxt) >= 0, "RCV.NXT retreats"
        self.rcv_nxt = conn.rcv_nxt
        if conn.state is State.CLOSED:
            assert conn not in tcp.flows.values()  # though the peer may have opened another one
            assert tcp.flows or tcp.memory.used == 0
            return
        queued = len(conn.sending.data) if conn.sending else 0
        late = conn.assembler.cost if conn.assembler else 0
        assert tcp.memory.used == conn.readable + late + queued <= 7000
        assert conn.held <= BUFFER + (1 << conn.rcv_scale)
        assert diff(conn.snd_nxt, conn.snd_una) >= 0
        due = self.run.stack.poll_timeout()
        assert due is None or due <= self.run.now + 10_000
        if queued or (conn.eof_sent and conn.state in (State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK)):
            assert due is not None, "something is outstanding, and no timer waits"

    # steps

    def segment(
        self, flags: str, seq: int, length: int, ack: int, window: int, blocks: list[tuple[int, int]], stamp: int
    ) -> None:
        flow, conn = self.run.flow, self.conn
        first = diff(add(conn.rcv_nxt, seq), flow.peer_isn)
        acknowledged = diff(add(conn.snd_nxt, ack), flow.our_isn)
        options = self.stamp(stamp)
        for start, size in blocks:
            left = diff(add(conn.snd_una, start), flow.our_isn)
            options += (Option("sack", (left, left + size)),)
        self.arrive(Arrival(WrittenSegment(flags, first, length, acknowledged, window, None, options)))

    def icmp(self, kind: str, offset: int) -> None:
        self.arrive(IcmpArrival(kind, 900, diff(add(self.conn.snd_una, offset), self.run.flow.our_isn)))

    def send(self, count: int) -> None:
        flow = self.run.flow
        try:
            flow.sent += self.conn.send(pattern(flow.sent, count), self.run.now)
        except StateError:
            assert self.conn.eof_sent

    def receive(self, count: int) -> None:
        flow = self.run.flow
        data = self.conn.receive(count, self.run.now)
        assert data == pattern(flow.received, len(data))
        flow.received += len(data)

    def close(self) -> None:
        self.conn.close(self.run.now)

    def release(self) -> None:
        self.conn.release(self.run.now)

    def abort(self) -> None:
        self.conn.abort(self.run.now)

    def nagle(self) -> None:
        self.conn.nodelay = not self.conn.nodelay

    def keepalive(self) -> None:
        self.conn.set_keep_alive(60.0 if self.conn.keep_alive is None else None)

    def wait(self, seconds: float) -> None:
        end = self.run.now + seconds
        for _ in range(1000):
            if not self.run._wait(end):
                return
            self.run.sent.clear()
        raise AssertionError("a thousand segments within one wait")


@settings(max_examples=300)
@given(
    st.lists(STEPS, min_size=5, max_size=50),
    st.sampled_from([4, 6]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 0, 7]),
)
@example([("send", 6000), ("icmp", "too-big", 0), ("close",), ("wait", 1000.0)], 4, True, True, 7)
def test_every_walk_keeps_the_invariants(
    steps: list[tuple[Any, ...]], version: int, sack: bool, timestamps: bool, scale: int | None
) -> None:
    walk = Walk(version, sack=sack, timestamps=timestamps, scale=scale)
    for step in steps:
        walk.step(step)


@settings(max_examples=100)
@given(st.lists(STEPS, min_size=5, max_size=30))
def test_every_walk_of_a_connection_that_is_let_go_ends(steps: list[tuple[Any, ...]]) -> None:
    walk = Walk(4, sack=True, timestamps=False, scale=7)
    for step in steps:
        walk.step(step)
    walk.conn.set_keep_alive(None)
    walk.release()
    for _ in range(30):
        walk.step(("wait", 100.0))
    assert walk.conn.state is State.CLOSED
