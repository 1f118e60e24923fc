"""What an acceptable acknowledgement does to the send side (RFC 9293 §3.10.7.4 fifth, RFC 5681, 6582, 6675, 8985)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from honeystack.net.notices import Writable
from honeystack.net.tcp.ecn import ECN_OFF
from honeystack.net.tcp.flight import DUPLICATE_THRESHOLD, MAX_REORDERING
from honeystack.net.tcp.seq import after, before, diff
from honeystack.net.tcp.transmit import clock_ticks
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ECE

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection
    from honeystack.net.tcp.sending import Sending


def acknowledge(conn: Connection, seg: Segment, now: float) -> None:
    """Take SEG.ACK, which lies in SND.UNA..SND.NXT, SACK blocks and window."""
    conn.probes = 0  # MUST-37
    sending = conn.sending
    closed = conn.snd_wnd == 0
    window_changed = _update_window(conn, seg)
    if sending is None:
        return
    advanced = diff(seg.ack, conn.snd_una)
    if advanced > 0:
        _advance(conn, sending, seg, advanced, now)
    elif window_changed and (closed or not sending.flight):
        sending.progress_at = now
        if closed:
            sending.estimator.backoff = 0  # it was the window that kept the data back, not the path
    if conn.ecn is not ECN_OFF:
        flight = diff(conn.snd_nxt, conn.snd_una)
        sending.congestion.marked(flight, conn.snd_una, conn.snd_nxt, echo=seg.flags & ECE != 0)
    if sending.flight:
        if conn.sack:
            _read_sack(conn, sending, seg, now)
        else:
            _count_duplicate(conn, sending, seg, advanced, window_changed)
    offer_room(conn)
    conn.tcp.touch(conn)


def find_losses(conn: Connection, sending: Sending, now: float) -> None:
    """Look for segments that later ones have overtaken, and enter recovery if there are any."""
    congestion = sending.congestion
    recovering = congestion.recovery_point is not None
    found, again = sending.flight.lose_by_time(now, sending.estimator.min_rtt, recovering=recovering)
    sending.reorder_at = now + again if again else 0.0
    if found:
        congestion.loss_found(diff(conn.snd_nxt, conn.snd_una), conn.snd_nxt)


def updates_window(conn: Connection, seg: Segment) -> bool:
    """Whether a segment that acknowledges nothing new says another window, as Linux reads it.

    With the numbers of the one that said the last it may enlarge or shut the window: one that makes it smaller has been
    overtaken on its way more likely than it is meant.
    """
    if seg.seq != conn.snd_wl1:
        return after(seg.seq, conn.snd_wl1)
    window = seg.window << conn.snd_scale
    return window > conn.snd_wnd or window == 0


def _update_window(conn: Connection, seg: Segment) -> bool:
    """SND.WND from segments that are not older than the one that set it last."""
    if after(conn.snd_wl1, seg.seq) or (conn.snd_wl1 == seg.seq and after(conn.snd_wl2, seg.ack)):
        return False
    window = seg.window << conn.snd_scale  # MUST-1
    changed = window != conn.snd_wnd
    if changed and conn.snd_wl2 == seg.ack and conn.snd_wl1 == seg.seq and not updates_window(conn, seg):
        return False
    conn.snd_wnd, conn.snd_wl1, conn.snd_wl2 = window, seg.seq, seg.ack
    conn.max_window = max(conn.max_window, window)
    return changed


def _advance(conn: Connection, sending: Sending, seg: Segment, advanced: int, now: float) -> None:
    flight, estimator, congestion = sending.flight, sending.estimator, sending.congestion
    in_use = flight.flying
    acked = min(advanced, len(sending.data))  # the FIN is not in the queue
    if acked == len(sending.data):
        sending.data = bytearray()  # an emptied one keeps its memory, and many connections wait now
    else:
        del sending.data[:acked]
    conn.tcp.memory.give(acked)
    conn.snd_una = seg.ack
    flight.acknowledge(seg.ack, now, estimator.min_rtt)
    sending.progress_at = now  # RFC 6298 §5.3
    sending.probing = False
    _sample_rtt(conn, sending, seg, now)
    if congestion.recovery_point is not None and not before(conn.snd_una, congestion.recovery_point):
        congestion.recovered()
    elif congestion.recovery_point is not None and not conn.sack and not congestion.restarting:
        congestion.first_due = flight.lose_first()  # a partial acknowledgement, RFC 6582 §3.2 step 3
    if 2 * in_use >= congestion.cwnd or congestion.restarting:
        congestion.acknowledged(acked)


def _sample_rtt(conn: Connection, sending: Sending, seg: Segment, now: float) -> None:
    if sending.flight.rtt is not None:
        sending.estimator.sample(sending.flight.rtt)
        conn.rtt = sending.estimator.srtt
    elif conn.ts_recent is not None and seg.timestamps is not None and seg.timestamps[1]:
        # Only retransmitted segments were acknowledged; the echoed timestamp says which sending it was (RFC 7323 §4).
        ticks = diff(clock_ticks(now, conn.ts_offset), seg.timestamps[1])
        if 0 <= ticks < 120_000:
            sending.estimator.sample(max(ticks, 1) / 1000)


def _read_sack(conn: Connection, sending: Sending, seg: Segment, now: float) -> None:
    flight = sending.flight
    if seg.sack:
        if before(seg.sack[0][0], seg.ack):  # D-SACK: something was sent again in vain (RFC 2883)
            flight.reordered = True
            flight.reordering = min(flight.reordering + 1, MAX_REORDERING)
        flight.select(seg.sack, conn.snd_una, now, sending.estimator.min_rtt)
    if flight.sacked:
        find_losses(conn, sending, now)
    else:
        sending.reorder_at = 0.0


def _count_duplicate(conn: Connection, sending: Sending, seg: Segment, advanced: int, window_changed: bool) -> None:
    """RFC 5681 §2's duplicate acknowledgement, for peers without SACK."""
    if advanced or window_changed or seg.length:
        return
    flight = sending.flight
    recut = sending.congestion.recovery_point is None and flight and flight.records[0].times > 1
    if recut:  # it tells of what the path did not take, and nothing of what was sent since
        return
    flight.duplicate()
    if flight.duplicates == DUPLICATE_THRESHOLD and sending.congestion.recovery_point is None and flight.lose_first():
        sending.congestion.loss_found(diff(conn.snd_nxt, conn.snd_una), conn.snd_nxt)


def offer_room(conn: Connection) -> None:
    """Tell of room once a third of the buffer is free, as Linux does, not at every byte."""
    limits = conn.tcp.limits
    if conn.wants_room and conn.writable >= min(limits.send_buffer // 3, limits.buffer_memory // 4):
        conn.wants_room = False
        conn.tcp.notices.append(Writable(conn))
