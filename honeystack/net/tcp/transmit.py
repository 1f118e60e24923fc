"""What a connection sends: retransmissions, new data, FIN, acknowledgements (RFC 9293 §3.8, RFC 6675 §5).

Called once per touched connection when the driver asks for output, so that a reply carries the acknowledgement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from honeystack.net.tcp.ecn import ECN_ECHOING, ECN_OFF
from honeystack.net.tcp.flight import Sent
from honeystack.net.tcp.seq import MASK, add, diff
from honeystack.net.tcp.state import ESTABLISHED
from honeystack.net.tcp.window import window_field
from honeystack.net.wire import tcp as wire
from honeystack.net.wire.runs import MAX_RUN, make_run
from honeystack.net.wire.segment import MarkableSegment
from honeystack.net.wire.tcp import ACK, CWR, ECE, FIN, PSH, RST, encode_segment

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection
    from honeystack.net.tcp.sending import Sending

TICKS_PER_SECOND: Final = 1000  # of the timestamp clock, as Linux has it

# Segments in flight: 1.4 MB of the usual size. Each SACK looks at all of them, and a peer may ask for 36-byte ones.
MAX_RECORDS: Final = 1024


def transmit(conn: Connection, now: float) -> None:
    """Send all that may be sent now."""
    sending = conn.sending
    if sending is not None and conn.state >= ESTABLISHED:
        _send_lost(conn, sending, now)
        _send_new(conn, sending, now)
    if conn.ack_needed:  # MUST-40
        send_ack(conn, now)


def send_ack(conn: Connection, now: float) -> None:
    """A bare acknowledgement, with the SACK blocks that fit."""
    options = _timestamps(conn, now) + _sack_blocks(conn)  # MUST-65: no MSS
    emit(conn, conn.snd_nxt, ACK, options, b"")


def send_reset(conn: Connection) -> None:
    """RST as Linux sends it on abort: with the acknowledgement, without options."""
    emit(conn, conn.snd_nxt, RST | ACK, b"", b"")


def send_probe(conn: Connection, now: float) -> None:
    """Zero-window and keep-alive probes as in Linux: a sequence number already used draws an acknowledgement."""
    emit(conn, add(conn.snd_una, -1), ACK, _timestamps(conn, now), b"")


def send_record(conn: Connection, record: Sent, now: float) -> None:
    """Send one segment of the flight again."""
    sending = conn.sending
    assert sending is not None
    conn.tcp.counters["retransmitted"] += 1
    room = _room_for(conn, record)
    if 0 < room < len(record):
        sending.flight.cut(record, room)  # MUST-34
    sending.flight.gather(record, min(conn.mss, room))
    sending.flight.resent(record, now)
    _emit_data(conn, sending, record.seq, record.end, ACK | PSH if record.pushed else ACK, now)


def emit(
    conn: Connection, seq: int, flags: int, options: bytes, data: bytes, *, pieces: int = 1, fresh: bool = False
) -> None:
    """Every segment of a connection leaves here; a run of several stands for so many full ones.

    `fresh`: its data has never been sent. Only such packets may be marked where ECN is in use (RFC 3168 §6.1.4 to 6).
    """
    conn.ack_needed = False
    if conn.ecn is ECN_ECHOING:
        flags |= ECE
    conn.last_ack_sent = conn.rcv_nxt
    conn.packets_out += pieces
    segment = encode_segment(
        conn.local_port,
        conn.remote_port,
        seq,
        conn.rcv_nxt,
        flags,
        window_field(conn),
        conn.pseudo_sum,
        options,
        data,
        whole=pieces == 1,
    )
    if pieces > 1:
        conn.tcp.counters["segments_out"] += pieces - 1
        run = make_run(segment, data, conn.mss, pieces)
        run.markable = fresh and conn.ecn is not ECN_OFF
        segment = run
    elif fresh and data and conn.ecn is not ECN_OFF:
        segment = MarkableSegment(segment)
    conn.tcp.out.append((conn.path, segment))


def clock_ticks(now: float, offset: int) -> int:
    """TSval: milliseconds from a secret beginning."""
    return (int(now * TICKS_PER_SECOND) + offset) & MASK


def _send_lost(conn: Connection, sending: Sending, now: float) -> None:
    flight, congestion = sending.flight, sending.congestion
    while flight.lost and (
        congestion.first_due or (flight.pipe(conn.mss) < congestion.cwnd and not _all_out(sending, conn.mss))
    ):
        record = flight.next_lost()
        assert record is not None
        if record.seq != conn.snd_una and _room_for(conn, record) <= 0:
            return  # the window has shrunk; the first segment is its probe (RFC 9293 §3.8.6)
        congestion.first_due = False
        send_record(conn, record, now)


def _send_new(conn: Connection, sending: Sending, now: float) -> None:
    flight, congestion = sending.flight, sending.congestion
    if not flight:
        if now - sending.progress_at > sending.estimator.rto:
            congestion.idle()
    elif congestion.restarting and _all_out(sending, conn.mss):
        return
    while not sending.fin_sent and flight.segments < MAX_RECORDS:
        unsent = len(sending.data) - diff(conn.snd_nxt, conn.snd_una)
        if unsent <= 0 and not conn.eof_sent:
            return
        room = min(_window_left(conn), congestion.cwnd - flight.pipe(conn.mss))
        size = min(unsent, conn.mss, max(room, 0))  # MUST-34
        if not _worth_sending(conn, size, unsent):  # MUST-60
            return
        if (
            conn.tcp.cuts_runs
            and min(unsent, room) >= 2 * conn.mss
            and _send_run(conn, sending, min(unsent, room), now)
        ):
            continue
        _send_next(conn, sending, size, ACK, now)


def _room_for(conn: Connection, record: Sent) -> int:
    """How much of the window lies from where a segment begins."""
    return diff(add(conn.snd_una, conn.snd_wnd), record.seq)


def _all_out(sending: Sending, mss: int) -> bool:
    """Small segments are segments too while the path recovers from a time-out, as Linux counts them."""
    congestion = sending.congestion
    return congestion.restarting and sending.flight.segments_flying >= max(congestion.cwnd // mss, 1)


def send_one(conn: Connection, sending: Sending, now: float, *, flags: int = ACK) -> bool:
    """Send what the window lets of the next segment, whatever the other rules say; whether there was anything."""
    unsent = len(sending.data) - diff(conn.snd_nxt, conn.snd_una)
    size = min(unsent, conn.mss, _window_left(conn))
    if size <= 0:
        return False
    _send_next(conn, sending, size, flags, now)
    return True


def _window_left(conn: Connection) -> int:
    return diff(add(conn.snd_una, conn.snd_wnd), conn.snd_nxt)


def _send_next(conn: Connection, sending: Sending, size: int, flags: int, now: float) -> None:
    """The next `size` bytes, and the FIN if it follows them."""
    seq = conn.snd_nxt
    fin = conn.eof_sent and diff(seq, conn.snd_una) + size == len(sending.data) and _window_left(conn) > size
    conn.snd_nxt = add(seq, size + fin)
    if not sending.flight:
        sending.progress_at = now
    if size and _is_pushed(conn, sending, add(seq, size)):
        flags |= PSH
    if flags & PSH:
        sending.pushed = conn.snd_nxt
    sending.flight.sent(seq, conn.snd_nxt, now, pushed=flags & PSH != 0)
    sending.fin_sent = fin
    sending.probing = False
    conn.bytes_out += size
    if size and sending.congestion.cwr_due and conn.ecn is not ECN_OFF:
        flags |= CWR
        sending.congestion.cwr_due = False
    _emit_data(conn, sending, seq, conn.snd_nxt, flags, now, fresh=True)


def _is_pushed(conn: Connection, sending: Sending, end: int) -> bool:
    """PSH ends what there is to send (MUST-61), and as in Linux, half of a small window."""
    half = conn.max_window // 2
    all_sent = diff(end, conn.snd_una) == len(sending.data)
    return all_sent or (half < 2 * conn.mss and diff(end, sending.pushed) > half)


def _send_run(conn: Connection, sending: Sending, room: int, now: float) -> bool:
    """Send as many full segments as fit `room` in one run; what carries more than data goes segment by segment.

    As in Linux, a run takes at most half of the congestion window and of the largest window, and its end is pushed.
    """
    if sending.congestion.cwr_due and conn.ecn is not ECN_OFF:
        return False
    if conn.path.vlan is not None or conn.path.options or conn.assembler is not None or conn.dsack is not None:
        return False
    mss, start, seq = conn.mss, diff(conn.snd_nxt, conn.snd_una), conn.snd_nxt
    if conn.eof_sent:
        room = min(room, len(sending.data) - start - 1)  # the last segment carries the FIN
    count = min(room, MAX_RUN) // mss
    count = min(count, MAX_RECORDS - sending.flight.segments)
    count = min(count, sending.congestion.cwnd // mss // 2, conn.max_window // 2 // mss)
    if count < 2:
        return False
    if not sending.flight:
        sending.progress_at = now
    sending.probing = False
    stop = start + count * mss
    conn.snd_nxt = add(seq, count * mss)
    sending.flight.sent(seq, conn.snd_nxt, now, piece=mss, pushed=True)
    sending.pushed = conn.snd_nxt
    conn.bytes_out += count * mss
    with memoryview(sending.data) as view:
        data = bytes(view[start:stop])
    emit(conn, seq, ACK | PSH, _timestamps(conn, now), data, pieces=count, fresh=True)  # MUST-61
    return True


def _worth_sending(conn: Connection, size: int, unsent: int) -> bool:
    """The sender's silly-window rules (RFC 9293 §3.8.6.2.1) and Nagle's algorithm where it is on (§3.7.4)."""
    if size == unsent == 0:
        return _window_left(conn) > 0  # the FIN alone, which takes one number of the window (RFC 9293 §3.4)
    if size <= 0:
        return False
    if size == conn.mss:
        return True
    if size == unsent:
        if conn.wants_room:  # the user has more, which fills the segment up
            return conn.snd_nxt == conn.snd_una
        return conn.nodelay or conn.eof_sent or conn.snd_nxt == conn.snd_una
    return size >= conn.max_window // 2  # MUST-38


def _emit_data(
    conn: Connection, sending: Sending, seq: int, end: int, flags: int, now: float, *, fresh: bool = False
) -> None:
    start = diff(seq, conn.snd_una)
    stop = diff(end, conn.snd_una)
    if stop > len(sending.data):
        flags |= FIN
        stop = len(sending.data)
    with memoryview(sending.data) as view:
        data = bytes(view[start:stop])
    if data and stop == len(sending.data):  # MUST-61
        flags |= PSH
    options = _timestamps(conn, now)
    if conn.assembler is not None or conn.dsack is not None:
        blocks = _sack_blocks(conn)
        if len(data) + len(blocks) <= conn.mss:
            options += blocks
    emit(conn, seq, flags, options, data, fresh=fresh)


def _timestamps(conn: Connection, now: float) -> bytes:
    if conn.ts_recent is None:
        return b""
    return wire.timestamp_option(clock_ticks(now, conn.ts_offset), conn.ts_recent)


def _sack_blocks(conn: Connection) -> bytes:
    """RFC 2018 §3, and a duplicate first (RFC 2883 §4)."""
    if not conn.sack:
        return b""
    blocks = [conn.dsack] if conn.dsack is not None else []
    conn.dsack = None
    if conn.assembler is not None:
        most = 4 if conn.ts_recent is None else 3
        blocks += conn.assembler.blocks(most - len(blocks))
    return wire.sack_option(blocks) if blocks else b""
