from __future__ import annotations

import trio
import trio.testing

from honeystack.events.bus import Bus
from honeystack.events.catalogue import undeclared
from honeystack.events.heartbeat import HEARTBEAT, beat, bus_counters
from honeystack.events.recorder import Recorder
from tests.events.samples import event


async def test_a_heartbeat_every_so_many_seconds(autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus()
    beats = bus.subscribe("a")
    recorder = Recorder(bus, clock=trio.current_time, new_id=lambda: "id")
    with trio.move_on_after(95):
        await beat(recorder, lambda: {"frames.in": 7, **bus_counters(bus)})
    iteration = aiter(beats)
    found = [await anext(iteration) for _ in range(beats.waiting)]
    assert [(each.fields["sequence"], each.fields["uptime"], each.date) for each in found] == [
        (1, 30, 30.0),
        (2, 60, 60.0),
        (3, 90, 90.0),
    ]
    assert found[0].kind is HEARTBEAT
    assert found[2].fields["frames.in"] == 7
    assert found[2].fields["events.made"] == 2
    assert not any(undeclared(each) for each in found)


async def test_the_counts_of_channels_add_up_in_it() -> None:
    bus = Bus()
    bus.subscribe("file", capacity=1)
    bus.publish(event())
    bus.publish(event())
    assert bus_counters(bus) == {
        "events.made": 2,
        "channels.file.made": 2,
        "channels.file.written": 0,
        "channels.file.queued": 1,
        "channels.file.filtered": 0,
        "channels.file.dropped.queue-full": 1,
    }
