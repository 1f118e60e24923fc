"""SEGMENT ARRIVES (RFC 9293 §3.10.7): one function per step, in the order of the specification.

CLOSED and LISTEN have no connection yet and are in `handshake`; TIME-WAIT has none any more and is in `timewait`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from honeystack.net.address import Path
from honeystack.net.notices import CloseReason, Writable
from honeystack.net.tcp.acknowledge import acknowledge, updates_window
from honeystack.net.tcp.challenge import challenge
from honeystack.net.tcp.oddities import tell_of
from honeystack.net.tcp.receiving import process_text, take_fin
from honeystack.net.tcp.retransmit import RtoEstimator
from honeystack.net.tcp.seq import add, after, before, diff, latest
from honeystack.net.tcp.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_RECEIVED,
    SYN_SENT,
)
from honeystack.net.tcp.transmit import send_ack
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, FIN, RST, SYN, decode_syn_options

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection

PAWS_TICKS: Final = 1  # Linux's TCP_PAWS_WINDOW
FASTEST_CLOCK: Final = 1200  # ticks in a second: no timestamp clock of a peer has been seen to go faster (Linux)
CROSSED: Final = 0xFFFF  # octets: about what a peer sends within a round trip before it closes
SACK_BLOCKS: Final = 4  # at most so many can be told (RFC 2018 §3)
PAWS_LIFETIME: Final = 24 * 24 * 3600.0  # RFC 7323 §5.5: after 24 days the remembered timestamp says nothing


def arrives(conn: Connection, seg: Segment, now: float, path: Path) -> None:
    """RFC 9293 §3.10.7.4: all states from SYN-RECEIVED on; §3.10.7.3 for SYN-SENT."""
    conn.packets_in += 1
    if conn.state is SYN_SENT:
        _arrives_in_syn_sent(conn, seg, now)
        return
    if not _first_check_sequence_number(conn, seg, now):
        return
    if not (conn.released and conn.state is FIN_WAIT_2):  # which nobody's interest prolongs
        conn.last_activity = now
    if seg.flags & RST:  # MUST-66: also with a closed window
        _second_check_rst(conn, seg, now)
    # Third, security and compartment: not implemented by anybody who could reach us (RFC 9293 §A.1).
    elif seg.flags & SYN and not _answers_our_syn(conn, seg):
        _fourth_check_syn(conn, now)
    elif seg.flags & ACK and _fifth_check_ack(conn, seg, now):
        if path is not conn.path:  # only what has passed every check may say where our answers go
            conn.path = path._replace(options=conn.path.options)  # those of the SYN, as in Linux
        # Sixth, URG: urgent data is read in line, as RFC 6093 §6 asks for. MUST-30, MUST-31
        _seventh_process_segment_text(conn, seg, now)
        _eighth_check_fin(conn, seg, now)


def _first_check_sequence_number(conn: Connection, seg: Segment, now: float) -> bool:
    """The window test with Linux's two allowances: from the last acknowledged octet on, right edge included.

    The second matters: a peer that has filled our window sends bare acknowledgements from just beyond it.
    """
    stamps = seg.timestamps
    older = stamps is not None and conn.ts_recent and diff(stamps[0], conn.ts_recent) < 0
    if older and now - conn.ts_recent_at < PAWS_LIFETIME and _is_replayed(conn, seg):
        conn.tcp.counters["paws"] += 1
        _answer_unacceptable(conn, seg, now)
        return False
    end = add(seg.seq, seg.length)
    if before(end, conn.last_ack_sent) or after(seg.seq, conn.rcv_edge):
        if not seg.flags & RST:
            _answer_unacceptable(conn, seg, now)
        elif _follows_the_fin(conn, seg):
            conn.tcp.finish(conn, CloseReason.RST)
        elif not _answers_what_crossed(conn, seg):
            tell_of(conn, "blind-rst")
        return False
    return True


def _remember_timestamp(conn: Connection, seg: Segment, now: float) -> None:
    """RFC 7323 §4.3, for a segment that is taken; what is borne though it is older does not set TS.Recent back."""
    stamps = seg.timestamps
    if stamps is None or conn.ts_recent is None or after(seg.seq, conn.last_ack_sent):
        return
    older = conn.ts_recent and diff(stamps[0], conn.ts_recent) < 0
    if not older or now - conn.ts_recent_at >= PAWS_LIFETIME:
        conn.ts_recent, conn.ts_recent_at = stamps[0], now


def _is_replayed(conn: Connection, seg: Segment) -> bool:
    """PAWS (RFC 7323 §5.3, R1) for a segment with an older timestamp, with Linux's two allowances.

    One tick is the error of a clock that several processors read. And a bare acknowledgement that says nothing new was
    overtaken on its way: answering would set two ends talking, and as it carries nothing, nothing can be replayed.
    """
    assert conn.ts_recent is not None
    assert seg.timestamps is not None
    age = diff(conn.ts_recent, seg.timestamps[0])
    if seg.flags & RST or age <= PAWS_TICKS:
        return False
    says_nothing = seg.flags & ACK and not seg.length and seg.seq == conn.rcv_nxt and seg.ack == conn.snd_una
    if not says_nothing or updates_window(conn, seg):
        return True
    estimator = conn.sending.estimator if conn.sending is not None else RtoEstimator(conn.rtt)
    return age > estimator.rto * FASTEST_CLOCK


def _answer_unacceptable(conn: Connection, seg: Segment, now: float) -> None:
    """Data and FIN are answered always, since their acknowledgement may have been lost; empty ones now and then."""
    end = add(seg.seq, len(seg.data))
    if seg.data and not after(end, conn.rcv_nxt):
        conn.dsack = seg.seq, end  # RFC 2883 §4.1
        if not conn.released:
            conn.last_activity = now  # it sends again what we have: our acknowledgements are lost, and not the peer
            conn.tcp.touch(conn)
    if seg.data or seg.flags & FIN:
        send_ack(conn, now)
    else:
        challenge(conn, now)


def _second_check_rst(conn: Connection, seg: Segment, now: float) -> None:
    """RFC 5961 §3.2: only the exact sequence number resets, or what a peer with other numbers takes for it (Linux)."""
    if seg.seq == conn.rcv_nxt or _follows_the_fin(conn, seg) or _follows_what_is_early(conn, seg):
        conn.tcp.finish(conn, CloseReason.RST)
    else:
        if not _answers_what_crossed(conn, seg):
            tell_of(conn, "rst-probe")
        challenge(conn, now)


def _follows_the_fin(conn: Connection, seg: Segment) -> bool:
    """A peer that has sent its FIN and resets then may not count the FIN."""
    return seg.seq == add(conn.rcv_nxt, -1) and conn.state in (CLOSE_WAIT, LAST_ACK, CLOSING)


def _answers_what_crossed(conn: Connection, seg: Segment) -> bool:
    """To what crosses its last segments, a peer that is gone answers with the number that is acknowledged there.

    RFC 9293 §3.10.7.1. An ordinary client does so, where we close as it does.
    """
    gone = conn.state in (CLOSE_WAIT, LAST_ACK, CLOSING) and not seg.flags & ACK
    return gone and 0 < diff(conn.rcv_nxt, seg.seq) <= CROSSED


def _follows_what_is_early(conn: Connection, seg: Segment) -> bool:
    """A peer resets behind all that it has sent; of that we may lack some, but have told the end of the rest."""
    if not conn.sack or conn.assembler is None or not conn.assembler.runs:
        return False
    end = conn.rcv_nxt
    for block in conn.assembler.blocks(SACK_BLOCKS):
        end = latest(end, block[1])
    return seg.seq == end


def _answers_our_syn(conn: Connection, seg: Segment) -> bool:
    """RFC 9293 §3.5, figure 8: in a simultaneous open the peer's SYN comes again, with the acknowledgement of ours."""
    return conn.state is SYN_RECEIVED and bool(seg.flags & ACK) and add(seg.seq, 1) == conn.rcv_nxt


