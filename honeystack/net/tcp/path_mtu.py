"""What routers have said of the paths to our peers: a smaller MTU is kept for ten minutes (RFC 8201 §5.3), and bounded.

As Linux does, reports are believed about a segment in flight, a datagram of an open port, and an echo reply. Where a
router says less than what Linux keeps to at least, it is to cut our packets itself.
"""

from __future__ import annotations

from typing import Final

LIFETIME: Final = 600.0  # seconds, as Linux's mtu_expires


class PathMtus:
    """Inputs: `put`, `expire`. Output: `mtus`, in bytes by packed address; the oldest report stands first.

    `fragmentable` has those of them to whom packets go that routers may cut.
    At most `limit` addresses are remembered; the one told of longest ago gives way.
    """

    __slots__ = ("_limit", "_until", "fragmentable", "mtus")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.mtus: dict[bytes, int] = {}
        self.fragmentable: set[bytes] = set()
        self._until: dict[bytes, float] = {}

    @property
    def roomy(self) -> bool:
        """Whether the bound is well out of reach."""
        return len(self.mtus) < self._limit * 3 // 4

    def put(self, remote: bytes, mtu: int, now: float, *, fragmentable: bool = False) -> bool:
        """The path takes no more than so much; a larger report does not widen it. False where one gave way for it."""
        self.expire(now)
        mtu = min(mtu, self.mtus.get(remote, mtu))
        fragmentable = fragmentable or remote in self.fragmentable
        self._drop(remote)
        full = len(self.mtus) >= self._limit
        if full:
            self._drop(next(iter(self.mtus)))
        self.mtus[remote] = mtu
        self._until[remote] = now + LIFETIME
        if fragmentable:
            self.fragmentable.add(remote)
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
        self.fragmentable.discard(remote)
