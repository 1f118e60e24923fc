from __future__ import annotations

from honeystack.net.address import Path
from honeystack.net.wire.facts import ChecksumState, IcmpErrorKind, IpFacts, IpPacket


def test_facts_are_a_plain_tuple() -> None:
    assert IpFacts(64, 7, dont_fragment=True, tos=0) == (64, 7, True, 0)


def test_a_packet_carries_what_follows_its_header() -> None:
    path = Path(4, b"\x0a\0\0\x01", b"\x0a\0\0\x02", bytes(6), bytes(6))
    facts = IpFacts(64, 7, dont_fragment=True, tos=0)
    assert bytes(IpPacket(path, 17, bytes(20) + b"payload", 20, facts, unicast=True, verify=True).payload) == b"payload"


def test_kinds_are_told_apart() -> None:
    assert len(set(ChecksumState)) == 3
    assert {kind.value for kind in IcmpErrorKind} == {"soft", "hard", "packet-too-big"}
