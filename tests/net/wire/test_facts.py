from __future__ import annotations

from honeystack.net.wire.facts import IpFacts


def test_facts_are_a_plain_tuple() -> None:
    assert IpFacts(64, 7, dont_fragment=True, tos=0) == (64, 7, True, 0)
