"""The bus carries events to channels and counts every one of them.

For each channel, at every moment: made = written + queued + the sum of dropped + filtered. An event that a channel
has taken and not yet finished is still queued; it is written when the channel asks for the next one, and dropped
when the channel says so or fails. Publishing never waits: a full queue drops the new event, with the reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

import attrs
import trio

from honeystack.errors import StateError
from honeystack.events.event import Event, Payload

QUEUE_FULL = "queue-full"
STOPPED = "stopped"
CRASHED = "channel-failed"

CAPACITY = (
    80_000  # events; room for the close of every connection that a stop ends at once, and a bound on a stuck channel
)
MEMORY = 64 * 1024 * 1024  # bytes of peers' data in one queue: 1 000 whole payloads of the largest size
BATCH_MEMORY = 128 * 1024  # bytes of peers' data in one batch: some three milliseconds of encoding


@attrs.frozen
class ChannelCounts:
    """What became of the events made since a channel subscribed."""

    made: int
    written: int
    queued: int
    filtered: int
    dropped: Mapping[str, int]

    @property
    def adds_up(self) -> bool:
        return self.made == self.written + self.queued + self.filtered + sum(self.dropped.values())


class Bus:
    """Inputs: publish. Outputs: the subscriptions. Belongs to one Trio thread; publishing works before Trio runs."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, Subscription] = {}
        self.made = 0

    def publish(self, event: Event) -> None:
        """Give the event to every subscription whose filter takes it; never waits."""
        self.made += 1
        subscriptions = self._subscriptions
        if not subscriptions:
            return
        weight = weight_of(event.fields)
        for subscription in subscriptions.values():
            subscription._offer(event, weight)

    def subscribe(
        self,
        name: str,
        takes: Callable[[Event], bool] | None = None,
        *,
        capacity: int = CAPACITY,
        memory: int = MEMORY,
    ) -> Subscription:
        """The events that `takes` takes (None: all), from now on; they queue until somebody iterates.

        At most `capacity` events and `memory` bytes of peers' data wait.
        """
        if name in self._subscriptions:
            raise StateError(f"a channel named {name!r} has subscribed already")
        subscription = Subscription(name, takes, capacity=capacity, memory=memory)
        self._subscriptions[name] = subscription
        return subscription

    def unsubscribe(self, name: str) -> None:
        """End a channel's subscription; its counts go with it."""
        self._subscriptions.pop(name).close()

    def statistics(self) -> dict[str, ChannelCounts]:
        """The counts of every channel by its name."""
        return {name: subscription.counts() for name, subscription in self._subscriptions.items()}

    async def drain(self, bound: float) -> bool:
        """Let the channels write what is queued, for at most `bound` seconds, then end all subscriptions.

        What is left is dropped with the reason "stopped". Returns whether nothing was left. Afterwards iterations
        end, and events that are still published count as dropped.
        """
        with trio.move_on_after(bound):
            for subscription in list(self._subscriptions.values()):
                await subscription.wait_idle()
        left = [subscription.name for subscription in self._subscriptions.values() if not subscription.close()]
        return not left


