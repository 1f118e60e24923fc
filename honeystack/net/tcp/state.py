"""The states of a connection (RFC 9293 §3.3.2)."""

from __future__ import annotations

import enum
from typing import Final


class State(enum.IntEnum):
    """In the order of a connection's life, so that `state >= ESTABLISHED` means synchronized."""

    CLOSED = 0
    LISTEN = 1
    SYN_SENT = 2
    SYN_RECEIVED = 3
    ESTABLISHED = 4
    FIN_WAIT_1 = 5
    FIN_WAIT_2 = 6
    CLOSE_WAIT = 7
    CLOSING = 8
    LAST_ACK = 9
    TIME_WAIT = 10


# The peer may still send data that we take.
RECEIVING: Final = frozenset({State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2})
# We may still queue data.
SENDING: Final = frozenset({State.SYN_SENT, State.SYN_RECEIVED, State.ESTABLISHED, State.CLOSE_WAIT})