def _fourth_check_syn(conn: Connection, now: float) -> None:
    """RFC 5961 §4.2: whatever its sequence number, a SYN is challenged; who has really begun anew answers RST."""
    tell_of(conn, "blind-syn")
    challenge(conn, now)


def _fifth_check_ack(conn: Connection, seg: Segment, now: float) -> bool:
    """Whether the rest of the segment is to be processed."""
    if conn.state is SYN_RECEIVED and not _complete_simultaneous_open(conn, seg, now):
        return False
    old = before(seg.ack, conn.snd_una)
    if not after(seg.ack, conn.snd_nxt):
        _remember_timestamp(conn, seg, now)
    if after(seg.ack, conn.snd_nxt) or (old and _is_too_old(conn, seg.ack)):
        tell_of(conn, "blind-ack")
        challenge(conn, now)  # RFC 5961 §5.2
        return False
    if old:
        return True  # a duplicate; its text may be new
    acknowledge(conn, seg, now)
    sending = conn.sending
    if sending is not None and sending.fin_sent and conn.snd_una == conn.snd_nxt:
        _our_fin_was_acknowledged(conn, now)
    return conn.state is not CLOSED


def _is_too_old(conn: Connection, ack: int) -> bool:
    """Whether an acknowledgement is of what was never sent, or lies a window before what is acknowledged."""
    fin = conn.sending is not None and conn.sending.fin_sent
    acknowledged = max(conn.bytes_out + fin - diff(conn.snd_nxt, conn.snd_una), 0)
    return before(ack, add(conn.snd_una, -min(conn.max_window, acknowledged)))


