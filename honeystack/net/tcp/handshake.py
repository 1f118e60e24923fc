"""LISTEN and passive SYN-RECEIVED (RFC 9293 §3.10.7.2 and .4): SYNs answered, handshakes completed.

A handshake under way is one small tuple, not a connection. When the table is full, cookies answer without memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from honeystack.net.address import Path
from honeystack.net.notices import Anomaly, HalfOpen, SynFacts
from honeystack.net.tcp import cookies
from honeystack.net.tcp.challenge import in_interval
from honeystack.net.tcp.ecn import asks_for_ecn
from honeystack.net.tcp.seq import add, after, before, between, diff
from honeystack.net.tcp.sizes import DEFAULT_MSS
from honeystack.net.tcp.transmit import clock_ticks
from honeystack.net.wire import tcp as wire
from honeystack.net.wire.facts import IcmpErrorKind, IpFacts
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, ECE, FIN, RST, SYN, decode_syn_options, encode_segment

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection
    from honeystack.net.tcp.endpoint import Tcp

# MUST-22
RETRANSMISSIONS: Final = 5  # Linux's tcp_synack_retries: a second after the answer, then at doubled intervals
COOKIE_SECONDS: Final = 2 * cookies.PERIOD  # how long after the last cookie an acknowledgement may carry one


class Embryo(NamedTuple):
    """One handshake under way."""

    path: Path
    ports: tuple[int, int]  # local, remote
    irs: int
    iss: int
    peer_mss: int | None
    window_scale: int | None
    sack: bool
    ts_recent: int | None
    ts_offset: int
    syn: SynFacts
    opened_at: float
    retransmitted: int
    ecn: bool = False
    path_mtu: int | None = None  # what a router has said before
    answered_at: float = -1.0  # when a segment that does not belong here was answered last


class Handshakes:
    """The table. Inputs: `listen`, `arrives`, `cookie_arrives`, `expire`. Outputs: SYN-ACKs, connections, notices."""

    __slots__ = ("_cookie_at", "_tcp", "entries")

    def __init__(self, tcp: Tcp) -> None:
        self._tcp = tcp
        self.entries: dict[bytes, Embryo] = {}
        self._cookie_at: float | None = None

    @property
    def full(self) -> bool:
        """Whether new handshakes are answered without memory."""
        return len(self.entries) >= self._tcp.limits.half_open

    def answered_together(self, count: int, path: Path, now: float) -> None:
        """So many SYNs were answered with cookies; `path` is that of one."""
        counters = self._tcp.counters
        counters["segments_in"] += count
        counters["segments_out"] += count
        self._count_cookies(count, path, now)

    def listen(self, key: bytes, path: Path, seg: Segment, header: IpFacts, now: float, *, iss: int | None) -> None:
        """A SYN for a listening port; `iss` is given where the flow's last connection demands one."""
        tcp = self._tcp
        options = decode_syn_options(seg.options)
        facts = SynFacts(
            header.ttl,
            seg.window,
            options.mss,
            options.window_scale,
            options.kinds,
            header.dont_fragment,
            header.ident,
            seg.seq,
        )
        isn, ts_offset = tcp.flow_secrets(key, now)
        embryo = Embryo(
            path,
            (seg.destination_port, seg.source_port),
            seg.seq,
            isn if iss is None else iss,
            options.mss,  # MUST-14
            options.window_scale,
            options.sack_permitted and tcp.persona.sack,
            seg.timestamps[0] if seg.timestamps and tcp.persona.timestamps else None,
            ts_offset,
            facts,
            now,
            0,
            tcp.persona.ecn and asks_for_ecn(seg.flags, header.tos),
            tcp.path_mtus.mtus.get(path.remote),
        )
        if self.full:
            self._answer_with_cookie(key, embryo, now)
            return
        self.entries[key] = embryo
        tcp.timers.schedule(key, now + 1.0)
        self._send_syn_ack(embryo, clock_ticks(now, ts_offset))

    def arrives(self, key: bytes, path: Path, seg: Segment, now: float) -> Connection | None:
        """A segment for a handshake under way; the connection, once it is complete."""
        embryo = self.entries[key]
        nxt = add(embryo.irs, 1)
        window = self._offered_window(embryo)
        if seg.flags & (SYN | ACK | RST) == SYN and seg.seq == embryo.irs:
            if self._may_answer(key, seg, now):
                self._answer_again(key, embryo, now)  # our answer was lost
            return None
        if not _is_acceptable(seg, nxt, add(nxt, window)) or self._is_old(embryo, seg):  # first
            if not seg.flags & RST and self._may_answer(key, seg, now):
                self._acknowledge(embryo, now)
            return None
        if seg.flags & RST:  # second; RFC 5961 §3.2; MUST-11
            if seg.seq == nxt:
                self.abandon(key, reset=True)
            elif self._may_answer(key, seg, now):
                self._acknowledge(embryo, now)
            return None
        if seg.flags & SYN:  # fourth: back to LISTEN; Linux tells it with a reset
            self._tcp.reset_stray(path, seg)
            self.abandon(key, reset=True)
            return None
        if not seg.flags & ACK:
            return None
        if seg.ack != add(embryo.iss, 1):  # fifth
            self._tcp.reset_stray(path, seg)
            return None
        return self._complete(key, seg, now)

    def cookie_arrives(self, key: bytes, path: Path, seg: Segment, header: IpFacts, now: float) -> Connection | None:
        """An acknowledgement for no connection: one, if it returns a cookie that we made."""
        if self._cookie_at is None or now - self._cookie_at > COOKIE_SECONDS or seg.flags & (SYN | RST | FIN):
            return None
        tcp = self._tcp
        irs, iss = add(seg.seq, -1), add(seg.ack, -1)
        mss = tcp.cookies.mss_of(key, irs, iss, now)
        if mss is None:
            return None
        echo = seg.timestamps[1] if seg.timestamps and tcp.persona.timestamps else None
        restored = cookies.restore_options(mss, echo)
        facts = SynFacts(
            header.ttl,
            seg.window,
            restored.mss,
            restored.window_scale,
            b"",
            header.dont_fragment,
            header.ident,
            irs,
            from_cookie=True,
        )
        embryo = Embryo(
            path,
            (seg.destination_port, seg.source_port),
            irs,
            iss,
            restored.mss,
            restored.window_scale,
            restored.sack,
            seg.timestamps[0] if seg.timestamps and echo is not None else None,
            tcp.flow_secrets(key, now)[1],
            facts,
            now,
            1,  # when the SYN came is not known, so the round trip is not either
        )
        tcp.counters["cookies_returned"] += 1
        return tcp.accept(key, embryo, seg, now)

    def path_error(self, key: bytes, seq: int, kind: IcmpErrorKind) -> None:
        """An ICMP error quotes our SYN-ACK, or pretends to: where the peer cannot be reached, Linux waits no longer.

        With IPv4 these are the errors that may pass, with IPv6 those that do not.
        """
        tcp, embryo = self._tcp, self.entries[key]
        if seq != embryo.iss:
            name = "icmp" if embryo.path.version == 4 else "icmpv6"
            tcp.notices.append(Anomaly(embryo.path, name, "spoofed-icmp", *embryo.ports))
            return
        tcp.counters["path_errors"] += 1  # MUST-54
        if kind is (IcmpErrorKind.SOFT if embryo.path.version == 4 else IcmpErrorKind.HARD):
            self.abandon(key, reset=False)

    def expire(self, key: bytes, now: float) -> None:
        """Send the SYN-ACK again, or give the handshake up."""
        tcp = self._tcp
        embryo = self.entries[key]
        age = now - embryo.opened_at
        if embryo.retransmitted >= RETRANSMISSIONS or age >= tcp.limits.half_open_seconds:
            self.abandon(key, reset=False)
            return
        self.entries[key] = embryo = embryo._replace(retransmitted=embryo.retransmitted + 1)
        self._answer_again(key, embryo, now)

    def _answer_again(self, key: bytes, embryo: Embryo, now: float) -> None:
        """The SYN-ACK once more, and the wait for the next one begins anew; its end is the bound's."""
        last = embryo.opened_at + self._tcp.limits.half_open_seconds
        self._tcp.timers.schedule(key, min(now + float(1 << embryo.retransmitted), last))
        self._send_syn_ack(embryo, clock_ticks(now, embryo.ts_offset))

    def abandon(self, key: bytes, *, reset: bool) -> None:
        """Forget a handshake, and tell of it."""
        embryo = self._remove(key)
        self._tcp.notices.append(HalfOpen(embryo.path, *embryo.ports, embryo.syn, reset))

    def _may_answer(self, key: bytes, seg: Segment, now: float) -> bool:
        """RFC 5961 §7's limit, for each handshake its own: none tells of another, and two confused ends do not storm.

        As in Linux, text and FIN are answered always, since their acknowledgement may have been lost.
        """
        if seg.length and not seg.flags & (SYN | RST):
            return True
        embryo = self.entries[key]
        if in_interval(embryo.answered_at, now):
            return False
        self.entries[key] = embryo._replace(answered_at=now)
        return True

    def _complete(self, key: bytes, seg: Segment, now: float) -> Connection | None:
        embryo = self._remove(key)
        return self._tcp.accept(key, embryo, seg, now)

    def _remove(self, key: bytes) -> Embryo:
        tcp = self._tcp
        tcp.timers.cancel(key)
        embryo = self.entries.pop(key)
        if len(self.entries) < tcp.limits.half_open * 3 // 4:
            tcp.relieved("half_open")
        return embryo

    @staticmethod
    def _is_old(embryo: Embryo, seg: Segment) -> bool:
        """PAWS (RFC 7323 §5.3); a SYN with a timestamp of zero was sent before its clock began (Linux)."""
        if seg.timestamps is None or not embryo.ts_recent or seg.flags & RST:
            return False
        return diff(seg.timestamps[0], embryo.ts_recent) < 0

    def _answer_with_cookie(self, key: bytes, embryo: Embryo, now: float) -> None:
        tcp = self._tcp
        self._count_cookies(1, embryo.path, now)
        default = DEFAULT_MSS[embryo.path.version]
        embryo = embryo._replace(ecn=False)  # nothing in a cookie carries it
        cookie = tcp.cookies.make(key, embryo.irs, embryo.peer_mss or default, now)
        ticks = clock_ticks(now, embryo.ts_offset)
        if embryo.ts_recent is None:
            # Without timestamps nothing can carry window scale and SACK.
            self._send_syn_ack(embryo._replace(iss=cookie, window_scale=None, sack=False), ticks)
            return
        ticks = cookies.stamp_options(ticks, embryo.window_scale, sack=embryo.sack)
        self._send_syn_ack(embryo._replace(iss=cookie), ticks)

    def _count_cookies(self, count: int, path: Path, now: float) -> None:
        tcp = self._tcp
        tcp.reached("half_open", tcp.limits.half_open, path)
        tcp.counters["cookies_sent"] += count
        self._cookie_at = now

    def _send_syn_ack(self, embryo: Embryo, ticks: int) -> None:
        tcp = self._tcp
        version = embryo.path.version
        options = wire.syn_options(
            tcp.sizes.offered_mss(version, embryo.path_mtu),
            window_scale=None if embryo.window_scale is None else tcp.persona.window_scale,
            sack=embryo.sack,
            timestamps=None if embryo.ts_recent is None else (ticks, embryo.ts_recent),
        )
        self._send(embryo, embryo.iss, SYN | ACK | ECE if embryo.ecn else SYN | ACK, options)

    def _offered_window(self, embryo: Embryo) -> int:
        timestamps = embryo.ts_recent is not None
        return self._tcp.sizes.offered_window(embryo.path.version, timestamps=timestamps, path_mtu=embryo.path_mtu)

    def _acknowledge(self, embryo: Embryo, now: float) -> None:
        options = b""
        if embryo.ts_recent is not None:
            options = wire.timestamp_option(clock_ticks(now, embryo.ts_offset), embryo.ts_recent)
        self._send(embryo, add(embryo.iss, 1), ACK, options)

    def _send(self, embryo: Embryo, seq: int, flags: int, options: bytes) -> None:
        tcp, path = self._tcp, embryo.path
        window = self._offered_window(embryo)
        if flags == ACK and embryo.window_scale is not None:
            window = -(-window >> tcp.persona.window_scale)  # rounded up, so that the right edge does not move left
        segment = encode_segment(*embryo.ports, seq, add(embryo.irs, 1), flags, window, tcp.pseudo_sum(path), options)
        if flags & SYN:
            tcp.out.append((path, segment))
        else:
            tcp.send_stray(path, segment)


def _is_acceptable(seg: Segment, nxt: int, edge: int) -> bool:
    """Whether some of a segment lies in the window (RFC 9293 §3.4); a SYN only with its own number."""
    if seg.flags & SYN or not seg.length:
        return between(nxt, seg.seq, edge)
    return after(add(seg.seq, seg.length), nxt) and before(seg.seq, edge)
