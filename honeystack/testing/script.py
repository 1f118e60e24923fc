"""Segment scripts: what a peer sends, what the stack must answer, and when, in packetdrill's notation.

A script drives one pure stack in virtual time, once for each version of IP; nothing sleeps, and the same script runs
the same way each time. It is a list of lines; what follows `#` is a comment.

    --persona.timestamps=off
    0   < S 0:0(0) win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>
    +0  > S. 0:0(0) ack 1 win {WIN} <mss {MSS},nop,nop,sackOK,nop,wscale 7>
    +.1 < . 1:1(0) ack 1 win 502
    +0  accept
    +0  < P. 1:101(100) ack 1 win 502
    +0  > . 1:1(0) ack 101
    +0  receive 100
    +0  close
    +0  > F. 1:1(0) ack 101

**Settings** come first: `--versions=4`, `--mtu=1280`, `--peer_isn=N`, `--our_isn=N`, `--keep_alive=SECONDS`,
`--listen=off`, `--limit.NAME=VALUE` (honeystack.net.limits) and `--persona.NAME=VALUE` (honeystack.net.persona).

**Times** count from the beginning (`1.5`), or from the event before (`+.2`). A segment of ours may come one slot of the
timer wheel late. `+.2~+.3` is a range, `*` any time. Until an event's time nothing else may leave the stack, and
nothing may be left when the script ends; `+10 nothing` asks for ten seconds of silence.

**Segments** are told in `honeystack.testing.script_notation`. `<` is the peer's, `>` is ours. Their numbers are
relative to the initial ones, our timestamps to the first that we sent. After a `<` segment may follow `badsum`,
`land`, `ipoptions`, `more` (the next one arrives in the same turn, before anything is sent), and `from` or `to` one of
`local`, `broadcast`, `multicast`, `unspecified`, `loopback`.
`< icmp port-unreachable seq 1` and `< icmp too-big mtu 600 seq 1` are errors about a segment of ours.
`{…}` is calculated: `MSS` is what our MTU lets the peer send, `FULL` the same without timestamps, `WIN` and `WIN_TS`
are the first window without and with timestamps, `DEFAULT_MSS` is what a peer takes that has not said.

**Data** is not written: the octet at each number is known. What leaves and what is received is compared with it; so
are checksums, and that the right edge of the window does not move left.

**User calls** are about the connection of the current port, 80: `accept` (a handshake was completed), `connect`,
`send N`, `send N takes M`, `receive N` (exactly N are there), `receive eof`, `close`, `release` (close, and nobody
reads), `abort`, `nagle on`, `retries N` (R2), `keepalive SECONDS`, `keepalive off`. `peer N` goes to another port of
the peer, `listen N` and `listen all` open more of ours, `shutdown` ends everything. Questions are `state ESTABLISHED`,
`closed fin` (the connection has ended, why), `told HalfOpen` (there was such a notice since the last question) and
`counter challenges 1`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path as FilePath

from honeystack.net.address import AddressSet, address_text
from honeystack.net.notices import Accepted, Closed, Fault, Notice
from honeystack.net.settings import StackSettings
from honeystack.net.stack import Stack
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.flow_key import flow_key
from honeystack.net.tcp.isn import TICKS_PER_SECOND, flow_secrets
from honeystack.net.tcp.seq import diff
from honeystack.net.timers import RESOLUTION
from honeystack.testing.script_calls import call
from honeystack.testing.script_notation import WrittenSegment, differences
from honeystack.testing.script_peer import LOCAL, LOCAL_PORT, MAC, Flow, Judged, isn_time, read_frame
from honeystack.testing.script_syntax import (
    Arrival,
    Call,
    Departure,
    Event,
    IcmpArrival,
    Script,
    ScriptError,
    parse_script,
    script_versions,
)

__all__ = ["Script", "ScriptError", "ScriptFailure", "parse_script", "run_script", "run_script_file"]

SECRET = bytes(range(32))
BEGINNING = 1024.00013  # the stack's clock at time 0; never on a tick of its clocks, whatever decimals are rounded to
REMOTE_PORT = 40_000
EARLY = 1e-6  # what sums of times may differ by


class ScriptFailure(AssertionError):
    """The stack did otherwise; the text shows both scripts side by side."""


def run_script(text: str, *, version: int = 4, name: str = "script") -> None:
    """Run a script for one version of IP. Raises ScriptFailure, or ScriptError where it cannot be read."""
    _Run(parse_script(text, version=version, name=name)).run()


def run_script_file(path: FilePath) -> None:
    """Run the script in a file for every version of IP that it is written for."""
    text = path.read_text()
    for version in script_versions(text, name=path.name):
        run_script(text, version=version, name=path.name)


class _Run:
    """One run of one script."""

    def __init__(self, script: Script) -> None:
        settings = script.settings
        self.script = script
        self.stack = Stack(
            StackSettings(
                mac=MAC,
                addresses=AddressSet([address_text(LOCAL[script.version])]),
                mtu=settings.mtu,
                persona=settings.persona,
                limits=settings.limits,
                secret=SECRET,
            ),
            rng=random.Random(0),
        )
        if settings.keep_alive is not None:
            self.stack.tcp.keep_alive = settings.keep_alive
        if settings.listen:
            self.stack.tcp.listen(LOCAL_PORT)
        self.flows: dict[int, Flow] = {}
        self.flow = self._flow(REMOTE_PORT)
        self.beginning = self._beginning()
        self.now = self.beginning
        self.before = self.beginning  # when the last event was
        self.sent: list[tuple[float, WrittenSegment]] = []  # not yet asked for
        self.told: list[str] = []
        self.rows: list[tuple[str, str]] = []

    def run(self) -> None:
        for event in self.script.events:
            try:
                self._step(event)
            except Judged as wrong:
                raise self._failure(event, str(wrong)) from None
        if self.sent:
            raise self._failure(None, "the script ends, and more was sent")

    def _step(self, event: Event) -> None:
        base = self.before if event.when.relative else self.beginning
        earliest, latest = base + event.when.low, base + event.when.high
        if isinstance(event.what, Departure):
            self._expect(event, event.what, earliest, latest)
        else:
            self._advance(event, earliest)
            if isinstance(event.what, Call):
                self._call(event, event.what)
            else:
                self._arrive(event.what)
            self.rows.append((self._row(self.now, event), self._row(self.now, event)))
        self.before = self.now
        if not (isinstance(event.what, Arrival) and "more" in event.what.modifiers):
            self._collect()

    # time

    def _advance(self, event: Event, until: float) -> None:
        """Let time pass in which nothing may be sent."""
        if until < self.now - EARLY:
            raise self._failure(event, "that time is over")
        if self._wait(until):
            raise self._failure(event, "something else was sent first")

    def _wait(self, until: float) -> bool:
        """Let time pass until something has been sent, or to the end; whether there is something."""
        while not self.sent:
            deadline = self.stack.poll_timeout()
            if deadline is None or deadline > until + EARLY:
                self.now = max(self.now, until)
                return False
            self.now = max(self.now, deadline)
            self.stack.handle_timeout(self.now)
            self._collect()
        return True

    def _collect(self) -> None:
        """Take the stack's outputs, as its driver does after every input."""
        for frame in self.stack.poll_transmit(self.now):
            segment = read_frame(frame, self.script.version)
            self.sent.append((self.now, self._flow(segment.destination_port).written(segment)))
        while (notice := self.stack.poll_notice()) is not None:
            self._take(notice)

    def _take(self, notice: Notice) -> None:
        self.told.append(type(notice).__name__)
        if isinstance(notice, Fault):
            raise Judged(f"an error of ours: {notice.error!r}") from notice.error
        if isinstance(notice, Accepted):
            conn = notice.connection
            flow = self._flow(conn.remote_port)
            flow.conn, flow.accepted, flow.closed, flow.sent = conn, True, None, diff(conn.snd_una, flow.our_isn) - 1
            flow.received = diff(conn.syn.sequence, flow.peer_isn) if conn.syn else 0
        elif isinstance(notice, Closed):
            self._flow(notice.connection.remote_port).closed = notice.reason

    # events

    def _arrive(self, what: Arrival | IcmpArrival) -> None:
        frame = self.flow.frame(what) if isinstance(what, Arrival) else self.flow.icmp_frame(what)
        self.stack.receive_frame(frame, self.now)

    def _expect(self, event: Event, what: Departure, earliest: float, latest: float) -> None:
        if event.when.exact:
            latest += RESOLUTION
        if not self._wait(latest):
            raise self._failure(event, "nothing was sent")
        at, actual = self.sent[0]
        wrong = differences(what.segment, actual)
        if not earliest - EARLY <= at <= latest + EARLY:
            wrong.append("time")
        if wrong:
            raise self._failure(event, f"not as expected: {', '.join(wrong)}")
        self.sent.pop(0)
        self.rows.append((self._row(at, event), f"{self._time(at)} > {actual}"))

    def _call(self, event: Event, what: Call) -> None:
        complaint = call(self, what.name, what.arguments)
        if complaint:
            raise self._failure(event, complaint)

    def turn_to(self, port: int) -> None:
        self.flow = self._flow(port)

    def _flow(self, port: int) -> Flow:
        if port not in self.flows:
            self.flows[port] = Flow(self.script.version, port, self.script.settings.peer_isn)
        return self.flows[port]

    @property
    def connection(self) -> Connection:
        if self.flow.conn is None:
            raise Judged("there is no connection yet")
        return self.flow.conn

    def _beginning(self) -> float:
        wanted = self.script.settings.our_isn
        if wanted is None:
            return BEGINNING
        isn, _ = flow_secrets(SECRET, flow_key(self.flow.path, LOCAL_PORT, REMOTE_PORT), 0.0)
        return isn_time(isn, wanted, TICKS_PER_SECOND)

    # what a failure shows

    def _time(self, at: float) -> str:
        return f"{at - self.beginning:7.3f}"

    def _row(self, at: float, event: Event) -> str:
        return f"{self._time(at)} {event.text.partition(' ')[2].strip()}"

    def _failure(self, event: Event | None, why: str) -> ScriptFailure:
        rows = [("  ", *row) for row in self.rows]
        expected = [] if event is None else [event.text]
        actual = [f"{self._time(at)} > {segment}" for at, segment in self.sent]
        if not actual and event is not None:
            actual = [f"{self._time(self.now)} nothing" if isinstance(event.what, Departure) else ""]
        rows += [("* ", left, right) for left, right in zip_longest(expected, actual, fillvalue="")]
        place = f"{self.script.name}:{event.line}" if event else self.script.name
        return ScriptFailure(f"{place} (IPv{self.script.version}): {why}\n{_side_by_side(rows)}")


def _side_by_side(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [("  ", "expected", "actual"), *rows]
    width = max(len(left) for _, left, _ in lines)
    return "\n".join(f"{mark}{left:{width}} | {right}".rstrip() for mark, left, right in lines)
