"""How often costly work may be done: so many times in a second, in all and for each source that asks for it."""

from __future__ import annotations

from collections import OrderedDict

import attrs

BURST = 2  # seconds' worth that a rest allows at once
MOST_SOURCES = 1024  # remembered; of more the one that asked longest ago begins anew
LEAST = 2  # times at once, even where that is all that there is: a page of two hosts, a client that tries again
SHARE = 4  # so many busy sources can use up all that may be done


@attrs.define
class _Bucket:
    """Holds what may be done at once, and fills with time."""

    per_second: float
    refilled: float
    left: float = attrs.Factory(lambda self: self._most, takes_self=True)

    @property
    def _most(self) -> float:
        return max(float(LEAST), BURST * self.per_second)

    def refill(self, now: float) -> None:
        self.left = min(self._most, self.left + max(0.0, now - self.refilled) * self.per_second)
        self.refilled = now


class WorkBudget:
    """Input: `spend`. One source gets the fourth part, so that it cannot take from all others what they need."""

    def __init__(self, per_second: int, *, now: float) -> None:
        self._per_second = per_second
        self._all = _Bucket(per_second, now)
        self._of_source: OrderedDict[str, _Bucket] = OrderedDict()

    def spend(self, now: float, source: str = "") -> bool:
        """Whether the work may be done at a time, in seconds; if so it counts, without a source in all alone."""
        buckets = [self._all, self._bucket_of(source, now)] if source else [self._all]
        for bucket in buckets:
            bucket.refill(now)
        if min(bucket.left for bucket in buckets) < 1:
            return False
        for bucket in buckets:
            bucket.left -= 1
        return True

    def _bucket_of(self, source: str, now: float) -> _Bucket:
        bucket = self._of_source.get(source)
        if bucket is None:
            if len(self._of_source) >= MOST_SOURCES:
                self._of_source.popitem(last=False)
            bucket = self._of_source[source] = _Bucket(self._per_second / SHARE, now)
        self._of_source.move_to_end(source)
        return bucket
