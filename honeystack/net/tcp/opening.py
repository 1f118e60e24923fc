"""The state of a connection whose handshake the peer has completed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from honeystack.net.tcp.ecn import ECN_AGREED, ECN_OFF
from honeystack.net.tcp.handshake import Embryo
from honeystack.net.tcp.seq import add
from honeystack.net.wire.segment import Segment

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection


def fill_in(conn: Connection, embryo: Embryo, seg: Segment, now: float) -> None:
    """Take over from SYN, SYN-ACK and the acknowledgement in `seg`."""
    tcp = conn.tcp
    conn.pseudo_sum = tcp.pseudo_sum(embryo.path)
    conn.syn = embryo.syn
    conn.snd_una = conn.snd_nxt = seg.ack
    conn.rcv_nxt = conn.last_ack_sent = conn.snd_wl1 = add(embryo.irs, 1)
    conn.rcv_edge = add(
        conn.rcv_nxt,
        tcp.sizes.offered_window(
            embryo.path.version, timestamps=embryo.ts_recent is not None, path_mtu=embryo.path_mtu
        ),
    )
    conn.snd_wl2 = seg.ack
    if embryo.window_scale is not None:
        conn.snd_scale, conn.rcv_scale = embryo.window_scale, tcp.persona.window_scale
    conn.snd_wnd = conn.max_window = seg.window << conn.snd_scale
    conn.sack = embryo.sack
    conn.ecn = ECN_AGREED if embryo.ecn else ECN_OFF
    conn.ts_recent, conn.ts_offset = embryo.ts_recent, embryo.ts_offset
    timestamps = embryo.ts_recent is not None
    mss = tcp.sizes.send_mss(embryo.path.version, embryo.peer_mss, timestamps=timestamps)
    tcp.path_mtus.expire(now)
    path_mtu = tcp.path_mtus.mtus.get(embryo.path.remote)
    mss = tcp.sizes.within_path(embryo.path.version, mss, path_mtu, timestamps=timestamps)
    mss -= len(embryo.path.options)
    conn.mss = tcp.sizes.within_window(mss, conn.max_window, timestamps=timestamps)
    conn.opened_at = embryo.opened_at
    conn.rtt = now - embryo.opened_at if embryo.retransmitted == 0 else None
    conn.packets_in = conn.packets_out = 1  # the SYN and our answer
    if embryo.retransmitted > 1:
        conn.start_sending(now).congestion.cwnd = conn.mss  # RFC 6928 §2: more than one loss, so begin with one segment
