"""The witness turns notices and connections into events, and repeated ones into one with a count.

Each of its tables is bounded by `limits.aggregates` and `aggregate_memory`; a full table tells its oldest row and
forgets it. What invented sources could make without end is bounded by `limits.told_sources`, `told_datagrams` and
`told_packets`; beyond them it is told together. Nothing here waits: whoever owns the clock calls `tick` by
`next_deadline`, and `finish` at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

import trio

from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity, Payload
from honeystack.events.identity import identity_of
from honeystack.events.recorder import Recorder
from honeystack.net.address import Flow, Path, flow_of
from honeystack.net.anomalies import NAMES
from honeystack.net.limits import Limits
from honeystack.net.notices import (
    AddressConflict,
    Anomaly,
    BoundReached,
    CloseReason,
    Damaged,
    Datagram,
    Fault,
    HalfOpen,
    MtuChanged,
    Notice,
    PacketSeen,
    Scanned,
    SynFacts,
)
from honeystack.net.scans import ScanDetector, ScanReport
from honeystack.reception import CaptureLimits
from honeystack.witness.conflict import CONFLICT, conflict_fields
from honeystack.witness.crowd import DESCRIBED, Crowd, common
from honeystack.witness.fault import fault_fields
from honeystack.witness.hellos import DatagramHellos
from honeystack.witness.kinds import (
    ANOMALIES,
    CLOSE,
    CONNECT,
    DATAGRAM,
    DROP,
    ETHERNET,
    FAULT,
    HALF_OPEN,
    PACKETS,
    SCAN,
)
from honeystack.witness.mtu import MTU, mtu_fields
from honeystack.witness.syn import syn_fields
from honeystack.witness.table import Row, Table

HALF_OPEN_SECONDS = 10.0  # a source's unfinished handshakes are told together
REPEAT_SECONDS = 30.0  # a datagram that is repeated is told again with its count
ANOMALY_SECONDS = 30.0  # odd packets of one kind from one source are told at once and then together
TICK = 1.0  # seconds between looks at the tables
NUMBER = re.compile(r"\d+")
SELF_SECONDS = 30.0  # bounds, damage and faults are told at once and then together


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
        self._hellos = DatagramHellos(
            recorder,
            clock=clock,
            per_second=limits.datagram_hellos_per_second,
            flows=limits.datagram_hellos,
        )
        table = partial(Table, limits.aggregates, tell=self._tell, memory=limits.aggregate_memory)
        self._half_open = table(HALF_OPEN_SECONDS, at_once=False)
        self._datagrams = table(REPEAT_SECONDS)
        self._anomalies = table(ANOMALY_SECONDS)
        self._self = table(SELF_SECONDS)
        self._crowd = Crowd(self._tell)
        self._limits = limits
        self._forgotten: dict[str, int] = {}
        self._tables = (self._half_open, self._datagrams, self._anomalies, self._self)

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
        if self._alone("datagram", "told_datagrams"):
            fields: dict[str, object] = {"payload": Payload.cut(data, self._capture.payload_bytes)}
            self._datagrams.add(key, Row(DATAGRAM, identity, fields), self._clock())
        else:
            known = identity
            self._crowd.join("datagram", DATAGRAM, flow.remote.address.encode(), lambda: (known, {}))
        self._hellos.received(flow, data, identity)

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
        elif isinstance(notice, Anomaly):
            self._anomaly(notice)
        elif isinstance(notice, AddressConflict):
            self._conflict(notice)
        elif isinstance(notice, MtuChanged):
            self._recorder.record(MTU, mtu_fields(notice))
        elif isinstance(notice, BoundReached):
            self._aggregate(DROP, notice.bound, {"reason": notice.bound, "limit": notice.limit})
        elif isinstance(notice, Damaged):
            key = NUMBER.sub("", notice.reason)  # lengths that peers choose are no reasons of their own
            self._aggregate(DROP, key, {"reason": f"malformed: {notice.reason}", "frame": notice.frame})
        elif isinstance(notice, Fault):
            self.fault(notice.error, frame=notice.frame)

    def fault(self, error: BaseException, *, frame: bytes = b"") -> None:
        """Record an error of ours that was contained."""
        fields = fault_fields(error)
        key = (type(error), fields["where"])  # the text may hold what a peer has sent
        if frame:
            fields["frame"] = frame
        self._aggregate(FAULT, key, fields)

    def tick(self, now: float) -> None:
        """Tell what is due."""
        self._tell_bounds()
        for table in self._tables:
            table.tick(now)
        for report in self._scans.poll(now):
            self._scan(report)
        self._crowd.tick(now)

    async def run(self) -> None:
        """Tick until cancelled; for owners whose clock is Trio's."""
        while True:
            await trio.sleep(TICK)
            self.tick(trio.current_time())

    def next_deadline(self) -> float | None:
        """When `tick` has something to do, in the clock of `now`; None while nothing is pending."""
        owners = (*self._tables, self._scans, self._crowd)
        return min((at for owner in owners if (at := owner.next_deadline()) is not None), default=None)

    def finish(self) -> None:
        """Tell all that is pending: the honeypot stops."""
        for table in self._tables:
            table.flush()
        for report in self._scans.poll(float("inf")):
            self._scan(report)
        self._crowd.flush()

    def _unfinished(self, notice: HalfOpen) -> None:
        key, describe = notice.path.remote, partial(_half_open, notice)
        row = self._half_open.count(key)
        if row is None:
            if self._alone("half-open"):
                self._half_open.add(key, Row(HALF_OPEN, *describe()), self._clock())
            else:
                self._crowd.join("half-open", HALF_OPEN, key, describe)
        elif (row.count or 0) <= DESCRIBED:
            identity, row.fields = describe()
            row.identity = common(row.identity or identity, identity)
        else:
            row.fields["tcp.reset"] = notice.reset

    def _anomaly(self, notice: Anomaly) -> None:
        path, key = notice.path, (notice.path.remote, notice.protocol, notice.name)
        group, describe = key[1:], partial(_odd, notice)
        row = self._anomalies.count(key)
        if row is None:
            kind = ANOMALIES[notice.protocol]
            if self._alone(group):
                self._anomalies.add(key, Row(kind, *describe()), self._clock())
            else:
                self._crowd.join(group, kind, path.remote, describe)
        elif (row.count or 0) <= DESCRIBED:
            identity = describe()[0]
            row.identity = common(row.identity or identity, identity)

    def _conflict(self, notice: AddressConflict) -> None:
        key = (CONFLICT, notice)
        if self._self.count(key) is not None:
            return
        if self._alone("conflict"):
            self._self.add(key, Row(CONFLICT, None, conflict_fields(notice)), self._clock())
        else:
            self._crowd.join("conflict", CONFLICT, notice.address + notice.mac, lambda: (None, conflict_fields(notice)))

    def _alone(self, group: Hashable, bound: str = "told_sources") -> bool:
        """Whether one more of a group is told by itself; if not, that a bound was reached is told."""
        limit = getattr(self._limits, bound)
        if self._crowd.admits(group, limit, self._clock()):
            return True
        self._aggregate(DROP, bound, {"reason": bound, "limit": limit})
        return False

    def _aggregate(self, kind: EventKind, key: Hashable, fields: dict[str, object]) -> None:
        if self._self.count((kind, key)) is None:
            self._self.add((kind, key), Row(kind, None, fields), self._clock())

    def _packet(self, notice: PacketSeen) -> None:
        kind = PACKETS.get(notice.category, ETHERNET)
        group = ("packet", kind)
        if not self._alone(group, "told_packets"):
            source = str(notice.fields.get("ethernet.source")).encode() if notice.path is None else notice.path.remote
            self._crowd.join(group, kind, source, lambda: (_sender(notice), notice.fields))
            return
        fields: dict[str, object] = {"message": notice.message, **notice.fields}
        if notice.payload:
            fields["payload"] = Payload.cut(notice.payload, self._capture.payload_bytes)
        self._recorder.record(kind, fields, identity=_sender(notice))

    def _scan(self, report: ScanReport) -> None:
        fields: dict[str, object] = {
            "portscan.ports": list(report.ports),
            "portscan.addresses": list(report.addresses),
            "portscan.duration-ms": round(report.duration * 1000),
            "portscan.count": report.count,
            "portscan.final": report.final,
        }
        identity = _host(report.ports[0].partition("/")[0], report.path)
        if self._alone("portscan"):
            self._recorder.record(SCAN, fields, identity=identity)
        else:
            self._crowd.join("portscan", SCAN, report.path.remote, lambda: (identity, {}))

    def _tell_bounds(self) -> None:
        """Tell that a table was full, or a budget spent, since they were looked at last; what it cost had been told."""
        counts = {
            "scan_sources": self._scans.forgotten,
            **self._scans.unnamed,
            "datagram_hellos": self._hellos.forgotten,
            "datagram_hellos_per_second": self._hellos.passed_over,
            "aggregates": sum(table.forgotten for table in self._tables if table is not self._self),
            "aggregate_memory": sum(table.outweighed for table in self._tables if table is not self._self),
        }
        for name, count in counts.items():
            if count > self._forgotten.get(name, 0):
                self._forgotten[name] = count
                self._aggregate(DROP, name, {"reason": name, "limit": getattr(self._limits, name)})

    def _tell(self, row: Row) -> None:
        fields = row.fields if row.count is None else {**row.fields, "count": row.count}
        self._recorder.record(row.kind, fields, identity=row.identity)


