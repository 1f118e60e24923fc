"""A witness in virtual time, for tests."""

from __future__ import annotations

import itertools

from honeystack.events.recorder import Recorder
from honeystack.net.address import Path
from honeystack.net.limits import Limits
from honeystack.net.notices import Datagram, SynFacts
from honeystack.reception import CaptureLimits
from honeystack.testing import RecordingPublisher
from honeystack.witness import Witness

PATH = Path(4, bytes([203, 0, 113, 4]), bytes([198, 51, 100, 7]), bytes(6), bytes([2, 0, 0, 0, 0, 1]))
SYN = SynFacts(64, 64240, 1460, 7, bytes([2, 4, 8, 1, 3]), True, 1234, 99)


class Scene:
    """A witness in virtual time, and what it has told."""

    def __init__(self, payload_bytes: int = 100, **limits: int) -> None:
        self.now = 0.0
        self.publisher = RecordingPublisher()
        numbers = itertools.count()
        recorder = Recorder(self.publisher, clock=lambda: self.now, new_id=lambda: f"id-{next(numbers)}")
        self.witness = Witness(
            recorder,
            clock=lambda: self.now,
            limits=Limits(**{"aggregates": 100, **limits}),
            capture=CaptureLimits(payload_bytes=payload_bytes),
        )

    def at(self, now: float) -> Scene:
        self.now = now
        self.witness.tick(now)
        return self

    def counts(self, category: str, type: str | None = None) -> list[object]:
        return [event.fields.get("count") for event in self.publisher.of(category, type)]


def datagram(data: bytes, remote_port: int = 4000) -> Datagram:
    return Datagram(PATH, 53, remote_port, data, True)
