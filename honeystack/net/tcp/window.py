"""The window we offer (RFC 9293 §3.8.6.2, RFC 7323 §2): its right edge never moves left, and not by crumbs.

As Linux does, a connection begins with at most 64 kB; whoever sends more than half of that gets the whole buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from honeystack.net.tcp.seq import add, diff

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection

MAX_FIELD: Final = 0xFFFF


def initial_window(advertised_mss: int, *, timestamps: bool) -> int:
    """What Linux puts in a SYN-ACK: as many whole segments as 64 kB hold; 64240, or 65160 with timestamps."""
    mss = advertised_mss - 12 if timestamps else advertised_mss
    return min((MAX_FIELD + 1) // mss * mss, MAX_FIELD)


def window_field(conn: Connection) -> int:
    """The window for the next segment; moves the right edge where that is worth it."""
    edge = conn.rcv_edge
    window = diff(edge, conn.rcv_nxt)
    wanted = _room(conn)
    if wanted - window >= conn.tcp.sizes.worthwhile[conn.path.version]:  # MUST-39
        window = wanted
    field = window >> conn.rcv_scale
    if diff(add(conn.rcv_nxt, field << conn.rcv_scale), edge) < 0:
        field += 1  # scaling rounds down, which would move the edge left
    field = min(field, MAX_FIELD)
    offered = add(conn.rcv_nxt, field << conn.rcv_scale)
    if diff(offered, edge) > 0:
        conn.rcv_edge = offered
    return field


def update_is_due(conn: Connection) -> bool:
    """Whether the user has read enough for the peer to be told: the window doubles, by a segment at least."""
    window = diff(conn.rcv_edge, conn.rcv_nxt)
    gain = _room(conn) - window
    return gain >= conn.tcp.sizes.worthwhile[conn.path.version] and gain >= window


def _room(conn: Connection) -> int:
    tcp = conn.tcp
    limit = tcp.limits.receive_buffer
    if conn.bytes_in <= MAX_FIELD // 2 and limit > MAX_FIELD:
        limit = MAX_FIELD
    return max(min(limit - conn.held, tcp.memory.free, MAX_FIELD << conn.rcv_scale), 0)
