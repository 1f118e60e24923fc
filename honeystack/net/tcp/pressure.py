"""Who gives way when all buffers together are full: those whose data moves least.

Peers that ask for much and read nothing, or keep a byte missing, hold what others need, for as long as they answer
probes. So while there is a shortage all who hold data are watched, and whoever's would take too long at the pace of the
last seconds is shed, the slowest first, until a quarter is free. How long is too long halves with every look, so that
no pace is slow enough to be let go on and keep all others waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from honeystack.net.notices import CloseReason
from honeystack.net.tcp.seq import diff
from honeystack.net.tcp.state import CLOSED

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection
    from honeystack.net.tcp.endpoint import Tcp

CHECK: Final = b"pressure"  # among the timers: no flow's key, which has twelve bytes and more
LOOK: Final = 2.0  # seconds between looks; a peer that has lost a segment or two moves within them
PATIENCE: Final = 30.0  # seconds that what is held may take at most to move, at the first look


class Pressure:
    """Inputs: `begin` where there is a shortage, `check` when its time has come. It aborts connections."""

    __slots__ = ("_patience", "_seen", "_since", "_tcp", "watching")

    def __init__(self, tcp: Tcp) -> None:
        self._tcp = tcp
        self.watching = False
        self._patience = PATIENCE
        self._since = 0.0
        self._seen: dict[Connection, tuple[int, int]] = {}  # what was acknowledged and read by then

    def begin(self, now: float) -> None:
        """There is a shortage; nothing happens if it is known."""
        if not self.watching:
            self.watching = True
            self._patience = PATIENCE
            self._look(now)

    def check(self, now: float) -> None:
        """Shed who is too slow, unless the shortage is over."""
        if self._is_over():
            self.watching = False
            self._seen = {}
            return
        for conn in self._slow(now - self._since):
            if self._is_over():
                break
            self._tcp.abort(conn, CloseReason.SHED)
        self._patience /= 2
        self._look(now)

    def _is_over(self) -> bool:
        memory = self._tcp.memory
        return memory.plenty or not memory.short

    def _look(self, now: float) -> None:
        self._since = now
        self._seen = {conn: _moved(conn) for conn in self._tcp.flows.values() if held_by(conn)}
        self._tcp.timers.schedule(CHECK, now + LOOK)

    def _slow(self, elapsed: float) -> list[Connection]:
        """Who would need longer than the patience allows, the slowest first; among them who holds most."""
        found: list[tuple[float, int, Connection]] = []
        for conn, (acknowledged, read) in self._seen.items():
            if conn.state is CLOSED:
                continue
            held, (acknowledged_now, read_now) = held_by(conn), _moved(conn)
            moved = diff(acknowledged_now, acknowledged) + read_now - read
            if held * elapsed > moved * self._patience:
                found.append((moved / held, -held, conn))
        found.sort(key=_pace)
        return [conn for _, _, conn in found]


def held_by(conn: Connection) -> int:
    """Bytes that a connection holds of the memory of all."""
    held = conn.readable
    if conn.sending is not None:
        held += len(conn.sending.data)
    if conn.assembler is not None:
        held += conn.assembler.cost
    return held


def _moved(conn: Connection) -> tuple[int, int]:
    return conn.snd_una, conn.bytes_in - conn.readable


def _pace(found: tuple[float, int, Connection]) -> tuple[float, int]:
    return found[0], found[1]
