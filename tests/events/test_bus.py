from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from honeystack.errors import StateError
from honeystack.events.bus import BATCH_MEMORY, Bus, ChannelCounts, Subscription, weight_of
from honeystack.events.event import Event
from tests.events.samples import event, payload_event


def counts(subscription: Subscription) -> ChannelCounts:
    found = subscription.counts()
    assert found.adds_up
    return found


async def taken(subscription: Subscription, number: int) -> list[Event]:
    found: list[Event] = []
    async for each in subscription:
        found.append(each)
        if len(found) == number:
            break
    return found


async def test_events_from_before_the_channel_runs_are_queued() -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    events = [event(number=number) for number in range(3)]
    for each in events:
        bus.publish(each)
    assert await taken(subscription, 3) == events
    assert bus.made == 3


async def test_an_event_is_written_when_the_next_is_asked_for() -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    for number in range(2):
        bus.publish(event(number=number))
    iteration = aiter(subscription)
    assert aiter(iteration) is iteration
    await anext(iteration)
    assert (counts(subscription).written, counts(subscription).queued) == (0, 2)
    await anext(iteration)
    assert (counts(subscription).written, counts(subscription).queued) == (1, 1)
    assert subscription.waiting == 0


async def test_a_full_queue_drops_the_new_event_and_says_why() -> None:
    bus = Bus()
    subscription = bus.subscribe("a", capacity=2)
    for number in range(5):
        bus.publish(event(number=number))
    assert counts(subscription) == ChannelCounts(5, 0, 2, 0, {"queue-full": 3})
    assert [each.id for each in await taken(subscription, 2)] == ["id-000000", "id-000001"]


async def test_what_is_in_hand_takes_a_place_in_the_queue() -> None:
    bus = Bus()
    subscription = bus.subscribe("a", capacity=1)
    bus.publish(event())
    await taken(subscription, 1)
    bus.publish(event())
    assert counts(subscription).dropped == {"queue-full": 1}


async def test_the_bytes_of_peers_are_bounded_but_one_event_always_fits() -> None:
    bus = Bus()
    subscription = bus.subscribe("a", memory=100)
    bus.publish(payload_event(b"x" * 1000))
    bus.publish(event({"http.method": "y"}))
    assert counts(subscription) == ChannelCounts(2, 0, 1, 0, {"queue-full": 1})
    await taken(subscription, 1)
    bus.publish(event({"http.method": "y" * 100}))
    assert counts(subscription).queued == 2


def test_weight_counts_what_peers_can_make_grow() -> None:
    assert weight_of(payload_event(b"x" * 10).fields) == 10
    assert weight_of({"http.method": "GET", "x": b"abc", "tcp.rtt-ms": 1.0}) == 6
    assert weight_of({"portscan.ports": ["tcp/1-22", "udp/53"], "portscan.count": 9}) == 14


async def test_a_filter_counts_what_it_holds_back() -> None:
    bus = Bus()
    subscription = bus.subscribe("a", lambda each: each.service == "yes")
    bus.publish(event(service="yes"))
    bus.publish(event(service="no"))
    assert counts(subscription) == ChannelCounts(2, 0, 1, 1, {})


async def test_one_stuck_channel_does_not_hold_another() -> None:
    bus = Bus()
    stuck, quick = bus.subscribe("stuck", capacity=1), bus.subscribe("quick")
    for number in range(10):
        bus.publish(event(number=number))
    assert len(await taken(quick, 10)) == 10
    assert counts(stuck).dropped == {"queue-full": 9}


async def test_batches_are_never_empty_and_bounded() -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    for number in range(5):
        bus.publish(event(number=number))
    iteration = aiter(subscription.batches(2))
    assert aiter(iteration) is iteration
    assert [len(await anext(iteration)) for _ in range(3)] == [2, 2, 1]


