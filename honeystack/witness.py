"""The witness turns notices and connections into events, and repeated ones into one with a count.

Each of its tables is bounded by `limits.aggregates`; a full table tells its oldest row and forgets it. Nothing here
waits: whoever owns the clock calls `tick` by `next_deadline`, and `finish` at the end.
"""

from __future__ import annotations

import traceback
from collections import OrderedDict
from collections.abc import Callable, Hashable
from hashlib import blake2b
from ipaddress import ip_address
from pathlib import PurePath
from typing import NamedTuple

import attrs

from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity, Payload
from honeystack.events.identity import identity_of
from honeystack.events.recorder import Recorder
from honeystack.net.address import Flow, flow_of
from honeystack.net.limits import Limits
from honeystack.net.notices import (
    BoundReached,
    CloseReason,
    Damaged,
    Datagram,
    Fault,
    HalfOpen,
    Notice,
    PacketSeen,
    Scanned,
    SynFacts,
)
from honeystack.net.scans import ScanDetector, ScanReport
from honeystack.reception import CaptureLimits

HALF_OPEN_SECONDS = 10.0  # a source's unfinished handshakes are told together
REPEAT_SECONDS = 30.0  # a datagram that is repeated is told again with its count
SELF_SECONDS = 30.0  # bounds, damage and faults are told at once and then together

_SYN = {
    "tcp.syn.ttl": "int: time to live, or hop limit, as it arrived",
    "tcp.syn.window": "int: the window, unscaled",
    "tcp.syn.mss": "int: the maximum segment size option",
    "tcp.syn.wscale": "int: the window scale option",
    "tcp.syn.options": "kinds of the options in their order, named as p0f does",
    "tcp.syn.df": "bool: don't fragment was set",
    "tcp.syn.ip-id": "int: the IPv4 identification",
    "tcp.syn.cookie": "bool: rebuilt from a SYN cookie, so only part is known",
    "tcp.tool": "the scanner whose mark the SYN bears: zmap, masscan or mirai",
}
CONNECT = EventKind(
    "tcp",
    "connect",
    "A handshake has been completed, whatever the port.",
    {**_SYN, "tcp.rtt-ms": "float: round trip of the handshake in milliseconds"},
)
CLOSE = EventKind(
    "tcp",
    "close",
    "A connection has ended; the last event of its conversation.",
    {
        "tcp.reason": "fin, rst, timeout, shed (given up for a bound) or shutdown",
        "tcp.bytes-in": "int: bytes received from the peer",
        "tcp.bytes-out": "int: bytes sent to the peer",
        "tcp.packets-in": "int: segments received; absent for kernel sockets",
        "tcp.packets-out": "int: segments sent; absent for kernel sockets",
        "tcp.duration-ms": "int: from the handshake to the end",
    },
)
HALF_OPEN = EventKind(
    "tcp",
    "half-open",
    "SYNs of one source that were answered and whose handshakes were never completed; told together.",
    {**_SYN, "tcp.reset": "bool: the last one was ended by the peer's RST", "count": "int: how many"},
)
DATAGRAM = EventKind(
    "udp",
    "payload",
    "A datagram. The first is told at once; equal ones of the same flow are counted and told later.",
    {"payload": "the datagram's data", "count": "int: how many equal ones have come since it was last told"},
)
SCAN = EventKind(
    "portscan",
    "portscan",
    "A port scan by one source, told while it runs and at its end.",
    {
        "portscan.ports": "list: what was tried, as tcp/22 or tcp/8000-8010",
        "portscan.addresses": "list: our addresses that were tried",
        "portscan.duration-ms": "int: since the scan began",
        "portscan.count": "int: probes since the scan began",
        "portscan.final": "bool: the scan is over",
    },
    "notice",
)
DROP = EventKind(
    "sensor",
    "drop",
    "Something was given up: a bound was reached, or frames did not parse. Repeats are told together.",
    {
        "reason": "the bound's name, or malformed: and what was wrong",
        "limit": "int: the bound",
        "count": "int: how often since it was last told",
        "frame": "hex: one of the frames that did not parse",
    },
    "warning",
)
FAULT = EventKind(
    "sensor",
    "fault",
    "An error in honeystack itself, contained: it cost one frame or one conversation. Please report it.",
    {
        "error": "the exception's type and text",
        "where": "file and line",
        "frame": "hex: the frame that it happened on",
        "count": "int: how often since it was last told",
    },
    "error",
)


