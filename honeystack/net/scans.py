"""Port scans, recognised from the ports and addresses that one source has tried; pure.

A source that has tried THRESHOLD different ports, or one port on as many addresses, scans. It is reported shortly
after it was recognised, then while it goes on, and once more after it has been silent. Where the bound is reached, who
has been silent for longest gives way, and those that scan only to each other: invented sources, which come once, hide
no scan.
"""

from __future__ import annotations

from collections import OrderedDict
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
PORT_BYTES = 65_536 // 8  # a bit for each port
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
    tried: set[tuple[str, int]] = attrs.field(factory=set)  # protocols and ports, until it is known to scan
    ports: dict[str, bytearray] = attrs.field(factory=dict)  # from then on: protocol → ports as bits
    addresses: set[bytes] = attrs.field(factory=set)
    report_at: float | None = None  # once it is known to scan

    def add(self, scanned: Scanned, now: float, *, most_addresses: int) -> None:
        self.last, self.count = now, self.count + scanned.times
        if self.report_at is None:
            self.tried.add((scanned.protocol, scanned.local_port))
        else:
            self._mark(scanned.protocol, scanned.local_port)
        if len(self.addresses) < most_addresses:
            self.addresses.add(scanned.path.local)

    @property
    def scans(self) -> bool:
        return len(self.tried) >= THRESHOLD or len(self.addresses) >= THRESHOLD

    def recognised(self, report_at: float) -> None:
        self.report_at = report_at
        for protocol, port in self.tried:
            self._mark(protocol, port)
        self.tried = set()

    def _mark(self, protocol: str, port: int) -> None:
        bits = self.ports.get(protocol)
        if bits is None:
            bits = self.ports[protocol] = bytearray(PORT_BYTES)
        bits[port >> 3] |= 1 << (port & 7)

    def report(self, *, final: bool) -> ScanReport:
        tried = ((protocol, int.from_bytes(self.ports[protocol], "little")) for protocol in sorted(self.ports))
        ranges = (name for protocol, bits in tried for name in _ranges(protocol, bits))
        ports = tuple(islice(ranges, MAX_RANGES))  # no more are made: each costs a look at all 65 536 bits
        addresses = tuple(address_text(address) for address in sorted(self.addresses, key=lambda a: (len(a), a)))
        return ScanReport(self.path, ports, addresses, self.last - self.began, self.count, final=final)


class ScanDetector:
    """Inputs: `saw` for each probe. Outputs: `poll`, `next_deadline`. Bounded by `limits.scan_sources`."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.scan_sources
        self._most_addresses, self._most_of_one = limits.scan_addresses, limits.scan_addresses_per_source
        self.unnamed = {"scan_addresses": 0, "scan_addresses_per_source": 0}  # addresses that a bound kept out
        self._named = 0  # addresses in all sources
        self.forgotten = 0  # sources that had to give way
        self._visitors: OrderedDict[bytes, _Source] = OrderedDict()  # who was heard last is last
        self._scanners: OrderedDict[bytes, _Source] = OrderedDict()
        self._wheel: TimerWheel[bytes] = TimerWheel()
        self._due: list[ScanReport] = []  # of sources that had to give way

    def __len__(self) -> int:
        return len(self._visitors) + len(self._scanners)

    def saw(self, scanned: Scanned, now: float) -> None:
        """A peer has tried a port."""
        key = scanned.path.remote
        scanner = self._scanners.get(key)
        if scanner is not None:
            self._scanners.move_to_end(key)
            self._add(scanner, scanned, now)
            return
        source = self._visitors.get(key) or self._visitor(scanned, now)
        self._add(source, scanned, now)
        if source.scans:
            self._scanners[key] = self._visitors.pop(key)
            source.recognised(now + FIRST_REPORT)
            self._wheel.schedule(key, now + FIRST_REPORT)
        else:
            self._visitors.move_to_end(key)

    def poll(self, now: float) -> list[ScanReport]:
        """The reports that are due; infinity ends every scan."""
        for key in self._wheel.expire(now):
            source = self._scanners.get(key) or self._visitors[key]
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

    def _visitor(self, scanned: Scanned, now: float) -> _Source:
        if len(self) >= self._limit:
            self.forgotten += 1
            self._end(next(iter(self._visitors or self._scanners)))
        key = scanned.path.remote
        source = self._visitors[key] = _Source(scanned.path, now, now)
        self._wheel.schedule(key, now + SILENCE)
        return source

    def _add(self, source: _Source, scanned: Scanned, now: float) -> None:
        before, full = len(source.addresses), self._named >= self._most_addresses
        most = min(THRESHOLD, self._most_of_one) if full else self._most_of_one
        source.add(scanned, now, most_addresses=most)
        self._named += len(source.addresses) - before
        if before >= most and scanned.path.local not in source.addresses:
            self.unnamed["scan_addresses" if full else "scan_addresses_per_source"] += 1

    def _end(self, key: bytes) -> None:
        self._wheel.cancel(key)
        source = self._visitors.pop(key, None) or self._scanners.pop(key)
        self._named -= len(source.addresses)
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
