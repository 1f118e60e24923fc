"""TIME-WAIT: what is remembered of a closed connection for 60 s, in one small tuple (RFC 9293 §3.6.1, 1337, 6191)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from honeystack.net.address import Path
from honeystack.net.tcp.challenge import in_interval
from honeystack.net.tcp.seq import add, after, diff
from honeystack.net.tcp.transmit import clock_ticks
from honeystack.net.wire import tcp as wire
from honeystack.net.wire.segment import Segment, StraySegment
from honeystack.net.wire.tcp import ACK, FIN, RST, SYN, encode_segment

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection
    from honeystack.net.tcp.endpoint import Tcp

SECONDS: Final = 60.0  # Linux's TCP_TIMEWAIT_LEN; MUST-13, with an MSL of 30 s
REUSE_DISTANCE: Final = 65535 + 2  # beyond anything of the old connection that the peer may still have (Linux)


class Remembered(NamedTuple):
    """What is needed to acknowledge a repeated FIN."""

    path: Path
    local_port: int
    remote_port: int
    snd_nxt: int
    rcv_nxt: int
    window: int
    ts_recent: int | None
    ts_offset: int
    answered_at: float = -1.0  # when a SYN or an empty segment was answered last


class TimeWait:
    """The table. Inputs: `enter`, `arrives`, `expire`."""

    __slots__ = ("_tcp", "entries")

    def __init__(self, tcp: Tcp) -> None:
        self._tcp = tcp
        self.entries: dict[bytes, Remembered] = {}

    def enter(self, conn: Connection, now: float) -> None:
        """Remember the connection; beyond the bound the oldest is forgotten."""
        tcp = self._tcp
        if len(self.entries) >= tcp.limits.time_wait:
            oldest = next(iter(self.entries))
            tcp.reached("time_wait", tcp.limits.time_wait, self.entries[oldest].path)
            self.expire(oldest)
            tcp.timers.cancel(oldest)
        self.entries[conn.key] = Remembered(
            conn.path,
            conn.local_port,
            conn.remote_port,
            conn.snd_nxt,
            conn.rcv_nxt,
            diff(conn.rcv_edge, conn.rcv_nxt) >> conn.rcv_scale,
            conn.ts_recent,
            conn.ts_offset,
        )
        tcp.timers.schedule(conn.key, now + SECONDS)

    def expire(self, key: bytes) -> None:
        """Forget it."""
        self.entries.pop(key, None)
        if len(self.entries) < self._tcp.limits.time_wait * 3 // 4:
            self._tcp.relieved("time_wait")

    def arrives(self, key: bytes, seg: Segment, now: float) -> int | None:
        """Answer a segment; an initial sequence number means: forgotten, this SYN begins a new connection."""
        entry = self.entries[key]
        if seg.flags & RST:
            return None  # RFC 1337 §3: a RST does not end TIME-WAIT
        if seg.flags & SYN and not seg.flags & ACK and self._begins_anew(entry, seg):
            del self.entries[key]
            self._tcp.timers.cancel(key)
            return add(entry.snd_nxt, REUSE_DISTANCE)
        if seg.length and not seg.flags & SYN:
            if seg.flags & FIN and add(seg.seq, seg.length) == entry.rcv_nxt:
                self._tcp.timers.schedule(key, now + SECONDS)  # RFC 9293 §3.10.7.4, eighth: restart the time-out
            self._acknowledge(entry, now)
        elif (seg.length or (seg.flags & ACK and seg.seq != entry.rcv_nxt)) and not in_interval(entry.answered_at, now):
            self.entries[key] = entry._replace(answered_at=now)  # first; two that disagree must not go on for ever
            self._acknowledge(entry, now)
        return None

    @staticmethod
    def _begins_anew(entry: Remembered, seg: Segment) -> bool:
        """RFC 6191 §2: a newer timestamp, or without one a later sequence number."""
        if seg.timestamps is not None and entry.ts_recent is not None and seg.timestamps[0] != entry.ts_recent:
            return diff(seg.timestamps[0], entry.ts_recent) > 0
        return after(seg.seq, entry.rcv_nxt)

    def _acknowledge(self, entry: Remembered, now: float) -> None:
        options = b""
        if entry.ts_recent is not None:
            options = wire.timestamp_option(clock_ticks(now, entry.ts_offset), entry.ts_recent)
        segment = encode_segment(
            entry.local_port,
            entry.remote_port,
            entry.snd_nxt,
            entry.rcv_nxt,
            ACK,
            entry.window,
            self._tcp.pseudo_sum(entry.path),
            options,
        )
        self._tcp.out.append((entry.path, StraySegment(segment)))
