"""What routers have said of the paths to our peers: a smaller MTU is kept for ten minutes (RFC 8201 §5.3), and bounded.

Only what a report about a segment in flight has told gets here, so that nobody writes into it who does not see a
connection.
"""

from __future__ import annotations

from typing import Final

LIFETIME: Final = 600.0  # seconds, as Linux's mtu_expires
MAX_PATHS: Final = 1024  # addresses; the one told longest ago gives way


class PathMtus:
    """Inputs: `put`, `expire`. Output: `mtus`, in bytes by packed address; the oldest report stands first."""

    __slots__ = ("_until", "mtus")

    def __init__(self) -> None:
        self.mtus: dict[bytes, int] = {}
        self._until: dict[bytes, float] = {}

    def put(self, remote: bytes, mtu: int, now: float) -> None:
        """The path takes no more than so much; a larger report does not widen it."""
        self.expire(now)
        mtu = min(mtu, self.mtus.get(remote, mtu))
        self._drop(remote)
        if len(self.mtus) >= MAX_PATHS:
            self._drop(next(iter(self.mtus)))
        self.mtus[remote] = mtu
        self._until[remote] = now + LIFETIME

    def expire(self, now: float) -> None:
        """Forget what was told too long ago."""
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] > now:
                return
            self._drop(oldest)

    def _drop(self, remote: bytes) -> None:
        self.mtus.pop(remote, None)
        self._until.pop(remote, None)
