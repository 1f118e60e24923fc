"""Scans are told apart from guests, reported while they run and at their end, and bounded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net import scans as module
from honeystack.net.address import Path
from honeystack.net.limits import Limits
from honeystack.net.notices import Scanned
from honeystack.net.scans import FIRST_REPORT, NEXT_REPORT, SILENCE, THRESHOLD, ScanDetector, ScanReport
from tests.net.frames import PATH4, PATH6, packed

SLOT = 0.01  # of the timer wheel


def detector(ports: range | list[int] = range(THRESHOLD), *, path: Path = PATH4, now: float = 0.0) -> ScanDetector:
    detector = ScanDetector(Limits())
    for port in ports:
        detector.saw(Scanned(path, "tcp", port, 40000), now)
    return detector


def test_a_guest_that_comes_often_is_no_scan() -> None:
    guest = detector([80, 443] * 100)
    assert guest.poll(float("inf")) == []
    assert len(guest) == 0


def test_a_scan_is_reported_while_it_runs_and_at_its_end() -> None:
    scan = detector(range(1, 1001))
    assert scan.poll(FIRST_REPORT - 0.1) == []
    (first,) = scan.poll(FIRST_REPORT + SLOT)
    assert first == ScanReport(PATH4, ("tcp/1-1000",), ("10.0.0.1",), 0.0, 1000, final=False)
    scan.saw(Scanned(PATH4, "udp", 53, 40000), 20.0)
    assert scan.poll(20.0 + SILENCE - 0.1) == []
    (last,) = scan.poll(20.0 + SILENCE + SLOT)
    assert last == ScanReport(PATH4, ("tcp/1-1000", "udp/53"), ("10.0.0.1",), 20.0, 1001, final=True)
    assert (len(scan), scan.next_deadline(), scan.poll(1000.0)) == (0, None, [])


def test_a_long_scan_is_reported_again_and_again() -> None:
    scan, reports = detector(), []
    for second in range(200):
        scan.saw(Scanned(PATH4, "tcp", second, 40000), float(second))
        reports += scan.poll(float(second))
    assert [report.final for report in reports] == [False] * len(reports)
    assert len(reports) == 1 + int((199 - FIRST_REPORT) // NEXT_REPORT)


def test_one_port_on_many_addresses_is_a_scan() -> None:
    sweep = ScanDetector(Limits())
    for host in range(THRESHOLD):
        sweep.saw(Scanned(PATH4._replace(local=packed(f"10.9.0.{host}")), "tcp", 22, 1), 0.0)
    (report,) = sweep.poll(float("inf"))
    assert report.ports == ("tcp/22",)
    assert report.addresses == tuple(f"10.9.0.{host}" for host in range(THRESHOLD))


def test_sources_are_told_apart() -> None:
    both = detector(range(THRESHOLD - 1))
    for port in range(THRESHOLD, 2 * THRESHOLD - 1):
        both.saw(Scanned(PATH6, "tcp", port, 1), 0.0)
    assert both.poll(float("inf")) == []


def test_ports_are_told_as_ranges_in_order() -> None:
    (report,) = detector([443, 22, 80, 81, 82, 65535, 0, 22]).poll(float("inf"))
    assert report.ports == ("tcp/0", "tcp/22", "tcp/80-82", "tcp/443", "tcp/65535")
    assert report.count == 8


@given(st.sets(st.integers(0, 65535), min_size=THRESHOLD, max_size=60))
def test_every_port_is_in_the_report_once(ports: set[int]) -> None:
    (report,) = detector(sorted(ports)).poll(float("inf"))
    told: list[int] = []
    for text in report.ports:
        first, _, last = text.removeprefix("tcp/").partition("-")
        told += range(int(first), int(last or first) + 1)
    assert told == sorted(ports)


def test_a_report_has_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RANGES", 3)
    monkeypatch.setattr(module, "MAX_ADDRESSES", 2)
    wide = detector(range(0, 100, 2))
    for host in range(5):
        wide.saw(Scanned(PATH4._replace(local=packed(f"10.9.0.{host}")), "tcp", 22, 1), 0.0)
    (report,) = wide.poll(float("inf"))
    assert len(report.ports) == 3
    assert len(report.addresses) == 2


def test_a_report_makes_no_more_ranges_than_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def ranges(protocol: str, bits: int) -> Iterator[str]:
        for port in range(bits.bit_length()):
            made.append(port)
            yield f"{protocol}/{port}"

    monkeypatch.setattr(module, "MAX_RANGES", 3)
    monkeypatch.setattr(module, "_ranges", ranges)
    detector(range(1, 1000, 2)).poll(float("inf"))
    assert made == [0, 1, 2]


def test_sources_are_bounded_and_the_oldest_is_told_before_it_is_forgotten() -> None:
    few = ScanDetector(Limits(scan_sources=2))
    for host in (1, 2, 3):
        path = PATH4._replace(remote=packed(f"10.0.1.{host}"))
        for port in range(THRESHOLD if host == 1 else 1):
            few.saw(Scanned(path, "tcp", port, 1), 0.0)
    assert len(few) == 2
    assert few.next_deadline() == float("-inf")
    (report,) = few.poll(0.0)
    assert (report.path.remote, report.final) == (packed("10.0.1.1"), True)


def test_a_guest_that_stays_is_watched_on() -> None:
    guest = detector([80])
    guest.saw(Scanned(PATH4, "tcp", 80, 1), 20.0)
    assert guest.poll(SILENCE + SLOT) == []
    assert len(guest) == 1
    deadline = guest.next_deadline()
    assert deadline is not None
    assert deadline == pytest.approx(50.0, abs=SLOT)
    guest.poll(deadline)
    assert len(guest) == 0
