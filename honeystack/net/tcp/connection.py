"""One connection: the transmission control block of RFC 9293 §3.3.1, and the calls its user makes on it.

Very many of these sit idle, so the fields are flat (`snd_una` is SND.UNA), and buffers, the scoreboard and congestion
state exist only once data has moved. What happens on arrival is in `arrives`, what leaves is made in `transmit`.
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from honeystack.errors import StateError
from honeystack.net.address import Path
from honeystack.net.notices import CloseReason, SynFacts
from honeystack.net.tcp.assembler import Assembler
from honeystack.net.tcp.ecn import ECN_OFF, Ecn
from honeystack.net.tcp.sending import Sending
from honeystack.net.tcp.seq import add
from honeystack.net.tcp.state import CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_1, LAST_ACK, SENDING, SYN_SENT, State
from honeystack.net.wire.segment import Block

if TYPE_CHECKING:
    from honeystack.net.tcp.endpoint import Tcp


class Timer(enum.IntEnum):
    """What a connection's one timer is waiting for."""

    NONE = 0
    RETRANSMIT = 1  # RFC 6298
    REORDER = 2  # RACK's wait for reordered segments
    LOSS_PROBE = 3  # TLP
    PERSIST = 4  # zero-window probes
    FIN_WAIT_2 = 5
    KEEP_ALIVE = 6


NO_TIMER: Final = Timer.NONE


