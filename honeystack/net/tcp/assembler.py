"""Out-of-order data: trimmed, merged, bounded, and reported as SACK blocks (RFC 9293 §3.10.7.4, RFC 2018, RFC 2883).

Invariant: the blocks are sorted, do not overlap, do not touch, and lie after the sequence number that is read next.
"""

from __future__ import annotations

import heapq
from typing import Final, TypeAlias

from honeystack.net.tcp.seq import add, after, before, diff
from honeystack.net.wire.segment import Block

RUN_COST: Final = 200  # bytes that a run takes beside its data
MAX_BLOCKS: Final = 256  # one-byte segments with gaps cost far more than they carry; a bound keeps them from adding up
MAX_ENDS: Final = 4
Octets: TypeAlias = "bytes | bytearray | memoryview"


class Run:
    """One run of consecutive octets; `touched` orders runs by when they last grew."""

    __slots__ = ("data", "seq", "touched")

    def __init__(self, seq: int, data: bytearray, touched: int) -> None:
        self.seq = seq
        self.data = data
        self.touched = touched

    @property
    def end(self) -> int:
        return add(self.seq, len(self.data))


class Assembler:
    """Holds what arrived beyond a gap. Inputs: `insert`, `take`. Outputs: `blocks`, `size`, `cost`."""

    __slots__ = ("_count", "differs", "ends", "runs", "size")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.size = 0
        self.ends: list[int] = []  # where a FIN of the peer lies that came early; an honest one has one end
        self.differs = False  # data has come twice, and not the same, or FIN at two places
        self._count = 0

    @property
    def cost(self) -> int:
        """Bytes of memory; a run of one octet costs far more than it carries."""
        return self.size + RUN_COST * len(self.runs)

    def insert(self, seq: int, data: Octets) -> Block | None:
        """Keep the data; the part that was here already is returned as a duplicate block."""
        end = add(seq, len(data))
        first = self._first_ending_at_or_after(seq)
        last = first
        while last < len(self.runs) and not after(self.runs[last].seq, end):
            last += 1
        joined = self.runs[first:last]
        if not joined:
            self._insert_apart(first, seq, data)
            return None
        duplicate = _overlap(seq, end, joined)
        self.differs = self.differs or _differs(seq, data, joined)
        before_size = sum(len(run.data) for run in joined)
        merged = _merge(seq, data, joined)
        self.size += len(merged.data) - before_size
        merged.touched = self._tick()
        self.runs[first:last] = [merged]
        return duplicate if duplicate[0] != duplicate[1] else None

    def insert_end(self, seq: int) -> None:
        """Keep the place of a FIN; where there are several, data decides which one is reached, as in Linux."""
        if seq not in self.ends and len(self.ends) < MAX_ENDS:
            self.differs = self.differs or bool(self.ends)
            self.ends.append(seq)

    def reaches_end(self, nxt: int) -> bool:
        """Whether a FIN lies at `nxt`. Those before it are void: data has come in their place."""
        passed = [seq for seq in self.ends if before(seq, nxt)]
        if passed:
            self.differs = True
            self.ends = [seq for seq in self.ends if seq not in passed]
        return nxt in self.ends

    def take(self, nxt: int) -> bytearray | None:
        """Remove and return the run that begins at `nxt`; None while there is a gap."""
        if not self.runs or self.runs[0].seq != nxt:
            return None
        run = self.runs.pop(0)
        self.size -= len(run.data)
        return run.data

    def blocks(self, count: int) -> list[Block]:
        """The SACK blocks, the one that grew last first (RFC 2018 §4)."""
        newest = heapq.nlargest(count, self.runs, key=lambda run: run.touched)
        return [(run.seq, run.end) for run in newest]

    def _insert_apart(self, at: int, seq: int, data: Octets) -> None:
        if len(self.runs) >= MAX_BLOCKS:
            if at == len(self.runs):
                return
            self.size -= len(self.runs.pop().data)  # the farthest is the last to be useful; RFC 2018 §8 allows it
        self.runs.insert(at, Run(seq, bytearray(data), self._tick()))
        self.size += len(data)

    def _first_ending_at_or_after(self, seq: int) -> int:
        low, high = 0, len(self.runs)
        while low < high:
            middle = (low + high) // 2
            if before(self.runs[middle].end, seq):
                low = middle + 1
            else:
                high = middle
        return low

    def _tick(self) -> int:
        self._count += 1
        return self._count


def _overlap(seq: int, end: int, runs: list[Run]) -> Block:
    """The first part of seq..end that the runs hold; empty (equal ends) when they only touch."""
    for run in runs:
        start = seq if before(run.seq, seq) else run.seq
        stop = end if after(run.end, end) else run.end
        if before(start, stop):
            return start, stop
    return seq, seq


def _differs(seq: int, data: Octets, runs: list[Run]) -> bool:
    """Whether some octet is held already with another value."""
    for run in runs:
        ahead = diff(run.seq, seq)
        held, come = run.data[max(-ahead, 0) :], memoryview(data)[max(ahead, 0) :]
        shared = min(len(held), len(come))
        if held[:shared] != come[:shared]:
            return True
    return False


def _merge(seq: int, data: Octets, runs: list[Run]) -> Run:
    """One run of all. Where octets differ, what begins first wins as in Linux: we read what such a host reads."""
    first, last = runs[0], runs[-1]
    if before(first.seq, seq) or (first.seq == seq and len(first.data) >= len(data)):
        run = first
        run.data += data[diff(first.end, seq) :]
    else:
        run = Run(seq, bytearray(data), 0)
    if after(last.end, run.end):
        run.data += last.data[diff(run.end, last.seq) :]
    return run
