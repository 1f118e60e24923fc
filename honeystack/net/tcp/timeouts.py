"""A connection's one timer: what it waits for next, and what happens when that time has come (RFC 9293 §3.10.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from honeystack.net.notices import CloseReason
from honeystack.net.tcp.acknowledge import find_losses
from honeystack.net.tcp.connection import NO_TIMER, Timer
from honeystack.net.tcp.flight import SACKED
from honeystack.net.tcp.retransmit import MAX_RTO, ORPHAN_RETRIES, SYN_RETRIES
from honeystack.net.tcp.seq import add, diff
from honeystack.net.tcp.state import ESTABLISHED, FIN_WAIT_2
from honeystack.net.tcp.transmit import send_one, send_probe, send_record
from honeystack.net.wire.tcp import ACK, PSH

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection
    from honeystack.net.tcp.sending import Sending

FIN_WAIT_2_SECONDS: Final = 60.0  # Linux's tcp_fin_timeout, which is for released connections
HALF_CLOSED_SECONDS: Final = 930.0  # while somebody reads: a peer on a lossy path gives up by then (tcp_retries2)
PROBE_SLACK: Final = 0.008  # two of Linux's jiffies
DELAYED_ACK: Final = 0.2  # what a peer may hold back its acknowledgement of a single segment: RFC 8985 §7.2


def rearm(conn: Connection) -> None:
    """Set the timer for what the connection now waits for, or stop it."""
    conn.timer, deadline = _next_timer(conn)
    if conn.timer is NO_TIMER:
        conn.tcp.timers.cancel(conn)
    else:
        conn.tcp.timers.schedule(conn, deadline)


def expire(conn: Connection, now: float) -> None:
    """The timer's time has come.

    Segments may have come since it was set, and the outputs that set it anew are still to be asked for: then what it
    waits for now counts, and where that is not due, nothing happens.
    """
    kind, deadline = _next_timer(conn) if conn.touched else (conn.timer, now)
    if kind is NO_TIMER or deadline > now:
        return
    conn.timer = NO_TIMER
    sending = conn.sending
    if kind is Timer.FIN_WAIT_2:
        conn.tcp.finish(conn, CloseReason.TIMEOUT)
        return
    if kind is Timer.KEEP_ALIVE:
        _keep_alive(conn, now)
    elif conn.state < ESTABLISHED:
        _retransmit_syn(conn, now)
    else:
        assert sending is not None  # all other timers are of what has been sent
        _ON_EXPIRY[kind](conn, sending, now)
    conn.tcp.touch(conn)


def _next_timer(conn: Connection) -> tuple[Timer, float]:
    sending = conn.sending
    if conn.state < ESTABLISHED:
        return Timer.RETRANSMIT, conn.opened_at + float((2 << conn.probes) - 1)
    if sending is not None and sending.flight:
        return _flight_timer(conn, sending)
    if sending is not None and (len(sending.data) or (conn.eof_sent and not sending.fin_sent)):
        return Timer.PERSIST, sending.progress_at + sending.estimator.rto  # MUST-36
    if conn.state is FIN_WAIT_2:
        patience = FIN_WAIT_2_SECONDS if conn.released else HALF_CLOSED_SECONDS
        return Timer.FIN_WAIT_2, conn.last_activity + patience
    if conn.keep_alive is not None:  # MUST-26
        wait = conn.keep_alive + conn.probes * conn.tcp.limits.keep_alive_interval_seconds
        return Timer.KEEP_ALIVE, conn.last_activity + wait
    return NO_TIMER, 0.0


def _flight_timer(conn: Connection, sending: Sending) -> tuple[Timer, float]:
    estimator, flight = sending.estimator, sending.flight
    if sending.reorder_at:
        return Timer.REORDER, sending.reorder_at
    timeout = sending.progress_at + estimator.rto
    calm = sending.congestion.recovery_point is None and estimator.backoff == 0 and not sending.probing
    if conn.sack and calm and estimator.srtt and not flight.sacked:  # RFC 8985 §7.2
        alone = diff(flight.records[-1].end, flight.records[0].seq) <= conn.mss
        patience = 2 * estimator.srtt + (DELAYED_ACK if alone else PROBE_SLACK)
        probe = max(flight.records[-1].sent_at, sending.progress_at) + patience
        return Timer.LOSS_PROBE, min(probe, timeout)  # where they meet, probing comes first
    return Timer.RETRANSMIT, timeout


def _given_up(conn: Connection, attempts: int) -> bool:
    """R2 of RFC 9293 §3.8.3."""
    if attempts < (min(ORPHAN_RETRIES, conn.retries) if conn.released else conn.retries):
        return False
    return _give_up(conn)


def _window_given_up(conn: Connection, sending: Sending) -> bool:
    """MUST-37: probes that are answered go on, and for nobody who reads any more until the longest time-out (Linux)."""
    if conn.released and sending.estimator.rto >= MAX_RTO:
        return _give_up(conn)
    return _given_up(conn, conn.probes)


def _give_up(conn: Connection) -> bool:
    conn.tcp.finish(conn, CloseReason.TIMEOUT)  # MUST-20
    return True


def _retransmit(conn: Connection, sending: Sending, now: float) -> None:
    """RFC 6298 §5.4 to 5.6."""
    estimator = sending.estimator
    # A window that has shrunk to zero is probed by this: what is answered is not given up (RFC 9293 §3.8.6, SHLD-17).
    closed = conn.snd_wnd == 0  # MUST-35
    if _window_given_up(conn, sending) if closed else _given_up(conn, estimator.backoff):
        return
    conn.probes += 1
    sending.congestion.timed_out(diff(conn.snd_nxt, conn.snd_una), conn.snd_nxt, again=estimator.backoff > 0)
    sending.flight.lose_all()
    estimator.backoff += 1  # MUST-19
    sending.progress_at = now
    sending.reorder_at = 0.0


def _look_for_losses(conn: Connection, sending: Sending, now: float) -> None:
    sending.reorder_at = 0.0
    find_losses(conn, sending, now)


def _probe_for_loss(conn: Connection, sending: Sending, now: float) -> None:
    """RFC 8985 §7.3: new data if there is some, else the last segment again; then the time-out."""
    sending.progress_at = now
    if not send_one(conn, sending, now):
        last = sending.flight.last()
        if last.fate != SACKED:
            send_record(conn, last, now)
    sending.probing = True


def _probe_window(conn: Connection, sending: Sending, now: float) -> None:
    """RFC 9293 §3.8.6.1, and the override of the silly-window rules where the window is merely small."""
    estimator = sending.estimator
    if _window_given_up(conn, sending):
        return
    conn.probes += 1
    estimator.backoff += 1
    sending.progress_at = now
    # What fills a small window is pushed, as Linux has it: the peer is to read, or nothing will go on.
    shut = diff(add(conn.snd_una, conn.snd_wnd), conn.snd_nxt) <= 0
    if shut or not send_one(conn, sending, now, flags=ACK | PSH):
        send_probe(conn, now)


def _keep_alive(conn: Connection, now: float) -> None:
    if conn.probes >= conn.tcp.limits.keep_alive_probes:
        conn.tcp.finish(conn, CloseReason.TIMEOUT)
    elif now - conn.last_activity >= (conn.keep_alive or 0.0):
        conn.probes += 1
        send_probe(conn, now)


def _retransmit_syn(conn: Connection, now: float) -> None:
    if conn.probes >= SYN_RETRIES:
        conn.tcp.finish(conn, CloseReason.TIMEOUT)
        return
    conn.probes += 1
    conn.tcp.send_syn(conn, now)


_ON_EXPIRY: Final = {
    Timer.RETRANSMIT: _retransmit,
    Timer.REORDER: _look_for_losses,
    Timer.LOSS_PROBE: _probe_for_loss,
    Timer.PERSIST: _probe_window,
}
