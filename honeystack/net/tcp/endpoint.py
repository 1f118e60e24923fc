"""All TCP connections of one stack. It knows no Ethernet and no IP header: a `Path` stands for both."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from honeystack.errors import Malformed, StateError
from honeystack.net.address import Path
from honeystack.net.notices import Accepted, BoundReached, Closed, CloseReason, Fault, Notice, Readable, Scanned
from honeystack.net.tcp import bounds, path_errors, timeouts
from honeystack.net.tcp.acknowledge import offer_room
from honeystack.net.tcp.arrives import arrives
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.cookies import Cookies
from honeystack.net.tcp.ecn import CONGESTION_EXPERIENCED, ECN_OFF, echo_of
from honeystack.net.tcp.flow_key import flow_key, segment_key
from honeystack.net.tcp.handshake import Embryo, Handshakes
from honeystack.net.tcp.isn import flow_secrets, shared_offset
from honeystack.net.tcp.memory import BufferMemory
from honeystack.net.tcp.oddities import tell_stray
from honeystack.net.tcp.opening import fill_in
from honeystack.net.tcp.path_mtu import PathMtus
from honeystack.net.tcp.pressure import CHECK, Pressure
from honeystack.net.tcp.receiving import drop_assembler
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.settings import TcpSettings
from honeystack.net.tcp.sizes import Sizes
from honeystack.net.tcp.state import CLOSED, ESTABLISHED, SYN_RECEIVED, SYN_SENT
from honeystack.net.tcp.timewait import TimeWait
from honeystack.net.tcp.transmit import clock_ticks, send_ack, send_reset, transmit
from honeystack.net.tcp.window import update_is_due
from honeystack.net.timers import TimerWheel
from honeystack.net.wire.checksum import partial_sum, pseudo_header_sum
from honeystack.net.wire.facts import IcmpErrorKind, IpFacts
from honeystack.net.wire.segment import Segment, StraySegment
from honeystack.net.wire.tcp import ACK, FIN, RST, SYN, decode_segment, encode_segment, syn_options, walk_options

PROTOCOL: Final = 6
MD5: Final = 19  # the option of RFC 2385
SIGNATURE: Final = bytes([MD5, 18])


class Tcp:
    """Inputs: `receive_segment`, `handle_timeout`, `icmp_error`, `connect`, `shut_down`, and the calls on connections.

    Outputs: `poll_transmit`, `poll_notice`, `poll_timeout`, asked in this order after every input.
    """

    def __init__(self, settings: TcpSettings, *, rng: object = None) -> None:
        self.limits = settings.limits
        self.persona = settings.persona
        self.secret = settings.secret[:32]
        self.cookies = Cookies(self.secret)
        self.keep_alive = self.limits.keep_alive_seconds if self.limits.keep_alive else None  # MUST-25, MUST-27
        self._shared_offset = shared_offset(self.secret) if self.persona.linear_timestamps else None
        self.cuts_runs = settings.cuts_runs
        self.timers: TimerWheel[Connection | bytes] = TimerWheel()
        self.memory = BufferMemory(self.limits.buffer_memory)
        self._pressure = Pressure(self)
        self.out: list[tuple[Path, bytes]] = []
        self.notices: deque[Notice] = deque()
        self.counters: Counter[str] = Counter()
        self.flows: dict[bytes, Connection] = {}  # MUST-42
        self.sizes = Sizes(settings.mtu, self.limits)
        self.path_mtus = PathMtus(self.limits.path_mtus)
        self.handshakes = Handshakes(self)
        self.time_wait = TimeWait(self)
        self._shedder = bounds.Shedder(self)
        self._touched: list[Connection] = []
        self._ports: set[int] = set()
        self._every_port = False
        self.listen_changes = 0
        self.reply_tos = 0  # the type of service of what strays is answered with: that of the packet, as in Linux

    @property
    def connections(self) -> int:
        """Connections held now; handshakes under way and TIME-WAIT are not counted."""
        return len(self.flows)

    def listen(self, port: int | None) -> None:
        """Accept connections to a port; None: to every port but 0."""
        self.listen_changes += 1
        if port is None:
            self._every_port = True
        else:
            self._ports.add(port)  # MUST-41

    def unlisten(self, port: int | None) -> None:
        """Accept no new connections; those that exist go on."""
        self.listen_changes += 1
        if port is None:
            self._every_port = False
        else:
            self._ports.discard(port)

    def connect(self, path: Path, remote_port: int, local_port: int, now: float) -> Connection:
        """Active open: Writable tells that it is there, Closed that it is not. StateError where ports are in use."""
        if self.in_use(path, local_port, remote_port):
            raise StateError(f"there is a connection from port {local_port} to port {remote_port} already")
        key = flow_key(path, local_port, remote_port)  # MUST-43
        conn = Connection(self, key, path, (local_port, remote_port), SYN_SENT, now)
        conn.pseudo_sum = self.pseudo_sum(path)
        isn, conn.ts_offset = self.flow_secrets(key, now)
        conn.snd_una = conn.snd_nxt = isn
        conn.snd_nxt = add(isn, 1)
        conn.rcv_scale = self.persona.window_scale
        conn.mss = self.sizes.send_mss(path.version, None, timestamps=False)
        self.flows[key] = conn
        self._shedder.added(path)
        self.send_syn(conn, now)
        self.touch(conn)
        return conn

    def in_use(self, path: Path, local_port: int, remote_port: int) -> bool:
        """Whether a connection, a handshake or TIME-WAIT has these ports between these addresses."""
        key = flow_key(path, local_port, remote_port)
        return key in self.flows or key in self.handshakes.entries or key in self.time_wait.entries

    def receive_segment(self, path: Path, segment: memoryview, header: IpFacts, now: float, *, verify: bool) -> None:
        """One segment, up to 64 kB of it; `verify` False where the checksum is known good. Raises Malformed."""
        key = segment_key(path, bytes(segment[:4]))
        conn = self.flows.get(key)
        if verify:
            pseudo_sum = conn.pseudo_sum if conn is not None else self.pseudo_sum(path)
            if (partial_sum(segment) + pseudo_sum + len(segment)) % 0xFFFF:  # MUST-3
                raise Malformed("TCP checksum does not hold")
        seg = decode_segment(segment)
        if path.local == path.remote:
            self.counters["land"] += 1  # ours is the only host with our address, and we did not send it
            tell_stray(self, path, seg, "land")
            return
        self.counters["segments_in"] += 1
        self.reply_tos = header.tos & ~CONGESTION_EXPERIENCED
        if SIGNATURE in seg.options and self._is_signed(path, seg):
            return
        if conn is not None and conn.ecn is not ECN_OFF:
            conn.ecn = echo_of(conn.ecn, seg.flags, header.tos)
        if conn is not None:
            arrives(conn, seg, now, path)
        elif key in self.handshakes.entries:
            self._go_on(self.handshakes.arrives(key, path, seg, now), seg, now)
        else:
            self._arrives_at_listen_or_closed(key, path, seg, header, now)

    def handle_timeout(self, now: float) -> None:
        """Do what is due; a fault costs the connection whose timer it was."""
        for item in self.timers.expire(now):
            try:
                self._expire(item, now)
            except Exception as error:
                self._contain(item, error)

    def icmp_error(self, path: Path, quoted: bytes, kind: IcmpErrorKind, mtu: int | None, now: float) -> None:
        """An ICMP error that quotes a segment of ours, from its first byte on; `path` is that segment's."""
        path_errors.icmp_error(self, path, quoted, kind, mtu, now)

    def shut_down(self, now: float) -> None:
        """End every connection with a reset, and tell of every handshake that was under way."""
        for conn in list(self.flows.values()):
            self.abort(conn, CloseReason.SHUTDOWN)
        for key in list(self.handshakes.entries):
            self.handshakes.abandon(key, reset=False)

    def poll_transmit(self, now: float) -> list[tuple[Path, bytes]]:
        """All segments that are due, in order; empties the queue."""
        if self.memory.short and self.memory.plenty:
            self._offer_memory()
        touched = self._touched
        if touched:
            self._touched = []
            for conn in touched:
                conn.touched = False
                if conn.state is CLOSED:
                    continue
                try:
                    transmit(conn, now)
                    timeouts.rearm(conn)
                except Exception as error:
                    self._contain(conn, error)
        out, self.out = self.out, []
        self.counters["segments_out"] += len(out)
        return out

    def poll_notice(self) -> Notice | None:
        """The next notice, in the order of what happened."""
        if not self.notices:
            return None
        notice = self.notices.popleft()
        if type(notice) is Readable:
            notice.connection.told_readable = False
        return notice

    def poll_timeout(self) -> float | None:
        """When `handle_timeout` is wanted next."""
        return self.timers.next_deadline()

    def statistics(self) -> dict[str, int]:
        """Counters by name, and what is held now."""
        return {
            **self.counters,
            "connections": len(self.flows),
            "half_open": len(self.handshakes.entries),
            "time_wait": len(self.time_wait.entries),
            "buffer_memory": self.memory.used,
        }

    # What the parts of this package ask of it.

    @property
    def full_sources(self) -> set[bytes]:
        """Which sources (net.tcp.bounds) may have no more connections."""
        return self._shedder.full

    def touch(self, conn: Connection) -> None:
        """The connection may have something to send, or another time to wait for."""
        if not conn.touched:  # MUST-58, MUST-59: what is due is sent when all has been processed
            conn.touched = True
            self._touched.append(conn)

    def read(self, conn: Connection) -> None:
        """The user has read: the window may open."""
        if not conn.eof_received and conn.state >= ESTABLISHED and update_is_due(conn):
            conn.ack_needed = True
            self.touch(conn)

    def accept(self, key: bytes, embryo: Embryo, seg: Segment, now: float) -> Connection | None:
        """A handshake is complete: the connection, unless a bound forbids it."""
        if not self._shedder.admits(embryo.path, now):
            self.reset_stray(embryo.path, seg)
            return None
        conn = Connection(self, key, embryo.path, embryo.ports, ESTABLISHED, now)
        fill_in(conn, embryo, seg, now)
        self.flows[key] = conn
        self._shedder.added(embryo.path)
        self.counters["accepted"] += 1
        self.notices.append(Accepted(conn))
        if self.keep_alive is not None:
            self.touch(conn)
        return conn

    def finish(self, conn: Connection, reason: CloseReason) -> None:
        """The one end of every connection; what it received can still be read."""
        if conn.state is CLOSED:
            return
        conn.state = CLOSED
        queued = len(conn.sending.data) if conn.sending else 0
        self.memory.give(conn.readable + queued)
        drop_assembler(conn)
        conn.sending = None
        self.timers.cancel(conn)
        del self.flows[conn.key]
        self._shedder.removed(conn.path)
        self.notices.append(Closed(conn, reason))  # MUST-12

    def abort(self, conn: Connection, reason: CloseReason) -> None:
        """RST to the peer, and the end."""
        if conn.state is CLOSED:
            return
        if conn.state is not SYN_SENT:
            self.counters["resets_sent"] += 1
            send_reset(conn)
        self.finish(conn, reason)

    def enter_time_wait(self, conn: Connection, now: float) -> None:
        """Both FINs are acknowledged, or will be by this acknowledgement."""
        if conn.ack_needed:
            send_ack(conn, now)
        self.time_wait.enter(conn, now)
        self.finish(conn, CloseReason.FIN)

    def send_syn(self, conn: Connection, now: float) -> None:
        """The SYN of an active open, or the SYN-ACK of a simultaneous one."""
        answering = conn.state is SYN_RECEIVED
        stamps = (clock_ticks(now, conn.ts_offset), conn.ts_recent or 0)
        with_timestamps = conn.ts_recent is not None if answering else self.persona.timestamps
        options = syn_options(
            self.sizes.offered_mss(conn.path.version, self.path_mtus.mtus.get(conn.path.remote)),
            window_scale=conn.rcv_scale if not answering or conn.rcv_scale else None,
            sack=conn.sack if answering else self.persona.sack,
            timestamps=stamps if with_timestamps else None,
        )
        ports = conn.local_port, conn.remote_port
        window = self.sizes.offered_window(conn.path.version, timestamps=with_timestamps)
        flags = SYN | ACK if answering else SYN
        conn.packets_out += 1
        segment = encode_segment(*ports, conn.snd_una, conn.rcv_nxt, flags, window, conn.pseudo_sum, options)
        self.out.append((conn.path, segment))

    def reset_stray(self, path: Path, seg: Segment) -> None:
        """RFC 9293 §3.10.7.1: the reset that answers a segment of no connection."""
        if seg.flags & RST:
            return
        ports = seg.destination_port, seg.source_port
        numbers = (seg.ack, 0, RST) if seg.flags & ACK else (0, add(seg.seq, seg.length), RST | ACK)
        self.counters["resets_sent"] += 1
        self.send_stray(path, encode_segment(*ports, *numbers, 0, self.pseudo_sum(path)))

    def send_stray(self, path: Path, segment: bytes) -> None:
        """Answer, for no connection, the segment that has just come."""
        stray = StraySegment(segment)
        stray.tos = self.reply_tos
        self.out.append((path, stray))

    def reached(self, bound: str, limit: int, path: Path | None) -> None:
        """Tell of a bound once, until `relieved`."""
        if self._shedder.tell(bound):
            self.notices.append(BoundReached(bound, limit, path))

    def short_of_memory(self, conn: Connection, now: float) -> None:
        """All buffers together are full; whoever waits is told once there is room.

        What came out of order gives way first, or peers that never fill a gap would keep all others from speaking; then
        those whose data does not move.
        """
        if not self.memory.short:
            self.memory.short = True
            for each in self.flows.values():
                drop_assembler(each)
        self._pressure.begin(now)
        self.reached("buffer_memory", self.limits.buffer_memory, conn.path)

    def relieved(self, bound: str) -> None:
        """The bound is well out of reach again."""
        self._shedder.forget(bound)

    def flow_secrets(self, key: bytes, now: float) -> tuple[int, int]:
        """The initial sequence number for a flow, and the offset of its timestamps."""
        isn, offset = flow_secrets(self.secret, key, now)
        return isn, offset if self._shared_offset is None else self._shared_offset

    def pseudo_sum(self, path: Path) -> int:
        """The part of the checksum that a path determines."""
        return pseudo_header_sum(path.local, path.remote, PROTOCOL, 0)

    def _arrives_at_listen_or_closed(self, key: bytes, path: Path, seg: Segment, header: IpFacts, now: float) -> None:
        iss = None
        if key in self.time_wait.entries:
            iss = self.time_wait.arrives(key, seg, now)
            if iss is None:
                return
        flags = seg.flags & (FIN | SYN | RST | ACK)
        if flags & RST:
            return
        if flags & ACK:
            conn = self.handshakes.cookie_arrives(key, path, seg, header, now)
            if conn is not None:
                self._go_on(conn, seg, now)
                return
        self.notices.append(Scanned(path, "tcp", seg.destination_port, seg.source_port))
        tell_stray(self, path, seg)
        if not self.listens(seg.destination_port) or flags & ACK:
            self.reset_stray(path, seg)
        elif flags == SYN and self._shedder.admits_syn(path):
            self.handshakes.listen(key, path, seg, header, now, iss=iss)

    def _is_signed(self, path: Path, seg: Segment) -> bool:
        """Whether a segment is signed by a key (RFC 2385), none of which we share: Linux drops it in silence."""
        if (MD5, 16) not in [(kind, len(value)) for kind, value in walk_options(seg.options)]:
            return False
        self.counters["signed"] += 1
        self.notices.append(Scanned(path, "tcp", seg.destination_port, seg.source_port))
        return True

    def _go_on(self, conn: Connection | None, seg: Segment, now: float) -> None:
        """The acknowledgement that completed a handshake may carry text and FIN; a bare one has little more to say."""
        if conn is None:
            return
        if seg.length or seg.seq != conn.rcv_nxt:
            arrives(conn, seg, now, conn.path)
            return
        conn.packets_in += 1
        if conn.ts_recent is not None and seg.timestamps is not None:
            conn.ts_recent = seg.timestamps[0]

    def _offer_memory(self) -> None:
        self.memory.short = False
        self.relieved("buffer_memory")
        waiting, self.memory.waiting = self.memory.waiting, []
        for conn in waiting:
            offer_room(conn)

    def listens(self, port: int) -> bool:
        """Whether connections to a port are accepted."""
        return port in self._ports or (self._every_port and port != 0)

    def _expire(self, item: Connection | bytes, now: float) -> None:
        if isinstance(item, Connection):
            timeouts.expire(item, now)
        elif item == CHECK:
            self._pressure.check(now)
        elif item in self.handshakes.entries:
            self.handshakes.expire(item, now)
        else:
            self.time_wait.expire(item)

    def _contain(self, item: Connection | bytes, error: Exception) -> None:
        self.notices.append(Fault(b"", error))
        if isinstance(item, Connection):
            self.finish(item, CloseReason.RST)
