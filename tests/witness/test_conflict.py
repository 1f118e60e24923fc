"""Addresses that others use become events, and invented ones are bounded."""

from __future__ import annotations

from honeystack.events.catalogue import undeclared
from honeystack.net.notices import AddressConflict
from honeystack.witness.conflict import conflict_fields
from tests.witness.scenes import Scene

OURS, MAC = bytes([203, 0, 113, 4]), b"\x02\0\0\0\0\x99"


def test_a_conflict_has_both_addresses() -> None:
    assert conflict_fields(AddressConflict(OURS, MAC, withdrawn=True)) == {
        "conflict.address": "203.0.113.4",
        "conflict.mac": "02:00:00:00:00:99",
        "conflict.withdrawn": True,
    }


def test_a_conflict_is_told_at_once_and_its_repeats_together() -> None:
    scene = Scene()
    for _ in range(3):
        scene.witness.noticed(AddressConflict(OURS, MAC, withdrawn=False))
    scene.witness.noticed(AddressConflict(OURS, bytes(6), withdrawn=False))
    assert scene.counts("sensor", "conflict") == [None, None]
    scene.at(40)
    assert scene.counts("sensor", "conflict") == [None, None, 2]
    assert all(event.identity is None for event in scene.publisher.events)


def test_conflicts_with_invented_hosts_make_few_events() -> None:
    scene = Scene(told_sources=10)
    for number in range(1000):
        scene.witness.noticed(AddressConflict(OURS, number.to_bytes(6, "big"), withdrawn=False))
    scene.witness.finish()
    told = scene.publisher.of("sensor", "conflict")
    assert len(told) == 11
    assert (told[-1].fields["count"], told[-1].fields["conflict.address"]) == (990, "203.0.113.4")
    assert "conflict.mac" not in told[-1].fields
    assert [event for event in told if undeclared(event)] == []
