"""The fence's falls become events."""

from __future__ import annotations

from honeystack.events.catalogue import undeclared
from honeystack.events.recorder import Recorder
from honeystack.net.fence import FenceChange
from honeystack.testing import RecordingPublisher
from honeystack.witness.fence import fence_teller


def test_a_fall_and_its_repair_are_told() -> None:
    publisher = RecordingPublisher()
    tell = fence_teller(Recorder(publisher, clock=lambda: 0.0, new_id=lambda: "id"))
    tell(FenceChange(up=False, reason="nft ended"))
    tell(FenceChange(up=True, reason="nft ended", seconds=0.0214))
    down, up = publisher.of("sensor", "fence")
    assert down.fields == {"fence.state": "down", "fence.reason": "nft ended"}
    assert up.fields == {"fence.state": "up", "fence.reason": "nft ended", "fence.down-ms": 21}
    assert [event for event in (down, up) if undeclared(event)] == []
