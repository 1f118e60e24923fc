"""Segment text and FIN (RFC 9293 §3.10.7.4, seventh and eighth): trim, put in order, hand over, acknowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from honeystack.net.notices import CloseReason, Readable
from honeystack.net.tcp.assembler import RUN_COST, Assembler
from honeystack.net.tcp.oddities import tell_of
from honeystack.net.tcp.seq import add, after, before, diff
from honeystack.net.tcp.state import CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, RECEIVING
from honeystack.net.tcp.transmit import send_ack
from honeystack.net.wire.segment import Segment

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection


def process_text(conn: Connection, seg: Segment, now: float) -> None:
    """Take the part of the text that is new and in the window."""
    seq, data = seg.seq, seg.data
    end = add(seq, len(data))
    for_nobody = before(seq, conn.rcv_nxt) if conn.eof_received else conn.released
    if for_nobody and after(end, conn.rcv_nxt):
        conn.tcp.reset_stray(conn.path, seg)  # RFC 9293 §3.6.1: data that nobody will read
        conn.tcp.finish(conn, CloseReason.RST)
        return
    if conn.state not in RECEIVING or conn.eof_received:
        if before(seq, conn.rcv_nxt):
            _acknowledge(conn)  # it comes again, so our acknowledgement was lost
        return
    known = diff(conn.rcv_nxt, seq)
    if known > 0:
        conn.dsack = seq, add(seq, min(known, len(data)))
        _compare(conn, data, known)
        seq, data = conn.rcv_nxt, data[known:]
    data = data[: min(diff(conn.rcv_edge, seq), _room(conn))]
    if not data or not _has_room(conn, len(data), now, in_order=seq == conn.rcv_nxt):
        _acknowledge(conn)
        return
    if seq == conn.rcv_nxt and conn.assembler is None:
        conn.tcp.memory.take(len(data))
        _deliver(conn, data)
        _acknowledge(conn)
        return
    _reassemble(conn, seq, data, now)


def take_fin(conn: Connection, seq: int, now: float) -> None:
    """The peer's FIN lies at `seq`: take it in order, remember it when it is early."""
    if add(seq, 1) != conn.rcv_nxt if conn.eof_received else before(seq, conn.rcv_nxt):
        tell_of(conn, "second-end")
    if before(seq, conn.rcv_nxt):
        _acknowledge(conn)  # it comes again, so our acknowledgement was lost
        return
    if conn.eof_received:
        return  # there is no second end; Linux is silent too
    if after(seq, conn.rcv_nxt):
        if not after(seq, conn.rcv_edge):
            conn.assembler = conn.assembler or Assembler()
            conn.assembler.insert_end(seq)
            _tell_of_ends(conn, conn.assembler)
        send_ack(conn, now)  # RFC 5681 §4.2, as for any segment out of order
        return
    _end_of_text(conn, now)


def _end_of_text(conn: Connection, now: float) -> None:
    """RFC 9293 §3.10.7.4, eighth: the state after the FIN has been taken."""
    if conn.assembler is not None:
        conn.assembler.insert_end(conn.rcv_nxt)
        _tell_of_ends(conn, conn.assembler)
    drop_assembler(conn)
    conn.rcv_nxt = add(conn.rcv_nxt, 1)
    if diff(conn.rcv_nxt, conn.rcv_edge) > 0:
        conn.rcv_edge = conn.rcv_nxt  # a FIN needs no room
    conn.eof_received = True
    _acknowledge(conn)
    _tell_readable(conn)
    if conn.state is ESTABLISHED:
        conn.state = CLOSE_WAIT
    elif conn.state is FIN_WAIT_1:
        conn.state = CLOSING
    else:
        conn.tcp.enter_time_wait(conn, now)


def _reassemble(conn: Connection, seq: int, data: memoryview, now: float) -> None:
    assembler = conn.assembler = conn.assembler or Assembler()
    cost = assembler.cost
    duplicate = assembler.insert(seq, data)
    if duplicate is not None:
        conn.dsack = duplicate
    if assembler.differs:
        assembler.differs = False
        tell_of(conn, "segment-overlap")
    run = assembler.take(conn.rcv_nxt)
    conn.tcp.memory.take(assembler.cost + (len(run) if run else 0) - cost)
    if run is None:
        send_ack(conn, now)  # RFC 5681 §4.2: at once, and one for each, since the sender counts them
        return
    _deliver(conn, run)
    conn.ack_needed = True
    conn.tcp.touch(conn)
    if assembler.ends and _is_at_end(conn, assembler):
        _end_of_text(conn, now)
    elif not assembler.runs and not assembler.ends:
        conn.assembler = None


def _is_at_end(conn: Connection, assembler: Assembler) -> bool:
    at_end = assembler.reaches_end(conn.rcv_nxt)
    _tell_of_ends(conn, assembler)
    return at_end


def _tell_of_ends(conn: Connection, assembler: Assembler) -> None:
    if assembler.differs:
        assembler.differs = False
        tell_of(conn, "second-end")


def _compare(conn: Connection, data: memoryview, known: int) -> None:
    """Look whether what comes again is what came; what has been read is not known any more."""
    inbox = conn.inbox
    if not inbox:
        return
    skip = max(known - len(inbox), 0)
    again, start = data[skip:known], len(inbox) - known + skip
    if inbox[start : start + len(again)] != again:
        tell_of(conn, "segment-overlap")


def _deliver(conn: Connection, data: memoryview | bytearray) -> None:
    conn.rcv_nxt = add(conn.rcv_nxt, len(data))
    conn.bytes_in += len(data)
    if conn.inbox is None:
        conn.inbox = bytearray(data)
    else:
        conn.inbox += data
    _tell_readable(conn)


def _tell_readable(conn: Connection) -> None:
    if not conn.told_readable:
        conn.told_readable = True
        conn.tcp.notices.append(Readable(conn))


def _acknowledge(conn: Connection) -> None:
    conn.ack_needed = True
    conn.tcp.touch(conn)


def _room(conn: Connection) -> int:
    """What the buffer takes. Scaling rounds windows up, so more is offered than there is; one unit of that is given."""
    return max(conn.tcp.limits.receive_buffer + (1 << conn.rcv_scale) - conn.held, 0)


def _has_room(conn: Connection, count: int, now: float, *, in_order: bool) -> bool:
    """Whether all buffers together have room; while they are short of it, what is in order goes first."""
    memory = conn.tcp.memory
    wanted = count if in_order else count + RUN_COST
    if memory.free < wanted:
        conn.tcp.short_of_memory(conn, now)
    return memory.free >= wanted and (in_order or not memory.short)


def drop_assembler(conn: Connection) -> None:
    """Forget what came out of order, also if it was selectively acknowledged: RFC 2018 §8 allows it."""
    if conn.assembler is not None:
        conn.tcp.memory.give(conn.assembler.cost)
        conn.assembler = None