def _our_fin_was_acknowledged(conn: Connection, now: float) -> None:
    if conn.state is FIN_WAIT_1:
        conn.state = FIN_WAIT_2
    elif conn.state is CLOSING:
        conn.tcp.enter_time_wait(conn, now)
    elif conn.state is LAST_ACK:
        conn.tcp.finish(conn, CloseReason.FIN)


def _complete_simultaneous_open(conn: Connection, seg: Segment, now: float) -> bool:
    if not after(seg.ack, conn.snd_una) or after(seg.ack, conn.snd_nxt):
        conn.tcp.reset_stray(conn.path, seg)
        return False
    _establish(conn, seg, now)
    return True


def _seventh_process_segment_text(conn: Connection, seg: Segment, now: float) -> None:
    if seg.data:
        process_text(conn, seg, now)


def _eighth_check_fin(conn: Connection, seg: Segment, now: float) -> None:
    if not seg.flags & FIN or conn.state is CLOSED:  # the text may have ended it
        return
    place = add(seg.seq, len(seg.data))
    if conn.released and not conn.eof_received and after(place, conn.rcv_nxt):
        conn.tcp.reset_stray(conn.path, seg)  # RFC 9293 §3.6.1: there is text before it, which nobody will read
        conn.tcp.finish(conn, CloseReason.RST)
    else:
        take_fin(conn, place, now)


def _arrives_in_syn_sent(conn: Connection, seg: Segment, now: float) -> None:
    """RFC 9293 §3.10.7.3."""
    acknowledged = bool(seg.flags & ACK)
    # First, check the ACK bit.
    if acknowledged and (not after(seg.ack, conn.snd_una) or after(seg.ack, conn.snd_nxt)):
        if not seg.flags & RST:
            conn.tcp.reset_stray(conn.path, seg)
        return
    # Second, check the RST bit.
    if seg.flags & RST:
        if acknowledged:
            conn.tcp.finish(conn, CloseReason.RST)
        return
    # Fourth, check the SYN bit; fifth, drop what has neither.
    if not seg.flags & SYN:
        return
    conn.rcv_nxt = conn.last_ack_sent = add(seg.seq, 1)
    _take_syn_options(conn, seg, now)
    # What our SYN has offered, or what our SYN-ACK will.
    timestamps = conn.tcp.persona.timestamps if acknowledged else conn.ts_recent is not None
    conn.rcv_edge = add(conn.rcv_nxt, conn.tcp.sizes.offered_window(conn.path.version, timestamps=timestamps))
    conn.snd_wnd = conn.max_window = seg.window
    conn.snd_wl1, conn.snd_wl2 = seg.seq, seg.ack
    if acknowledged:
        _establish(conn, seg, now)
        conn.ack_needed = True
        conn.tcp.touch(conn)
        return
    conn.state = SYN_RECEIVED  # MUST-10
    conn.probes = 0
    conn.tcp.send_syn(conn, now)


def _take_syn_options(conn: Connection, seg: Segment, now: float) -> None:
    """What both ends offered is in use from now on."""
    options = decode_syn_options(seg.options)
    conn.sack = options.sack_permitted and conn.tcp.persona.sack
    if options.window_scale is None:
        conn.rcv_scale = 0
    else:
        conn.snd_scale = options.window_scale
    conn.ts_recent = seg.timestamps[0] if seg.timestamps and conn.tcp.persona.timestamps else None
    conn.ts_recent_at = now
    sizes, version, timestamps = conn.tcp.sizes, conn.path.version, conn.ts_recent is not None
    mss = sizes.send_mss(version, options.mss, timestamps=timestamps)
    conn.tcp.path_mtus.expire(now)
    conn.mss = sizes.within_path(version, mss, conn.tcp.path_mtus.mtus.get(conn.path.remote), timestamps=timestamps)


def _establish(conn: Connection, seg: Segment, now: float) -> None:
    """An active open is complete."""
    conn.snd_una = seg.ack
    conn.state = FIN_WAIT_1 if conn.eof_sent else ESTABLISHED
    conn.rtt = now - conn.opened_at if conn.probes == 0 else None
    conn.probes = 0
    conn.last_activity = now
    if conn.sending is not None:
        conn.sending.congestion.mss = conn.mss
        conn.sending.progress_at = now
    conn.tcp.notices.append(Writable(conn))
    conn.tcp.touch(conn)