def _packet(category: str, text: str) -> EventKind:
    fields = {"message": "as tcpdump would print it", "payload": "what the header carried", "ethertype": "in hex"}
    return EventKind(category, "packet", text, {**fields, f"{category}.*": "the header's fields"})


ARP_PACKET = _packet("arp", "An ARP packet (sniffer).")
ICMP_PACKET = _packet("icmp", "An ICMP message (sniffer).")
ICMP6_PACKET = _packet("icmp6", "An ICMPv6 message other than neighbour and multicast listener discovery (sniffer).")
NDP_PACKET = _packet("ndp", "A neighbour discovery message (sniffer).")
IGMP_PACKET = _packet("igmp", "An IGMP message (sniffer).")
MLD_PACKET = _packet("mld", "A multicast listener discovery message (sniffer).")
IP_PACKET = _packet("ip", "A packet of another IP protocol (sniffer).")
ETHERNET_PACKET = _packet("ethernet", "A frame of another EtherType (sniffer).")
PACKETS = {
    kind.category: kind
    for kind in (
        ARP_PACKET,
        ICMP_PACKET,
        ICMP6_PACKET,
        NDP_PACKET,
        IGMP_PACKET,
        MLD_PACKET,
        IP_PACKET,
        ETHERNET_PACKET,
    )
}


class Counters(NamedTuple):
    """What a connection came to; packets are unknown for kernel sockets."""

    bytes_in: int
    bytes_out: int
    duration: float  # seconds
    packets_in: int | None = None
    packets_out: int | None = None


