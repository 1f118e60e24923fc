"""Port scans, recognised from the ports and addresses that one source has tried; pure.

A source that has tried THRESHOLD different ports, or one port on as many addresses, scans. It is reported shortly
after it was recognised, then while it goes on, and once more after it has been silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import attrs

from honeystack.net.address import Path, address_text
from honeystack.net.limits import Limits
from honeystack.net.notices import Scanned
from honeystack.net.timers import TimerWheel

THRESHOLD = 5  # more ports than a guest's programs ask for at one house
FIRST_REPORT = 5.0  # seconds after it was recognised: by then a fast scan has shown what it is after
NEXT_REPORT = 60.0  # seconds between reports of a scan that goes on
SILENCE = 30.0  # seconds without a probe that end a scan
MAX_ADDRESSES = 1024  # of ours that are told by name for one source
MAX_RANGES = 1000  # port ranges that one report tells


@attrs.frozen
class ScanReport:
    """What one source has tried so far."""

    path: Path  # of its first probe
    ports: tuple[str, ...]  # "tcp/22" or "tcp/8000-8010", in order
    addresses: tuple[str, ...]
    duration: float  # seconds from the first probe to the last
    count: int  # probes, repeated ones too
    final: bool


@attrs.define(eq=False, slots=True)
class _Source:
    path: Path
    began: float
    last: float
    count: int = 0
    distinct: int = 0  # ports tried
    ports: dict[str, int] = attrs.field(factory=dict)  # protocol → ports as bits: 8 kB hold all of them
    addresses: set[bytes] = attrs.field(factory=set)
    report_at: float | None = None  # once it is known to scan

    def add(self, scanned: Scanned, now: float) -> None:
        self.last, self.count = now, self.count + 1
        bit, known = 1 << scanned.local_port, self.ports.get(scanned.protocol, 0)
        if not known & bit:
            self.ports[scanned.protocol] = known | bit
            self.distinct += 1
        if len(self.addresses) < MAX_ADDRESSES:
            self.addresses.add(scanned.path.local)

    def report(self, *, final: bool) -> ScanReport:
        ranges = (name for protocol in sorted(self.ports) for name in _ranges(protocol, self.ports[protocol]))
        ports = tuple(islice(ranges, MAX_RANGES))  # no more are made: each costs a look at all 65 536 bits
        addresses = tuple(address_text(address) for address in sorted(self.addresses, key=lambda a: (len(a), a)))
        return ScanReport(self.path, ports, addresses, self.last - self.began, self.count, final=final)


class ScanDetector:
    """Inputs: `saw` for each probe. Outputs: `poll`, `next_deadline`. Bounded by `limits.scan_sources`."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.scan_sources
        self.forgotten = 0  # sources that had to give way
        self._sources: dict[bytes, _Source] = {}
        self._wheel: TimerWheel[bytes] = TimerWheel()
        self._due: list[ScanReport] = []  # of sources that had to give way

    def __len__(self) -> int:
        return len(self._sources)

    def saw(self, scanned: Scanned, now: float) -> None:
        """A peer has tried a port."""
        key = scanned.path.remote
        source = self._sources.get(key)
        if source is None:
            if len(self._sources) >= self._limit:
                self.forgotten += 1
                self._end(next(iter(self._sources)))
            source = self._sources[key] = _Source(scanned.path, now, now)
            self._wheel.schedule(key, now + SILENCE)
        source.add(scanned, now)
        if source.report_at is None and (source.distinct >= THRESHOLD or len(source.addresses) >= THRESHOLD):
            source.report_at = now + FIRST_REPORT
            self._wheel.schedule(key, source.report_at)

    def poll(self, now: float) -> list[ScanReport]:
        """The reports that are due; infinity ends every scan."""
        for key in self._wheel.expire(now):
            source = self._sources[key]
            if source.last + SILENCE <= now:
                self._end(key)
                continue
            if source.report_at is not None and source.report_at <= now:
                self._due.append(source.report(final=False))
                source.report_at = now + NEXT_REPORT
            silent = source.last + SILENCE
            self._wheel.schedule(key, silent if source.report_at is None else min(silent, source.report_at))
        reports, self._due = self._due, []
        return reports

    def next_deadline(self) -> float | None:
        """When `poll` has something to do; None while nothing is watched."""
        return float("-inf") if self._due else self._wheel.next_deadline()

    def _end(self, key: bytes) -> None:
        source = self._sources.pop(key)
        self._wheel.cancel(key)
        if source.report_at is not None:
            self._due.append(source.report(final=True))


def _ranges(protocol: str, bits: int) -> Iterator[str]:
    """The set bits as "tcp/22" and "tcp/8000-8010"."""
    position = 0
    while bits:
        skip = (bits & -bits).bit_length() - 1
        bits >>= skip
        run = (~bits & (bits + 1)).bit_length() - 1  # the length of the run of ones at the low end
        first, last = position + skip, position + skip + run - 1
        yield f"{protocol}/{first}" if run == 1 else f"{protocol}/{first}-{last}"
        bits >>= run
        position = last + 1
