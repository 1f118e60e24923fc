"""What routers have said of the paths to our peers: a smaller MTU is kept for ten minutes (RFC 8201 §5.3), and bounded.

Only what a report about a segment in flight has told gets here, so that nobody writes into it who does not see a
connection.
"""

from __future__ import annotations

from typing import Final

LIFETIME: Final = 600.0  # seconds, as Linux's mtu_expires


class PathMtus:
    """Inputs: `put`, `expire`. Output: `mtus`, in bytes by packed address; the oldest report stands first.

    At most `limit` addresses are remembered; the one told of longest ago gives way.
    """

    __slots__ = ("_limit", "_until", "mtus")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.mtus: dict[bytes, int] = {}
        self._until: dict[bytes, float] = {}

    @property
    def roomy(self) -> bool:
        """Whether the bound is well out of reach."""
        return len(self.mtus) < self._limit * 3 // 4

    def put(self, remote: bytes, mtu: int, now: float) -> bool:
        """The path takes no more than so much; a larger report does not widen it. False where one gave way for it."""
        self.expire(now)
        mtu = min(mtu, self.mtus.get(remote, mtu))
        self._drop(remote)
        full = len(self.mtus) >= self._limit
        if full:
            self._drop(next(iter(self.mtus)))
        self.mtus[remote] = mtu
        self._until[remote] = now + LIFETIME
        return not full

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
