"""What keeps events for tests keeps all of them, in order."""

from __future__ import annotations

import trio
import trio.testing

from honeystack.events.bus import Bus
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Event
from honeystack.testing import RecordingChannel, RecordingPublisher

ONE, TWO = EventKind("tcp", "connect", "One."), EventKind("tcp", "close", "Two.")


def test_a_publisher_finds_events_by_their_kind() -> None:
    publisher = RecordingPublisher()
    for number, kind in enumerate((ONE, TWO, ONE)):
        publisher.publish(Event(str(number), 0.0, kind, {}))
    assert [event.id for event in publisher.of("tcp", "connect")] == ["0", "2"]
    assert len(publisher.of("tcp")) == 3
    assert publisher.of("udp") == []


async def test_a_channel_waits_for_what_a_test_expects(autojump_clock: trio.testing.MockClock) -> None:
    bus, channel = Bus(), RecordingChannel()
    async with trio.open_nursery() as nursery:
        await nursery.start(channel.run, bus.subscribe("test"))

        async def publish() -> None:
            for number in range(3):
                await trio.sleep(1)
                bus.publish(Event(str(number), 0.0, ONE, {}))

        nursery.start_soon(publish)
        assert len(await channel.wait_for("tcp", "connect", count=2)) == 2
        assert trio.current_time() == 2
        await trio.sleep(5)
        await bus.drain(1)
    assert len(channel.events) == 3