class Connection:
    """Inputs: `send`, `receive`, `close`, `release`, `abort`. Outputs go to `Tcp`: segments and notices."""

    __slots__ = (
        "ack_needed",
        "assembler",
        "bytes_in",
        "bytes_out",
        "challenged_at",
        "dsack",
        "ecn",
        "eof_received",
        "eof_sent",
        "inbox",
        "keep_alive",
        "key",
        "last_ack_sent",
        "last_activity",
        "local_port",
        "max_window",
        "mss",
        "nodelay",
        "opened_at",
        "packets_in",
        "packets_out",
        "path",
        "probes",
        "pseudo_sum",
        "rcv_edge",
        "rcv_nxt",
        "rcv_scale",
        "released",
        "remote_port",
        "retries",
        "rtt",
        "sack",
        "sending",
        "snd_nxt",
        "snd_scale",
        "snd_una",
        "snd_wl1",
        "snd_wl2",
        "snd_wnd",
        "state",
        "syn",
        "tcp",
        "timer",
        "told_readable",
        "touched",
        "ts_offset",
        "ts_recent",
        "ts_recent_at",
        "user",
        "wants_room",
    )

    def __init__(self, tcp: Tcp, key: bytes, path: Path, ports: tuple[int, int], state: State, now: float) -> None:
        self.tcp = tcp
        self.key = key
        self.path = path
        self.local_port, self.remote_port = ports
        self.state = state
        self.syn: SynFacts | None = None
        self.rtt: float | None = None
        self.user: Any = None
        self.pseudo_sum = 0
        self.snd_una = self.snd_nxt = 0
        self.snd_wnd = self.snd_wl1 = self.snd_wl2 = self.max_window = 0
        self.snd_scale = self.rcv_scale = 0
        self.mss = 536  # data bytes of a full segment that we send, options taken off
        self.rcv_nxt = self.rcv_edge = 0  # RCV.NXT, and RCV.NXT + RCV.WND, which never moves left
        self.last_ack_sent = 0  # RFC 7323 §4.3
        self.ts_recent: int | None = None  # None: timestamps are not in use
        self.ts_recent_at = now
        self.ts_offset = 0
        self.sack = False
        self.inbox: bytearray | None = None
        self.assembler: Assembler | None = None
        self.sending: Sending | None = None
        self.dsack: Block | None = None
        self.ecn: Ecn = ECN_OFF
        self.timer: Timer = NO_TIMER
        self.probes = 0  # unanswered probes in a row: zero-window, keep-alive, SYN
        self.retries = tcp.limits.retries  # R2: how often one segment is repeated; MUST-21
        self.keep_alive = tcp.keep_alive  # seconds of silence before keep-alive probes; None: no probes
        self.challenged_at = -1.0
        self.eof_received = False
        self.eof_sent = False  # close was called: a FIN follows the queued data, or has been sent
        self.released = False  # nobody will read any more
        self.nodelay = True  # a server that answers at once gains nothing from Nagle's algorithm; MUST-17
        self.ack_needed = self.touched = self.told_readable = self.wants_room = False
        self.bytes_in = self.bytes_out = self.packets_in = self.packets_out = 0
        self.opened_at = self.last_activity = now

    def __repr__(self) -> str:
        return f"<Connection {self.local_port}←{self.remote_port} {self.state.name}>"

    @property
    def readable(self) -> int:
        """Bytes that `receive` would give now."""
        return len(self.inbox) if self.inbox else 0

    @property
    def writable(self) -> int:
        """Bytes that `send` would take now."""
        if self.state not in SENDING or self.eof_sent:
            return 0
        queued = len(self.sending.data) if self.sending else 0
        return max(min(self.tcp.limits.send_buffer - queued, self.tcp.memory.free), 0)

    def send(self, data: bytes | memoryview, now: float) -> int:
        """Queue data, and say how many bytes of it were taken; a `Writable` notice follows when not all were.

        0 on a connection that has ended. Raises StateError after `close`.
        """
        if self.state is CLOSED:
            return 0
        if self.eof_sent:
            raise StateError("nothing can be sent after close")
        taken = min(len(data), self.writable)
        if taken < len(data):
            self.wants_room = True
            if self.tcp.memory.free <= taken:
                self.tcp.short_of_memory(self, now)
                self.tcp.memory.waiting.append(self)
        if taken:
            self.start_sending(now).data += data[:taken] if taken < len(data) else data
            self.tcp.memory.take(taken)
            self.tcp.touch(self)
        return taken

    def receive(self, max_bytes: int, now: float) -> bytes:
        """Up to `max_bytes` of what was received, b"" when nothing is there; may open the window."""
        inbox = self.inbox
        if not inbox:
            return b""
        if len(inbox) <= max_bytes:
            data = bytes(inbox)
            self.inbox = None
        else:
            data = bytes(memoryview(inbox)[:max_bytes])
            del inbox[:max_bytes]
        if self.state is not CLOSED:
            self.tcp.memory.give(len(data))
            self.tcp.read(self)
        return data

    def close(self, now: float) -> None:
        """No more to send: a FIN follows what is queued. What the peer sends can still be received."""
        if self.eof_sent or self.state is CLOSED:
            return
        if self.state is SYN_SENT:
            self.tcp.finish(self, CloseReason.FIN)
            return
        self.eof_sent = True
        self.start_sending(now)
        if self.state is ESTABLISHED:
            self.state = FIN_WAIT_1
        elif self.state is CLOSE_WAIT:
            self.state = LAST_ACK
        self.tcp.touch(self)

    def release(self, now: float) -> None:
        """Close as close(2) does: nobody will read any more, so unread or further data is answered with a reset."""
        self.released = True
        if self.readable:
            self.abort(now)
            return
        self.close(now)
        if self.state is not CLOSED:
            self.tcp.touch(self)

    def set_keep_alive(self, seconds: float | None) -> None:
        """Probe the peer after so many seconds of silence; None: never."""
        self.keep_alive = seconds  # MUST-24, MUST-27
        self.tcp.touch(self)

    def settle(self) -> None:
        """Let equal numbers be one object: a connection that is idle for long takes 200 bytes less."""
        self.local_port, self.mss = _shared(self.local_port), _shared(self.mss)
        self.snd_wnd, self.max_window = _shared(self.snd_wnd), _shared(self.max_window)
        self.pseudo_sum, self.ts_offset = _shared(self.pseudo_sum), _shared(self.ts_offset)
        self.snd_wl1, self.last_ack_sent = _same(self.snd_wl1, self.rcv_nxt), _same(self.last_ack_sent, self.rcv_nxt)
        self.snd_wl2, self.snd_nxt = _same(self.snd_wl2, self.snd_una), _same(self.snd_nxt, self.snd_una)

    def abort(self, now: float) -> None:
        """End the connection with a reset."""
        self.tcp.abort(self, CloseReason.RST)

    def start_sending(self, now: float) -> Sending:
        """The send side, made when it is first needed."""
        if self.sending is None:
            first = self.snd_nxt if self.state >= ESTABLISHED else add(self.snd_una, 1)
            self.sending = Sending(first, self.mss, self.rtt, now)
        elif self.snd_wnd == 0 and not self.sending.flight and not self.sending.data:
            self.sending.progress_at = now  # the wait for the window begins
        return self.sending

    @property
    def held(self) -> int:
        """Bytes of received data in memory."""
        return self.readable + (self.assembler.size if self.assembler else 0)


_shared: Final = lru_cache(1024)(int)  # few values stand in very many connections


def _same(number: int, other: int) -> int:
    return other if number == other else number
