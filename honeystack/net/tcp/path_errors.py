"""ICMP errors about our segments (RFC 5927, RFC 1191, RFC 8201): believed only with a sequence number in flight.

Soft errors end nothing, and hard ones end only a connection that is being opened (RFC 5927 §4.1 and §5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from honeystack.net.address import Path
from honeystack.net.notices import Anomaly, CloseReason
from honeystack.net.tcp.flow_key import segment_key
from honeystack.net.tcp.seq import between
from honeystack.net.tcp.sizes import IP_AND_TCP_HEADERS, TIMESTAMP_BYTES, Sizes
from honeystack.net.tcp.state import SYN_SENT
from honeystack.net.wire.facts import IcmpErrorKind

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection
    from honeystack.net.tcp.endpoint import Tcp

QUOTED: Final = 8  # ports and sequence number, which is all that ICMP promises
MIN_MTU: Final = {4: 552, 6: 1280}  # Linux's ip_rt_min_pmtu; RFC 8200 §5


def icmp_error(tcp: Tcp, path: Path, quoted: bytes, kind: IcmpErrorKind, mtu: int | None, now: float) -> None:
    """Take an error that quotes `quoted`, a segment that we sent on `path`."""
    if len(quoted) < QUOTED:
        return
    key = segment_key(path, bytes(quoted[2:4] + quoted[:2]))
    seq = int.from_bytes(quoted[4:8], "big")
    conn = tcp.flows.get(key)  # MUST-54
    if conn is None:
        if key in tcp.handshakes.entries:
            tcp.handshakes.path_error(key, seq, kind)
        return
    if not between(conn.snd_una, seq, conn.snd_nxt):
        name = "icmp" if path.version == 4 else "icmpv6"
        tcp.notices.append(Anomaly(path, name, "spoofed-icmp", conn.local_port, conn.remote_port))
        return
    tcp.counters["path_errors"] += 1
    if kind is IcmpErrorKind.PACKET_TOO_BIG:
        _shrink(conn, mtu or 0, now)
    elif kind is IcmpErrorKind.HARD and conn.state is SYN_SENT:  # MUST-56
        tcp.finish(conn, CloseReason.RST)


def change_mtu(tcp: Tcp, mtu: int, now: float) -> None:
    """Our own link takes packets of another length: all segments keep to it, and new connections tell it."""
    tcp.sizes = Sizes(mtu, tcp.limits)
    for conn in tuple(tcp.flows.values()):
        _recut(conn, tcp.sizes.send_mss(conn.path.version, 0xFFFF, timestamps=conn.ts_recent is not None), now)


def _shrink(conn: Connection, mtu: int, now: float) -> None:
    told = note_path_mtu(conn.tcp, conn.path, mtu, now)
    if told is not None:
        options = 0 if conn.ts_recent is None else TIMESTAMP_BYTES
        _recut(conn, told - IP_AND_TCP_HEADERS[conn.path.version] - options, now)


def note_path_mtu(tcp: Tcp, path: Path, mtu: int, now: float) -> int | None:
    """A router says how long packets on a path may be: what we keep to from now on; None if that cannot be."""
    least = MIN_MTU[path.version]
    if path.version == 6 and mtu < least:
        return None  # RFC 8201 §4: such a report must be discarded
    if not tcp.path_mtus.put(path.remote, max(mtu, least), now, fragmentable=mtu < least):
        tcp.reached("path_mtus", tcp.limits.path_mtus, path)
    elif tcp.path_mtus.roomy:
        tcp.relieved("path_mtus")
    return max(mtu, least)


def _recut(conn: Connection, mss: int, now: float) -> None:
    """Send smaller segments, those in flight first."""
    if mss >= conn.mss:
        return
    if conn.sending is not None:
        congestion = conn.sending.congestion
        congestion.cwnd = congestion.cwnd * mss // conn.mss  # as many segments as before, or an error made a burst
        congestion.mss = mss
        conn.sending.flight.recut(mss)
        conn.sending.progress_at = now
    conn.mss = mss
    conn.tcp.touch(conn)