class Subscription:
    """One channel's queue: iterate it, or its `batches`, in one task at a time."""

    def __init__(
        self,
        name: str,
        takes: Callable[[Event], bool] | None = None,
        *,
        capacity: int = CAPACITY,
        memory: int = MEMORY,
    ) -> None:
        if capacity < 1:
            raise ValueError("a queue holds at least one event")
        self.name = name
        self._takes = takes
        self._capacity = capacity
        self._memory = memory
        self._queue: deque[tuple[Event, int]] = deque()
        self._weight = 0
        self._in_hand = 0
        self._closed = trio.Event()
        self._made = self._written = self._filtered = 0
        self._dropped: dict[str, int] = {}
        self._reader: trio.lowlevel.Task | None = None
        self._idle = trio.Event()

    # for the channel

    def __aiter__(self) -> AsyncIterator[Event]:
        return _Singles(self)

    def batches(self, limit: int = 256, *, gather: float = 0.0) -> AsyncIterator[list[Event]]:
        """Lists of at most `limit` events that wait, never empty; heavy ones come in shorter lists.

        A batch is written when the next is asked for. After one that was less than a quarter full and left none, more
        may gather for so many seconds.
        """
        return _Batches(self, limit, gather)

    def drop(self, reason: str, count: int = 1) -> None:
        """The channel could not write `count` of the events it took last."""
        if not 0 <= count <= self._in_hand:
            raise StateError(f"cannot drop {count} of {self._in_hand} events in hand")
        self._in_hand -= count
        self._count_dropped(reason, count)

    # for who owns the channel

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    @property
    def waiting(self) -> int:
        """How many events wait to be taken; those in hand are not among them."""
        return len(self._queue)

    def abandon(self, reason: str = CRASHED) -> int:
        """The channel failed or was cancelled with events in its hand: they are dropped. Returns how many."""
        count = self._in_hand
        self.drop(reason, count)
        self._tell_idle()
        return count

    def close(self) -> bool:
        """End the iteration; what waits is dropped. Idempotent. Returns whether nothing waited or was in hand."""
        left = len(self._queue) + self._in_hand
        self._count_dropped(STOPPED, len(self._queue))
        self._queue.clear()
        self._weight = 0
        self._closed.set()
        self._wake()
        self._tell_idle()
        return not left

    async def wait_idle(self) -> None:
        """Wait until nothing is queued and nothing is in hand."""
        while self._queue or self._in_hand:
            if self._idle.is_set():
                self._idle = trio.Event()
            await self._idle.wait()

    async def wait_closed(self) -> None:
        """Wait until the subscription has ended."""
        await self._closed.wait()

    def counts(self) -> ChannelCounts:
        """The counts of this moment."""
        queued = len(self._queue) + self._in_hand
        return ChannelCounts(self._made, self._written, queued, self._filtered, dict(self._dropped))

    # inside

    def _offer(self, event: Event, weight: int) -> None:
        self._made += 1
        if self._takes is not None and not self._takes(event):
            self._filtered += 1
        elif self._closed.is_set():
            self._count_dropped(STOPPED, 1)
        elif len(self._queue) + self._in_hand >= self._capacity or self._too_heavy(weight):
            self._count_dropped(QUEUE_FULL, 1)
        else:
            self._queue.append((event, weight))
            self._weight += weight
            self._wake()

    def _too_heavy(self, weight: int) -> bool:
        """An event alone always fits, so that no bound can shut a channel up for ever."""
        return bool(self._queue) and self._weight + weight > self._memory

    def _count_dropped(self, reason: str, count: int) -> None:
        if count:
            self._dropped[reason] = self._dropped.get(reason, 0) + count

    def _wake(self) -> None:
        if self._reader is not None:
            trio.lowlevel.reschedule(self._reader)
            self._reader = None

    def _tell_idle(self) -> None:
        if not (self._queue or self._in_hand):
            self._idle.set()

    async def _take(self, limit: int, *, pause: float = 0.0) -> list[Event]:
        """Finish what is in hand, wait for `pause` and then for events, and take up to `limit` of them."""
        self._written += self._in_hand
        self._in_hand = 0
        self._tell_idle()
        if pause:
            with trio.move_on_after(pause):
                await self._closed.wait()  # no more will gather
        elif self._queue:
            await trio.lowlevel.checkpoint()
        while not self._queue:
            if self._closed.is_set():
                raise StopAsyncIteration
            await self._wait_readable()
        taken: list[Event] = []
        heavy = 0
        while self._queue and len(taken) < limit and heavy < BATCH_MEMORY:
            event, weight = self._queue.popleft()
            heavy += weight
            taken.append(event)
        self._weight -= heavy
        self._in_hand = len(taken)
        return taken

    async def _wait_readable(self) -> None:
        if self._reader is not None:
            raise trio.BusyResourceError(f"another task iterates the subscription {self.name!r}")
        self._reader = trio.lowlevel.current_task()

        def give_up(_: object) -> trio.lowlevel.Abort:
            self._reader = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(give_up)


def weight_of(fields: Mapping[str, object]) -> int:
    """About how many bytes of peers' data an event's fields hold."""
    weight = 0
    for value in fields.values():
        kind = type(value)
        if kind is int or kind is bool or kind is float:
            continue
        if kind is str or kind is bytes:  # as most are; the questions below cost several times as much
            weight += len(value)  # type: ignore[arg-type]
        elif isinstance(value, Payload):
            weight += len(value.data)
        elif isinstance(value, str | bytes):
            weight += len(value)
        elif isinstance(value, list | tuple):
            weight += sum(len(part) for part in value if isinstance(part, str | bytes))
    return weight


class _Singles:
    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def __aiter__(self) -> _Singles:
        return self

    async def __anext__(self) -> Event:
        return (await self._subscription._take(1))[0]


class _Batches:
    def __init__(self, subscription: Subscription, limit: int, gather: float) -> None:
        self._subscription = subscription
        self._limit = limit
        self._gather = gather
        self._pause = 0.0

    def __aiter__(self) -> _Batches:
        return self

    async def __anext__(self) -> list[Event]:
        batch = await self._subscription._take(self._limit, pause=self._pause)
        few = len(batch) < self._limit // 4 and not self._subscription._queue  # heavy ones leave others waiting
        self._pause = self._gather if few else 0.0
        return batch
