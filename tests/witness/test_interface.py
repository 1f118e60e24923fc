"""The interface's changes become events."""

from __future__ import annotations

from honeystack.events.catalogue import undeclared
from honeystack.events.recorder import Recorder
from honeystack.net.interface_watch import InterfaceChange
from honeystack.testing import RecordingPublisher
from honeystack.witness.interface import interface_teller


def test_each_change_is_an_event() -> None:
    publisher = RecordingPublisher()
    tell = interface_teller(Recorder(publisher, clock=lambda: 0.0, new_id=lambda: "id"))
    tell(InterfaceChange(up=False))
    tell(InterfaceChange(up=True, appeared=("192.0.2.2/24",), vanished=("192.0.2.1/24",)))
    down, up = publisher.of("sensor", "interface")
    assert down.fields == {"interface.state": "down"}
    assert up.fields == {
        "interface.state": "up",
        "interface.added": ["192.0.2.2/24"],
        "interface.removed": ["192.0.2.1/24"],
    }
    assert [event for event in (down, up) if undeclared(event)] == []
