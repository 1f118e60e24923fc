"""Who takes how much of something that is bounded: of too much, whoever takes most gives what is oldest of it.

So a crowd of one network finds the room that it takes itself, and takes none from those who take less.
"""

from __future__ import annotations

import heapq
import ipaddress
from collections.abc import Hashable
from typing import Generic, TypeVar

_SPARE = 64  # entries out of date that the heap may have whatever its size

_Item = TypeVar("_Item", bound=Hashable)


class Shares(Generic[_Item]):
    """Inputs: `add`, `remove`. Getters: `total`, `weight_of`, `owner_of`, `heaviest`, `oldest_of`.

    Weights are whole numbers above 0. Each call is O(log n) in the long run.
    """

    def __init__(self) -> None:
        self.total = 0
        self._owners: dict[_Item, str] = {}
        self._items: dict[str, dict[_Item, int]] = {}  # of each owner, the oldest first
        self._weights: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []  # the heaviest first; those that are out of date are passed over

    def __len__(self) -> int:
        return len(self._owners)

    def __contains__(self, item: _Item) -> bool:
        return item in self._owners

    def add(self, owner: str, item: _Item, weight: int) -> None:
        """It has come last; if it was there before, it is another now."""
        self.remove(item)
        self._owners[item] = owner
        self._items.setdefault(owner, {})[item] = weight
        self._change(owner, weight)

    def remove(self, item: _Item) -> None:
        """Nothing where it is not there."""
        owner = self._owners.pop(item, None)
        if owner is None:
            return
        weight = self._items[owner].pop(item)
        if not self._items[owner]:
            del self._items[owner]
        self._change(owner, -weight)

    def weight_of(self, owner: str) -> int:
        """What it takes in all."""
        return self._weights.get(owner, 0)

    def owner_of(self, item: _Item) -> str | None:
        """Whose it is; None where it is not there."""
        return self._owners.get(item)

    def heaviest(self) -> str | None:
        """The owner that takes most; None where there is nothing."""
        while self._heap and self.weight_of(self._heap[0][1]) != -self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][1] if self._heap else None

    def oldest_of(self, owner: str) -> _Item:
        """What it has had for longest. Raises KeyError where it has nothing."""
        return next(iter(self._items[owner]))

    def _change(self, owner: str, by: int) -> None:
        self.total += by
        weight = self._weights[owner] = self.weight_of(owner) + by
        if not weight:
            del self._weights[owner]
            return
        heapq.heappush(self._heap, (-weight, owner))
        if len(self._heap) > 2 * len(self._weights) + _SPARE:
            self._heap = [(-weight, owner) for owner, weight in self._weights.items()]
            heapq.heapify(self._heap)


def network_of(address: str) -> str:
    """What counts as one among many: a /24 of IPv4, a /48 of IPv6, which is what a site has (RFC 6177 §2)."""
    bare = address.partition("%")[0]
    return str(ipaddress.ip_network((bare, 24 if "." in bare else 48), strict=False))
