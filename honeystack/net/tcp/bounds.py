"""How many connections there may be, altogether and from one source, and who makes room."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from honeystack.net.address import Path
from honeystack.net.notices import CloseReason
from honeystack.net.tcp.state import CLOSED

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection
    from honeystack.net.tcp.endpoint import Tcp

BATCH: Final = 64  # candidates found by one look at all connections, so that shedding stays cheap on average


class Shedder:
    """Inputs: `admits`, `added`, `removed`, `tell`, `forget`. It aborts what has been idle longest."""

    __slots__ = ("_candidates", "_sources", "_tcp", "_told", "full")

    def __init__(self, tcp: Tcp) -> None:
        self._tcp = tcp
        self._sources: dict[bytes, int] = {}
        self.full: set[bytes] = set()  # sources that may have no more connections
        self._candidates: list[tuple[float, Connection]] = []  # the longest idle one last
        self._told: set[str] = set()

    def admits_syn(self, path: Path) -> bool:
        """Whether a source may have one more connection."""
        limit = self._tcp.limits.connections_per_source
        if self._sources.get(source_of(path), 0) < limit:
            return True
        self._tcp.reached("connections_per_source", limit, path)
        return False

    def admits(self, path: Path, now: float) -> bool:
        """Whether there is room for one more connection; makes room where the bound is everybody's."""
        if not self.admits_syn(path):
            return False
        limit = self._tcp.limits.connections
        while len(self._tcp.flows) >= limit:
            self._tcp.reached("connections", limit, path)
            if not self._shed_one():
                return False
        return True

    def added(self, path: Path) -> None:
        """A connection from there exists."""
        source = source_of(path)
        self._sources[source] = count = self._sources.get(source, 0) + 1
        if count >= self._tcp.limits.connections_per_source:
            self.full.add(source)

    def removed(self, path: Path) -> None:
        """A connection from there has ended."""
        source = source_of(path)
        left = self._sources[source] - 1
        if left < self._tcp.limits.connections_per_source:
            self.full.discard(source)
        if left:
            self._sources[source] = left
        else:
            del self._sources[source]
        if left < self._tcp.limits.connections_per_source * 3 // 4:
            self._told.discard("connections_per_source")
        if len(self._tcp.flows) < self._tcp.limits.connections * 3 // 4:
            self._told.discard("connections")

    def tell(self, bound: str) -> bool:
        """Whether this is the first time since `forget`."""
        if bound in self._told:
            return False
        self._told.add(bound)
        return True

    def forget(self, bound: str) -> None:
        """The bound may be told of again."""
        self._told.discard(bound)

    def _shed_one(self) -> bool:
        while True:
            if not self._candidates:
                flows = self._tcp.flows.values()
                oldest = heapq.nsmallest(BATCH, flows, key=lambda conn: conn.last_activity)
                self._candidates = [(conn.last_activity, conn) for conn in reversed(oldest)]
                if not self._candidates:
                    return False
            seen_at, conn = self._candidates.pop()
            if conn.state is not CLOSED and conn.last_activity == seen_at:
                self._tcp.abort(conn, CloseReason.SHED)
                return True


def source_of(path: Path) -> bytes:
    """What one attacker has of addresses: an IPv4 address, an IPv6 /64."""
    return path.remote if path.version == 4 else path.remote[:8]