def _half_open(notice: HalfOpen) -> tuple[Identity, dict[str, object]]:
    flow = flow_of("tcp", notice.path, notice.local_port, notice.remote_port)
    return identity_of(flow), {**syn_fields(notice.syn, flow), "tcp.reset": notice.reset}


def _odd(notice: Anomaly) -> tuple[Identity, dict[str, object]]:
    fields: dict[str, object] = {"anomaly": notice.name, "message": NAMES[notice.name]}
    if not (notice.local_port or notice.remote_port):
        return _host(notice.protocol, notice.path), fields
    flow = flow_of(notice.protocol, notice.path, notice.local_port, notice.remote_port)
    return identity_of(flow), fields


def _host(protocol: str, path: Path) -> Identity:
    """The identity of what belongs to no port."""
    return identity_of(flow_of(protocol, path, 0, 0))._replace(
        source_port=None, destination_port=None, community_id=None
    )


def _sender(notice: PacketSeen) -> Identity:
    """The identity of a packet; an ICMP message's type and code stand in its Community ID where ports stand."""
    path = notice.path
    if path is None:
        return Identity(notice.protocol)
    if notice.protocol in ("tcp", "udp", "sctp"):
        return _host(notice.protocol, path)
    kind, code = (notice.fields.get(f"{notice.category}.{name}") for name in ("type", "code"))
    icmp = (kind, code) if isinstance(kind, int) and isinstance(code, int) else None
    return identity_of(flow_of(notice.protocol, path, 0, 0), icmp=icmp)
