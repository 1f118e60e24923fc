"""Challenge acknowledgements (RFC 5961), limited per connection.

A limit shared by connections can be counted by a stranger and so tells whether a guess about another connection was
right (CVE-2016-5696); a connection's own limit tells nothing about any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from honeystack.net.tcp.transmit import send_ack

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection

INTERVAL: Final = 0.5  # seconds; Linux's tcp_invalid_ratelimit, which also ends storms of two confused ends


def challenge(conn: Connection, now: float) -> None:
    """Acknowledge what we have, unless that was just done."""
    if in_interval(conn.challenged_at, now):
        return
    conn.challenged_at = now
    conn.tcp.counters["challenges"] += 1
    send_ack(conn, now)


def in_interval(answered_at: float, now: float) -> bool:
    """Whether the last answer, negative when there was none, is too recent for another."""
    return 0 <= now - answered_at < INTERVAL
