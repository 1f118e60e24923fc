from __future__ import annotations

from honeystack.events.event import Event
from honeystack.events.recorder import Recorder
from tests.events.samples import IDENTITY, KIND


class Published(list[Event]):
    def publish(self, event: Event) -> None:
        self.append(event)


def test_the_recorder_stamps_id_date_and_identity() -> None:
    published = Published()
    ids = iter(["c1", "e1", "e2"])
    recorder = Recorder(published, clock=lambda: 12.5, new_id=lambda: next(ids))
    assert recorder.new_id() == "c1"
    recorder.record(KIND, {"http.method": "GET"}, identity=IDENTITY, service="http01")
    recorder.record(KIND, {})
    assert published == [
        Event("e1", 12.5, KIND, {"http.method": "GET"}, IDENTITY, "http01"),
        Event("e2", 12.5, KIND, {}, None, None),
    ]
