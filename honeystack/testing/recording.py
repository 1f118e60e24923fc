"""Publishers and channels that keep what they get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from honeystack.events.event import Event

if TYPE_CHECKING:
    from honeystack.events.bus import Subscription
    from honeystack.events.sensor import Sensor


class RecordingPublisher:
    """A publisher that keeps every event in `events`."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def of(self, category: str, type: str | None = None) -> list[Event]:
        """The events of one category, and type."""
        return [e for e in self.events if e.kind.category == category and type in (None, e.kind.type)]


class RecordingChannel(RecordingPublisher):
    """A channel that keeps every event in `events`; `wait_for` waits until there are some."""

    def __init__(self) -> None:
        super().__init__()
        self._more = trio.Event()

    async def run(
        self,
        events: Subscription,
        *,
        sensor: Sensor | None = None,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Take events until the subscription ends."""
        task_status.started()
        async for event in events:
            self.events.append(event)
            self._more.set()
            self._more = trio.Event()

    async def wait_for(self, category: str, type: str | None = None, *, count: int = 1) -> list[Event]:
        """Wait until `count` events of a category, and type, have come; returns all of them."""
        while len(found := self.of(category, type)) < count:
            await self._more.wait()
        return found
