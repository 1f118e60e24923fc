"""Which SYNs of a flood may belong to a scan. Needs numpy.

Who floods one port from many addresses shows each address once, or always at the same target; who scans shows one
address at several. So of a flood only sources with a second target are told, with the first one, and none of the others
costs more than a place in a table that forgets whom it must.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

PLACES: Final = 1 << 17  # 2.5 MB; sources of a flood that are remembered, each until another one needs its place
TAG_BITS: Final = np.uint64(48)  # so many that one source is taken for another once in hours of the worst flood
MULTIPLIER: Final = 0x9E37_79B9_7F4A_7C15  # 2**64 divided by the golden ratio, and odd
Numbers: TypeAlias = NDArray[np.uint64]


class Suspect(NamedTuple):
    """SYNs of one source to one target: the row of the first, and how many there were.

    The same of the target before, where it was the same address of ours: its port, and how many are not told yet.
    """

    row: int
    times: int
    earlier_port: int = 0
    earlier_times: int = 0


class _Groups(NamedTuple):
    """The distinct pairs of source and target in a batch, and what is remembered at their places."""

    rows: NDArray[np.int64]  # the first of each
    times: NDArray[np.int64]
    tags: Numbers
    targets: NDArray[np.uint32]
    places: NDArray[np.int64]
    known: NDArray[np.bool_]  # the place is the source's
    same: NDArray[np.bool_]  # and it has the same target
    suspected: NDArray[np.bool_]


class Sieve:
    """Input and output: `suspects`. `seed` has 64 bits and is secret, so that nobody chooses whom he displaces."""

    __slots__ = ("_seed", "_tags", "_targets", "_times")

    def __init__(self, seed: int) -> None:
        self._seed = np.uint64(seed)
        self._tags = np.arange(PLACES, dtype=np.uint64) ^ np.uint64(1)  # of sources whose place is another one
        self._targets = np.zeros(PLACES, np.uint32)
        self._times = np.zeros(PLACES, np.int64)  # SYNs to the remembered target that are not told

    def suspects(
        self, sources: Numbers, local: Numbers, ports: NDArray[np.int64], limit: int
    ) -> tuple[list[Suspect], bool]:
        """The suspects among SYNs, at most so many, and whether there were more; addresses are numbers of 64 bits."""
        tags = self._hashed(sources) >> np.uint64(64) - TAG_BITS
        targets = ports.astype(np.uint32) << np.uint32(16) | (self._hashed(local) & np.uint64(0xFFFF)).astype(np.uint32)
        groups = self._grouped(tags, targets)
        found = np.flatnonzero(groups.suspected)
        told = [self._suspect(groups, each) for each in found[:limit].tolist()]
        self._remember(groups)
        return told, len(found) > limit

    def _grouped(self, tags: Numbers, targets: NDArray[np.uint32]) -> _Groups:
        # Two targets of one source look alike once in 65,536 times; then one of them is not suspected yet.
        pairs = tags << np.uint64(16) | (targets ^ targets >> np.uint32(16)) & np.uint32(0xFFFF)
        order = np.argsort(pairs, kind="stable")
        pairs = pairs[order]
        begins = np.flatnonzero(np.concatenate(([True], pairs[1:] != pairs[:-1])))
        rows = order[begins]
        tags, targets = tags[rows], targets[rows]
        places = (tags & np.uint64(PLACES - 1)).astype(np.int64)
        known = self._tags[places] == tags
        same = known & (self._targets[places] == targets)
        again = tags[1:] == tags[:-1]  # one source, several targets
        several = np.concatenate(([False], again)) | np.concatenate((again, [False]))
        times = np.diff(begins, append=len(order))
        return _Groups(rows, times, tags, targets, places, known, same, several | (known & ~same))

    def _suspect(self, groups: _Groups, each: int) -> Suspect:
        row, times, place = int(groups.rows[each]), int(groups.times[each]), groups.places[each]
        if not groups.known[each]:
            return Suspect(row, times)
        untold, self._times[place] = int(self._times[place]), 0
        if groups.same[each]:
            return Suspect(row, times + untold)
        before, now = int(self._targets[place]), int(groups.targets[each])
        if before & 0xFFFF != now & 0xFFFF:
            return Suspect(row, times)
        return Suspect(row, times, before >> 16, untold)

    def _remember(self, groups: _Groups) -> None:
        """Of several that need one place the last one has it."""
        places = groups.places
        times = np.where(groups.same, self._times[places] + groups.times, groups.times)
        self._times[places] = np.where(groups.suspected, 0, times)
        self._tags[places] = groups.tags
        self._targets[places] = groups.targets

    def _hashed(self, numbers: Numbers) -> Numbers:
        mixed = (numbers ^ self._seed) * np.uint64(MULTIPLIER)
        return (mixed ^ mixed >> np.uint64(32)) * np.uint64(MULTIPLIER)