class Witness:
    """Makes events of what the stack tells. Inputs: `connected`, `closed`, `noticed`, `tick`, `finish`.

    Output: events, through the recorder. `clock` is the one of `tick`: seconds, monotonic.
    """

    def __init__(
        self, recorder: Recorder, *, clock: Callable[[], float], limits: Limits, capture: CaptureLimits
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._capture = capture
        self._scans = ScanDetector(limits)
        self._half_open = _Table(limits.aggregates, HALF_OPEN_SECONDS, self._tell, at_once=False)
        self._datagrams = _Table(limits.aggregates, REPEAT_SECONDS, self._tell)
        self._self = _Table(limits.aggregates, SELF_SECONDS, self._tell)
        self._tables = (self._half_open, self._datagrams, self._self)

    def connected(self, flow: Flow, *, syn: SynFacts | None = None, rtt: float | None = None) -> Identity:
        """Record that a peer has connected; the identity is the whole conversation's. `rtt` in seconds."""
        identity = identity_of(flow, self._recorder.new_id())
        fields = {} if syn is None else syn_fields(syn, flow)
        if rtt is not None:
            fields["tcp.rtt-ms"] = round(rtt * 1000, 3)
        self._recorder.record(CONNECT, fields, identity=identity)
        return identity

    def closed(self, identity: Identity, reason: CloseReason, counters: Counters) -> None:
        """Record that a connection has ended: the last event with this identity."""
        fields: dict[str, object] = {
            "tcp.reason": reason.value,
            "tcp.bytes-in": counters.bytes_in,
            "tcp.bytes-out": counters.bytes_out,
            "tcp.duration-ms": round(counters.duration * 1000),
        }
        if counters.packets_in is not None:
            fields["tcp.packets-in"] = counters.packets_in
            fields["tcp.packets-out"] = counters.packets_out
        self._recorder.record(CLOSE, fields, identity=identity)

    def datagram(self, flow: Flow, data: bytes, identity: Identity | None = None) -> None:
        """Record a datagram; `identity` where it belongs to a conversation that has one."""
        key = (flow, blake2b(data, digest_size=16).digest())
        if self._datagrams.count(key):
            return
        identity = identity or identity_of(flow, self._recorder.new_id())
        fields: dict[str, object] = {"payload": Payload.cut(data, self._capture.payload_bytes)}
        self._datagrams.add(key, _Row(DATAGRAM, identity, fields), self._clock())

    def noticed(self, notice: Notice) -> None:
        """Take any notice that is not about one connection; those of connections are for the listener."""
        if isinstance(notice, Scanned):
            self._scans.saw(notice, self._clock())
        elif isinstance(notice, Datagram):
            self.datagram(flow_of("udp", notice.path, notice.local_port, notice.remote_port), notice.data)
        elif isinstance(notice, PacketSeen):
            self._packet(notice)
        elif isinstance(notice, HalfOpen):
            self._unfinished(notice)
        elif isinstance(notice, BoundReached):
            self._aggregate(DROP, notice.bound, {"reason": notice.bound, "limit": notice.limit})
        elif isinstance(notice, Damaged):
            self._aggregate(DROP, notice.reason, {"reason": f"malformed: {notice.reason}", "frame": notice.frame})
        elif isinstance(notice, Fault):
            self.fault(notice.error, frame=notice.frame)

    def fault(self, error: BaseException, *, frame: bytes = b"") -> None:
        """Record an error of ours that was contained."""
        fields = fault_fields(error)
        key = (fields["error"], fields["where"])
        if frame:
            fields["frame"] = frame
        self._aggregate(FAULT, key, fields)

    def tick(self, now: float) -> None:
        """Tell what is due."""
        for table in self._tables:
            table.tick(now)
        for report in self._scans.poll(now):
            self._scan(report)

    def next_deadline(self) -> float | None:
        """When `tick` has something to do, in the clock of `now`; None while nothing is pending."""
        deadlines = [table.next_deadline() for table in self._tables]
        return min((at for at in (*deadlines, self._scans.next_deadline()) if at is not None), default=None)

    def finish(self) -> None:
        """Tell all that is pending: the honeypot stops."""
        for table in self._tables:
            table.flush()
        for report in self._scans.poll(float("inf")):
            self._scan(report)

    def _unfinished(self, notice: HalfOpen) -> None:
        flow = flow_of("tcp", notice.path, notice.local_port, notice.remote_port)
        fields = {**syn_fields(notice.syn, flow), "tcp.reset": notice.reset}
        key, identity = notice.path.remote, identity_of(flow)
        row = self._half_open.count(key)
        if row is None:
            self._half_open.add(key, _Row(HALF_OPEN, identity, fields), self._clock())
            return
        row.fields = fields
        row.identity = _common(row.identity or identity, identity)

    def _aggregate(self, kind: EventKind, key: Hashable, fields: dict[str, object]) -> None:
        if self._self.count((kind, key)) is None:
            self._self.add((kind, key), _Row(kind, None, fields), self._clock())

    def _packet(self, notice: PacketSeen) -> None:
        kind = PACKETS.get(notice.category, ETHERNET_PACKET)
        fields: dict[str, object] = {"message": notice.message, **notice.fields}
        if notice.payload:
            fields["payload"] = Payload.cut(notice.payload, self._capture.payload_bytes)
        path = notice.path
        identity = Identity(notice.protocol) if path is None else identity_of(flow_of(notice.protocol, path, 0, 0))
        self._recorder.record(kind, fields, identity=identity)

    def _scan(self, report: ScanReport) -> None:
        fields: dict[str, object] = {
            "portscan.ports": list(report.ports),
            "portscan.addresses": list(report.addresses),
            "portscan.duration-ms": round(report.duration * 1000),
            "portscan.count": report.count,
            "portscan.final": report.final,
        }
        self._recorder.record(SCAN, fields, identity=identity_of(flow_of("tcp", report.path, 0, 0)))

    def _tell(self, row: _Row) -> None:
        fields = row.fields if row.count is None else {**row.fields, "count": row.count}
        self._recorder.record(row.kind, fields, identity=row.identity)


def syn_fields(syn: SynFacts, flow: Flow) -> dict[str, object]:
    """The `tcp.syn.*` keys of a SYN, and the tool that made it where it shows."""
    fields: dict[str, object] = {"tcp.syn.cookie": True} if syn.from_cookie else {}
    if not syn.from_cookie:
        fields |= {
            "tcp.syn.ttl": syn.ttl,
            "tcp.syn.window": syn.window,
            "tcp.syn.options": ",".join(_OPTIONS.get(kind, f"?{kind}") for kind in syn.options),
            "tcp.syn.df": syn.dont_fragment,
            "tcp.syn.ip-id": syn.ip_id,
        }
    if syn.mss is not None:
        fields["tcp.syn.mss"] = syn.mss
    if syn.window_scale is not None:
        fields["tcp.syn.wscale"] = syn.window_scale
    tool = None if syn.from_cookie else tool_of(syn, flow)
    return fields if tool is None else {**fields, "tcp.tool": tool}


_OPTIONS = {0: "eol", 1: "nop", 2: "mss", 3: "ws", 4: "sok", 5: "sack", 8: "ts"}  # p0f's names


def tool_of(syn: SynFacts, flow: Flow) -> str | None:
    """The scanner whose mark a SYN bears."""
    if ":" in flow.local.address:
        return None  # all three marks are in IPv4 fields
    if syn.ip_id == 54321:  # zmap: src/probe_modules/packet.h
        return "zmap"
    local = int.from_bytes(ip_address(flow.local.address).packed, "big")
    if syn.sequence == local:  # mirai: bot/scanner.c
        return "mirai"
    if syn.ip_id == (local ^ flow.local.port ^ syn.sequence) & 0xFFFF:  # masscan: src/templ-pkt.c
        return "masscan"
    return None


def fault_fields(error: BaseException) -> dict[str, object]:
    """What a fault's event says of an exception: its type, its text, and the innermost line."""
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    where = ", ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in innermost)
    return {"error": f"{type(error).__name__}: {error}", "where": where}


def _common(one: Identity, other: Identity) -> Identity:
    """What two identities agree on; the rest becomes None."""
    return one if one == other else Identity._make(a if a == b else None for a, b in zip(one, other, strict=True))


@attrs.define(eq=False)
class _Row:
    kind: EventKind
    identity: Identity | None
    fields: dict[str, object]
    count: int | None = None  # None: has not happened again since it was told
    due: float = 0.0


class _Table:
    """Counts what repeats, in the order of becoming due; bounded: the oldest row is told and forgotten."""

    def __init__(self, limit: int, period: float, tell: Callable[[_Row], None], *, at_once: bool = True) -> None:
        self._limit = limit
        self._period = period
        self._tell = tell
        self._at_once = at_once
        self._rows: OrderedDict[Hashable, _Row] = OrderedDict()

    def count(self, key: Hashable) -> _Row | None:
        """Count one more of a row that is there."""
        row = self._rows.get(key)
        if row is not None:
            row.count = (row.count or 0) + 1
        return row

    def add(self, key: Hashable, row: _Row, now: float) -> None:
        if len(self._rows) >= self._limit:
            self._end(self._rows.popitem(last=False)[1])
        row.due = now + self._period
        if self._at_once:
            self._tell(row)
        else:
            row.count = 1
        self._rows[key] = row

    def tick(self, now: float) -> None:
        while self._rows:
            key, row = next(iter(self._rows.items()))
            if row.due > now:
                return
            del self._rows[key]
            self._end(row)
            if row.count is not None and self._at_once:  # it repeats: keep counting for another period
                row.count, row.due = None, now + self._period
                self._rows[key] = row

    def next_deadline(self) -> float | None:
        return next(iter(self._rows.values())).due if self._rows else None

    def flush(self) -> None:
        while self._rows:
            self._end(self._rows.popitem(last=False)[1])

    def _end(self, row: _Row) -> None:
        if row.count is not None:
            self._tell(row)
