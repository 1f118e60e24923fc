"""What is in flight, segment by segment, and which of it is lost: SACK scoreboard (RFC 6675) and RACK (RFC 8985 §6).

A segment is lost when one sent sufficiently later has been delivered. Peers without SACK deliver only in order; for
them duplicate acknowledgements stand in (RFC 6582): each says that one segment has left the network.

What left as a run is one record until something other than its acknowledgement in order happens to it; only then
`refine` makes a record of each segment. An undisturbed transfer so costs by runs, not by segments.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from honeystack.net.tcp.seq import add, after, before, diff, latest
from honeystack.net.wire.segment import Block

DUPLICATE_THRESHOLD: Final = 3  # RFC 5681 §3.2
MAX_REORDERING: Final = 8  # times a quarter of the round trip: RFC 8985 §6.2 lets D-SACK widen the window step by step

FLYING: Final = 0
SACKED: Final = 1
LOST: Final = 2


class Sent:
    """One segment that was sent and is not yet acknowledged cumulatively."""

    __slots__ = ("end", "fate", "pushed", "sent_at", "seq", "times")

    def __init__(self, seq: int, end: int, now: float) -> None:
        self.seq = seq
        self.end = end
        self.sent_at = now
        self.fate = FLYING
        self.times = 1
        self.pushed = False  # its end was marked with PSH

    def __len__(self) -> int:
        return diff(self.end, self.seq)


class Flight:
    """Inputs: `sent`, `resent`, `acknowledge`, `select`, `lose_*`. Outputs: `pipe`, `next_lost`, `rtt`."""

    __slots__ = (
        "_highest",
        "_most_duplicates",
        "_newest_at",
        "_newest_end",
        "_rack_rtt",
        "duplicates",
        "flying",
        "lost",
        "piece",
        "records",
        "reordered",
        "reordering",
        "rtt",
        "sacked",
    )

    def __init__(self, snd_una: int) -> None:
        self.records: list[Sent] = []  # a deque takes 700 bytes also when nothing is in flight
        self.piece = 0  # data bytes of a segment in the runs among the records; 0: there are none
        self.flying = 0  # bytes
        self.lost = 0  # segments found lost and not sent again yet
        self.sacked = 0  # segments
        self.duplicates = 0  # duplicate acknowledgements in a row, of peers without SACK
        self._most_duplicates = 0
        self.reordered = False  # the path has been seen to deliver out of order
        self.reordering = 1  # quarter round trips to wait for reordered segments
        self.rtt: float | None = None  # measured by the last acknowledgement
        self._newest_at = 0.0  # RACK.xmit_ts, RACK.end_seq, RACK.rtt, RACK.fack
        self._newest_end = snd_una
        self._rack_rtt = 0.0
        self._highest = snd_una

    def __bool__(self) -> bool:
        return bool(self.records)

    def pipe(self, mss: int) -> int:
        """The bytes that are thought to be in the network (RFC 6675 §4)."""
        return max(self.flying - self.duplicates * mss, 0)

    @property
    def segments(self) -> int:
        """At most so many records there are once refined."""
        return len(self.records) + (self.flying // self.piece if self.piece else 0)

    def sent(self, seq: int, end: int, now: float, *, piece: int = 0, pushed: bool = False) -> None:
        """A new segment has left, or a run of segments of `piece` bytes; `pushed` with PSH at its end."""
        if piece and piece != self.piece:
            self.refine()
            self.piece = piece
        record = Sent(seq, end, now)
        record.pushed = pushed
        self.records.append(record)
        self.flying += diff(end, seq)

    def resent(self, record: Sent, now: float) -> None:
        """A segment has left again."""
        if record.fate == LOST:
            self.lost -= 1
            self.flying += len(record)
        record.fate = FLYING
        record.sent_at = now
        record.times += 1

    def next_lost(self) -> Sent | None:
        """The first segment that is to be sent again."""
        if not self.lost:
            return None
        return next(record for record in self.records if record.fate == LOST)

    def acknowledge(self, snd_una: int, now: float, min_rtt: float) -> None:
        """Everything before `snd_una` has arrived."""
        self.rtt = None
        self.duplicates = 0
        records, resent = self.records, False
        gone = 0
        for record in records:
            if after(record.end, snd_una):
                break
            gone += 1
            self._forget(record)
            resent = resent or record.times > 1
            if record.fate != SACKED:
                self.rtt = now - record.sent_at
                self._delivered(record, now, min_rtt)
        if gone:
            del records[:gone]
        if resent:  # MUST-18
            self.rtt = None  # what was sent once may have waited at the peer for what was sent again
        if records and before(records[0].seq, snd_una):
            head = records[0]
            if head.fate == FLYING:
                self.flying -= diff(snd_una, head.seq)
            head.seq = snd_una

    def select(self, blocks: Iterable[Block], snd_una: int, now: float, min_rtt: float) -> bool:
        """Take SACK blocks; whether anything was news. Blocks outside of the flight are ignored."""
        news = False
        if blocks:
            self.refine()
        for start, end in blocks:
            if not self.records or before(start, snd_una) or after(end, self.records[-1].end) or not before(start, end):
                continue
            for record in self.records:
                if not before(record.seq, end):
                    break
                if record.fate != SACKED and not before(record.seq, start) and not after(record.end, end):
                    self._select_one(record, now, min_rtt)
                    news = True
        return news

    def lose_by_time(self, now: float, min_rtt: float, *, recovering: bool) -> tuple[bool, float]:
        """Find losses (RFC 8985 §6.2, step 5): whether there are new ones, and in how many seconds to look again."""
        patience = self._rack_rtt + self._reordering_window(min_rtt, recovering=recovering)
        found, again = False, 0.0
        for record in self.records:
            if record.fate != FLYING or not self._sent_before_newest(record):
                continue
            remaining = record.sent_at + patience - now
            if remaining <= 0 and self.piece:
                self.refine()
                return self.lose_by_time(now, min_rtt, recovering=recovering)
            if remaining <= 0:
                self._lose(record)
                found = True
            else:
                again = max(again, remaining)
        return found, again

    def duplicate(self) -> None:
        """A duplicate acknowledgement has come, of a peer without SACK.

        No more of them count than there were segments in flight at the first one (RFC 5681 §3.2): a peer that makes
        them up would otherwise have us send without end.
        """
        self.refine()
        if not self.duplicates:
            self._most_duplicates = len(self.records)
        self.duplicates = min(self.duplicates + 1, self._most_duplicates)

    def lose_first(self) -> bool:
        """The first segment is lost: three duplicates, or a partial acknowledgement (RFC 6582 §3.2)."""
        self.refine()
        if not self.records or self.records[0].fate != FLYING or self.records[0].times > 1:
            return False  # what was sent again and lost again is the time-out's
        self._lose(self.records[0])
        return True

    def lose_all(self) -> None:
        """The time-out expired: whatever is not selectively acknowledged is to be sent again (RFC 6298 §5.4)."""
        self.refine()
        reneged = bool(self.records) and self.records[0].fate == SACKED  # RFC 2018 §8: then no SACK is to be believed
        for record in self.records:
            if record.fate == SACKED and reneged:
                self.sacked -= 1
                self.flying += len(record)
                record.fate = FLYING
            if record.fate == FLYING:
                self._lose(record)
        self.duplicates = 0

    def gather(self, record: Sent, room: int) -> None:
        """Let a segment that goes out again take those along that follow it, within `room` bytes, as Linux does."""
        if len(record) >= room:
            return
        following = self.records.index(record) + 1
        while following < len(self.records):
            taken = self.records[following]
            if taken.fate == SACKED or len(record) + len(taken) > room:
                return
            self._forget(taken)
            if record.fate == FLYING:
                self.flying += len(taken)
            record.end, record.times = taken.end, max(record.times, taken.times)
            record.pushed = taken.pushed
            del self.records[following]

    def cut(self, record: Sent, size: int) -> None:
        """Make two of one segment: `size` bytes, and what is beyond them."""
        rest = Sent(add(record.seq, size), record.end, record.sent_at)
        rest.fate, rest.times, rest.pushed = record.fate, record.times, record.pushed
        record.end, record.pushed = rest.seq, False
        self.lost += rest.fate == LOST
        self.records.insert(self.records.index(record) + 1, rest)

    def recut(self, size: int) -> None:
        """All but what is selectively acknowledged is to be sent again, cut anew into segments of `size` bytes.

        What left in different runs does not come together, as in Linux.
        """
        ends = {record.end for record in self.records} if self.piece else set()
        self.lose_all()
        whole: list[Sent] = []
        for record in self.records:
            if whole and whole[-1].fate == record.fate == LOST and whole[-1].end not in ends:
                whole[-1].end, whole[-1].times = record.end, max(whole[-1].times, record.times)
                whole[-1].pushed = record.pushed
                self.lost -= 1
            else:
                whole.append(record)
        self.records = whole
        self.split(size)

    @property
    def segments_flying(self) -> int:
        """Segments that are thought to be in the network."""
        return sum(record.fate == FLYING for record in self.records)

    def refine(self) -> None:
        """One record for each segment, from now on."""
        if self.piece:
            self.split(self.piece)

    def last(self) -> Sent:
        """The segment that was sent last; there must be one."""
        self.refine()
        return self.records[-1]

    def split(self, size: int) -> None:
        """Cut what is in flight to segments of at most `size` bytes."""
        pieces: list[Sent] = []
        for record in self.records:
            while len(record) > size:
                piece = Sent(record.seq, add(record.seq, size), record.sent_at)
                piece.fate, piece.times = record.fate, record.times
                self.lost += piece.fate == LOST
                self.sacked += piece.fate == SACKED
                record.seq = piece.end
                pieces.append(piece)
            pieces.append(record)
        self.records = pieces
        self.piece = 0

    def _lose(self, record: Sent) -> None:
        record.fate = LOST
        self.lost += 1
        self.flying -= len(record)

    def _forget(self, record: Sent) -> None:
        if record.fate == FLYING:
            self.flying -= len(record)
        elif record.fate == LOST:
            self.lost -= 1
        else:
            self.sacked -= 1

    def _select_one(self, record: Sent, now: float, min_rtt: float) -> None:
        self._delivered(record, now, min_rtt)
        if record.fate == FLYING:
            self.flying -= len(record)
        else:
            self.lost -= 1
        record.fate = SACKED
        self.sacked += 1

    def _delivered(self, record: Sent, now: float, min_rtt: float) -> None:
        """RFC 8985 §6.2, steps 1 to 3."""
        rtt = now - record.sent_at
        if record.times == 1:
            if before(record.end, self._highest):
                self.reordered = True
        elif rtt < min_rtt:
            return  # too soon for the retransmission: the original has arrived after all
        self._highest = latest(self._highest, record.end)
        if record.sent_at > self._newest_at or (
            record.sent_at == self._newest_at and after(record.end, self._newest_end)
        ):
            self._newest_at, self._newest_end, self._rack_rtt = record.sent_at, record.end, rtt

    def _sent_before_newest(self, record: Sent) -> bool:
        if record.sent_at == self._newest_at:
            return before(record.end, self._newest_end)
        return record.sent_at < self._newest_at

    def _reordering_window(self, min_rtt: float, *, recovering: bool) -> float:
        """RFC 8985 §6.2, step 4."""
        if not self.reordered and (recovering or self.sacked >= DUPLICATE_THRESHOLD):
            return 0.0
        return min_rtt / 4 * self.reordering