async def test_more_events_gather_after_a_small_batch_only(autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    iteration = aiter(subscription.batches(8, gather=0.5))
    sizes = []
    for count in (1, 2, 3):  # two of eight are no small batch
        for number in range(count):
            bus.publish(event(number=number))
        sizes.append((len(await anext(iteration)), trio.current_time()))
    start = sizes[0][1]
    assert [(size, time - start) for size, time in sizes] == [(1, 0.0), (2, 0.5), (3, 0.5)]


async def test_heavy_events_do_not_wait_for_more_to_gather(autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus()
    subscription = bus.subscribe("file")
    iteration, start = aiter(subscription.batches(gather=0.5)), trio.current_time()
    for _ in range(5):
        bus.publish(payload_event(bytes(BATCH_MEMORY)))
    assert [len(await anext(iteration)) for _ in range(5)] == [1] * 5
    assert trio.current_time() == start


async def test_an_end_is_not_put_off_by_what_might_gather(autojump_clock: trio.testing.MockClock) -> None:
    """The clock of a replay stands while its channels write the last: it would never end."""
    bus = Bus()
    subscription = bus.subscribe("a")
    written: list[int] = []

    async def write() -> None:
        async for batch in subscription.batches(gather=3600.0):
            written.extend([len(batch)])

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        bus.publish(event(number=1))
        await trio.testing.wait_all_tasks_blocked()
        subscription.close()
    assert (written, trio.current_time()) == ([1], began)


async def test_what_gathers_is_not_in_hand_and_an_end_is_not_missed(autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    written: list[int] = []

    async def write() -> None:
        async for batch in subscription.batches(gather=0.5):
            written.extend([len(batch)])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        bus.publish(event(number=1))
        await trio.testing.wait_all_tasks_blocked()
        assert counts(subscription).written == 1
        bus.publish(event(number=2))
        assert await bus.drain(3)
    assert written == [1, 1]


async def test_heavy_events_come_in_shorter_batches() -> None:
    bus = Bus()
    subscription = bus.subscribe("a", memory=10 * BATCH_MEMORY)
    for _ in range(4):
        bus.publish(payload_event(bytes(BATCH_MEMORY // 2)))
    iteration = aiter(subscription.batches(100))
    assert [len(await anext(iteration)) for _ in range(2)] == [2, 2]


async def test_a_waiting_channel_is_woken(autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus()
    subscription = bus.subscribe("a")

    async def publish_later() -> None:
        await trio.sleep(5)
        bus.publish(event(number=1))
        bus.publish(event(number=2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(publish_later)
        assert [each.id for each in await taken(subscription, 2)] == ["id-000001", "id-000002"]
    assert trio.current_time() == 5


async def test_a_cancelled_wait_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    with trio.move_on_after(1):
        await taken(subscription, 1)
    bus.publish(event())
    assert counts(subscription).queued == 1
    assert len(await taken(subscription, 1)) == 1


async def test_two_tasks_may_not_share_a_subscription(autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(taken, subscription, 1)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError, match="'a'"):
            await taken(subscription, 1)
        nursery.cancel_scope.cancel()


async def test_a_channel_drops_with_a_reason_of_its_own() -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    for number in range(4):
        bus.publish(event(number=number))
    iteration = aiter(subscription.batches(3))
    await anext(iteration)
    subscription.drop("disk-full", 2)
    subscription.drop("too-long")
    with pytest.raises(StateError, match="cannot drop 1 of 0"):
        subscription.drop("disk-full")
    await anext(iteration)
    assert counts(subscription) == ChannelCounts(4, 0, 1, 0, {"disk-full": 2, "too-long": 1})


async def test_what_a_failed_channel_had_in_hand_is_dropped() -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    bus.publish(event())
    bus.publish(event())
    await taken(subscription, 1)
    assert subscription.abandon() == 1
    assert subscription.abandon() == 0
    assert counts(subscription) == ChannelCounts(2, 0, 1, 0, {"channel-failed": 1})


async def test_drain_waits_for_the_channels(autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    for number in range(3):
        bus.publish(event(number=number))
    written: list[str] = []

    async def slow() -> None:
        async for each in subscription:
            await trio.sleep(1)
            written.append(each.id)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow)
        assert await bus.drain(10)
    assert len(written) == 3
    assert trio.current_time() == 3
    bus.publish(event())
    assert counts(subscription) == ChannelCounts(4, 3, 0, 0, {"stopped": 1})


async def test_drain_gives_up_at_its_bound(autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    bus.publish(event())
    bus.publish(event())

    async def stuck() -> None:
        async for _ in subscription:
            await trio.sleep(60)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stuck)
        assert not await bus.drain(3)
        assert trio.current_time() == 3
        assert counts(subscription) == ChannelCounts(2, 0, 1, 0, {"stopped": 1})
    assert counts(subscription).written == 1


async def test_drain_of_nothing_is_quick() -> None:
    bus = Bus()
    assert await bus.drain(1)
    bus.subscribe("a")
    assert await bus.drain(1)


async def test_closing_ends_a_waiting_iteration() -> None:
    bus = Bus()
    subscription = bus.subscribe("a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(taken, subscription, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert not subscription.closed
        bus.unsubscribe("a")
    assert subscription.closed
    assert bus.statistics() == {}
    bus.publish(event())
    assert bus.made == 1


def test_names_are_taken_once_and_queues_hold_something() -> None:
    bus = Bus()
    bus.subscribe("a")
    with pytest.raises(StateError, match="'a' has subscribed already"):
        bus.subscribe("a")
    with pytest.raises(ValueError, match="at least one"):
        bus.subscribe("b", capacity=0)


class Accounting(RuleBasedStateMachine):
    """Any order of publishing, taking, dropping, failing and closing: the counts add up after every step."""

    @initialize(capacity=st.integers(1, 5), memory=st.integers(0, 30), picky=st.booleans())
    def begin(self, capacity: int, memory: int, picky: bool) -> None:
        self.bus = Bus()
        takes: Callable[[Event], bool] | None = (lambda each: each.service is not None) if picky else None
        self.subscription = self.bus.subscribe("a", takes, capacity=capacity, memory=memory)
        self.published = 0
        self.in_hand = 0

    @rule(size=st.integers(0, 40), service=st.sampled_from([None, "s"]))
    def publish(self, size: int, service: str | None) -> None:
        self.bus.publish(event({"x": "y" * size}, service=service))
        self.published += 1

    @precondition(lambda self: self.subscription.waiting or self.subscription.closed)
    @rule(limit=st.integers(1, 4))
    def take(self, limit: int) -> None:
        async def next_batch() -> int:
            return len(await anext(aiter(self.subscription.batches(limit)), []))

        self.in_hand = trio.run(next_batch)

    @rule(wanted=st.integers(0, 4))
    def drop(self, wanted: int) -> None:
        count = min(wanted, self.in_hand)
        self.subscription.drop("disk-full", count)
        self.in_hand -= count

    @rule()
    def fail(self) -> None:
        assert self.subscription.abandon() == self.in_hand
        self.in_hand = 0

    @rule()
    def cancel_a_wait(self) -> None:
        async def cancelled() -> None:
            with trio.CancelScope() as scope:
                scope.cancel()
                await anext(aiter(self.subscription), None)

        trio.run(cancelled)
        self.in_hand = 0

    @rule()
    def close(self) -> None:
        self.subscription.close()

    @invariant()
    def it_adds_up(self) -> None:
        found = self.bus.statistics()["a"]
        assert found.adds_up
        assert found.made == self.published == self.bus.made
        assert found.queued == self.subscription.waiting + self.in_hand


TestAccounting = Accounting.TestCase
TestAccounting.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
