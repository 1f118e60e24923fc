"""Scans are told apart from guests, reported while they run and at their end, and bounded."""

from __future__ import annotations

import math
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
    wide = ScanDetector(Limits(scan_addresses_per_source=2))
    for port in range(0, 100, 2):
        wide.saw(Scanned(PATH4, "tcp", port, 1), 0.0)
    for host in range(5):
        wide.saw(Scanned(PATH4._replace(local=packed(f"10.9.0.{host}")), "tcp", 22, 1), 0.0)
    (report,) = wide.poll(float("inf"))
    assert len(report.ports) == 3
    assert len(report.addresses) == 2
    assert wide.unnamed == {"scan_addresses": 0, "scan_addresses_per_source": 4}


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


def knock(sources: ScanDetector, host: int, now: float, *, ports: int = 1) -> None:
    for port in range(ports):
        sources.saw(Scanned(PATH4._replace(remote=packed(f"10.0.1.{host}")), "tcp", port, 1), now)


def test_sources_are_bounded_and_a_scan_is_told_before_it_is_forgotten() -> None:
    few = ScanDetector(Limits(scan_sources=2))
    for host in (1, 2, 3):
        knock(few, host, 0.0, ports=THRESHOLD)
    assert (len(few), few.forgotten) == (2, 1)
    assert few.next_deadline() == float("-inf")
    (report,) = few.poll(0.0)
    assert (report.path.remote, report.final) == (packed("10.0.1.1"), True)


def test_who_has_been_silent_for_longest_gives_way() -> None:
    few = ScanDetector(Limits(scan_sources=3))
    for now, host in enumerate((1, 2, 3, 1, 4)):  # the second is the oldest when the fourth comes
        knock(few, host, float(now))
    for host in (1, 3, 4):
        knock(few, host, 9.0, ports=THRESHOLD)
    reports = {report.path.remote[3]: report.count for report in few.poll(float("inf"))}
    assert reports == {1: THRESHOLD + 2, 3: THRESHOLD + 1, 4: THRESHOLD + 1}


def test_sources_that_come_once_hide_no_scan() -> None:
    few = ScanDetector(Limits(scan_sources=10))
    knock(few, 1, 0.0, ports=THRESHOLD)
    for number in range(1000):
        few.saw(Scanned(PATH4._replace(remote=number.to_bytes(4, "big")), "tcp", 80, 1), 1.0)
    knock(few, 1, 2.0, ports=2 * THRESHOLD)
    assert len(few) == 10
    (report,) = few.poll(float("inf"))
    assert (report.count, report.duration) == (3 * THRESHOLD, 2.0)
    assert report.ports == (f"tcp/0-{2 * THRESHOLD - 1}",)


def test_scans_give_way_to_each_other_in_the_order_of_their_last_probes() -> None:
    few = ScanDetector(Limits(scan_sources=2))
    knock(few, 1, 0.0, ports=THRESHOLD)
    knock(few, 2, 1.0, ports=THRESHOLD)
    knock(few, 1, 2.0)
    knock(few, 3, 3.0)
    (report,) = few.poll(3.0)
    assert report.path.remote == packed("10.0.1.2")


def test_all_sources_together_hold_a_bounded_number_of_addresses() -> None:
    crowd = ScanDetector(Limits(scan_addresses=50))
    for remote in range(20):
        for local in range(100):
            path = PATH4._replace(remote=packed(f"10.0.1.{remote}"), local=packed(f"10.9.0.{local}"))
            crowd.saw(Scanned(path, "tcp", 22, 1), 0.0)
    sizes = [len(report.addresses) for report in crowd.poll(float("inf"))]
    assert len(sizes) == 20  # all are recognised
    assert sizes == [50, *[THRESHOLD] * 19]
    assert crowd.unnamed == {"scan_addresses": 50 + 19 * 95, "scan_addresses_per_source": 0}
    crowd.saw(Scanned(PATH4, "tcp", 22, 1), 100.0)
    assert crowd._named == 1  # those of the ended are forgotten


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


def test_probes_that_are_told_together_are_counted_each() -> None:
    scan = ScanDetector(Limits())
    for port in range(1, 6):
        scan.saw(Scanned(PATH4, "tcp", port, 40000, port), 0.0)
    (report,) = scan.poll(math.inf)
    assert report.count == 15
