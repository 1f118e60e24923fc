"""A JARM scan is recognised by each of its hellos, and nobody else is taken for one."""

from __future__ import annotations

import pytest

from honeystack.tls.fingerprint import fingerprint
from honeystack.tls.jarm import jarm_probe
from tests.tls.peers import hello_in
from tests.tls.scans import probes
from tests.tls.vectors import vectors_of


@pytest.mark.parametrize("host", ["a.example", "192.0.2.1", "x" * 60 + ".example"])
def test_the_ten_probes_are_known_by_number(host: str) -> None:
    for _ in range(5):  # they hold random bytes
        found = [fingerprint(hello) for _, packet in probes(host) if (hello := hello_in(packet))]
        assert [jarm_probe(prints) for prints in found] == list(range(1, 11))


def test_among_recorded_hellos_only_those_of_a_scan_are_taken_for_it() -> None:
    taken = 0
    for vector in vectors_of("tls"):
        hello = hello_in(bytes.fromhex(vector["wire_hex"]))
        if hello is not None and jarm_probe(fingerprint(hello)) is not None:
            taken += 1
    assert taken == 4  # of a scan, recorded by others


def test_what_has_no_fingerprint_is_none() -> None:
    assert jarm_probe(None) is None
