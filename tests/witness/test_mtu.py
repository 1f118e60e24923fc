"""A changed MTU becomes an event at once."""

from __future__ import annotations

from honeystack.events.catalogue import undeclared
from honeystack.net.notices import MtuChanged
from honeystack.witness.mtu import mtu_fields
from tests.witness.scenes import Scene


def test_both_lengths_are_told() -> None:
    assert mtu_fields(MtuChanged(1500, 1300)) == {"mtu.before": 1500, "mtu.now": 1300}


def test_each_change_is_told_at_once() -> None:
    scene = Scene()
    scene.witness.noticed(MtuChanged(1500, 1300))
    scene.witness.noticed(MtuChanged(1300, 1500))
    told = scene.publisher.of("sensor", "mtu")
    assert [event.fields["mtu.now"] for event in told] == [1300, 1500]
    assert [event for event in told if undeclared(event)] == []
