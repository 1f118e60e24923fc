"""The driver's order of things, its timers, and what it contains."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from honeystack.net.link import ReceivedFrame
from honeystack.net.notices import (
    Accepted,
    BoundReached,
    Closed,
    CloseReason,
    Fault,
    Notice,
    Readable,
    Writable,
)
from honeystack.net.wire.facts import ChecksumState
from tests.net.driving import NOTICE, Bench


@pytest.fixture
async def bench(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> Bench:
    bench = Bench()
    await nursery.start(bench.driver.run)
    return bench


async def test_a_frame_is_answered_and_told_with_what_the_link_knows_of_it(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    bench.link.deliver(ReceivedFrame(b"abc", ChecksumState.PARTIAL, 7))
    await trio.sleep(1)
    assert bench.stack.received == [(b"abc", ChecksumState.PARTIAL, 7)]
    assert bench.link.sent == [b"cba"]
    assert bench.guest.told == [NOTICE]
    assert bench.driver.frames.frames_in == 1


async def test_a_batch_of_frames_leaves_in_one_flush(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    for number in range(10):
        bench.link.deliver(ReceivedFrame(bytes([number])))
    await trio.sleep(1)
    assert bench.stack.log.count("transmit") == 1
    assert bench.link.sent == [bytes([number]) for number in range(10)]


async def test_who_is_woken_by_a_batch_runs_before_it_is_flushed(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    woken = trio.Event()

    def wake(notice: Notice) -> None:
        woken.set()
        bench.driver.await_tasks()

    bench.guest.noticed = wake  # type: ignore[method-assign]

    async def user() -> None:
        await woken.wait()
        bench.stack.out.append(b"reply")
        bench.driver.flush()
        assert bench.link.sent == []

    async with trio.open_nursery() as nursery:
        nursery.start_soon(user)
        await trio.testing.wait_all_tasks_blocked()
        bench.link.deliver(ReceivedFrame(b"question"))
        await trio.sleep(1)
    assert bench.link.sent == [b"noitseuq", b"reply"]
    assert bench.stack.log.count("transmit") == 1


async def test_a_batch_that_wakes_nobody_is_flushed_at_once(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    def noticed(notice: Notice) -> None:
        pump.append(trio.lowlevel.current_task())
        steps.append(pump[0]._schedule_points)

    def send(frames: Sequence[bytes]) -> None:
        steps.append(pump[0]._schedule_points)

    steps: list[int] = []
    pump: list[trio.lowlevel.Task] = []
    bench.guest.noticed = noticed  # type: ignore[method-assign]
    bench.link.send = send  # type: ignore[method-assign]
    bench.link.deliver(ReceivedFrame(b"abc"))
    await trio.sleep(1)
    assert steps[0] == steps[1]


async def test_a_batch_waits_for_tasks_that_begin_with_it(
    autojump_clock: trio.testing.MockClock, bench: Bench, nursery: trio.Nursery
) -> None:
    async def answer(text: bytes) -> None:
        await trio.lowlevel.cancel_shielded_checkpoint()  # as what a receive does that finds something
        bench.stack.out.append(text)
        bench.driver.flush()

    async def accept() -> None:
        bench.driver.await_tasks()
        for text in (b"one", b"two"):
            nursery.start_soon(answer, text)

    sent: list[list[bytes]] = []
    bench.link.send = lambda frames: sent.append(sorted(frames))  # type: ignore[method-assign, assignment]

    def begin(notice: Notice) -> None:
        nursery.start_soon(accept)
        bench.driver.await_tasks()

    bench.guest.noticed = begin  # type: ignore[method-assign]
    bench.link.deliver(ReceivedFrame(b"abc"), trio.current_time())
    await trio.sleep(1)
    assert sent == [[b"cba", b"one", b"two"]]


async def test_a_user_call_at_any_other_time_leaves_at_once(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    bench.stack.out.append(b"now")
    bench.driver.flush()
    assert bench.link.sent == [b"now"]


async def test_what_the_owners_say_while_they_are_told_is_sent_too(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    def answer(notice: Notice) -> None:
        bench.stack.out.append(b"from the owner")
        bench.driver.flush()

    bench.guest.noticed = answer  # type: ignore[method-assign]
    bench.stack.notices.append(NOTICE)
    bench.driver.flush()
    assert bench.link.sent == [b"from the owner"]


async def test_the_stacks_deadline_is_kept(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    bench.stack.deadline = 5.0
    bench.driver.flush()
    await trio.sleep(4.9)
    assert bench.stack.log == []
    await trio.sleep(0.2)
    assert bench.stack.log == ["timeout 5", "transmit"]
    assert bench.link.sent == [b"retransmission"]


async def test_a_deadline_moved_later_is_not_handled_early(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    bench.stack.deadline = 5.0
    bench.driver.flush()
    bench.stack.deadline = 8.0
    bench.driver.flush()
    await trio.sleep(7.9)
    assert bench.stack.log == []
    await trio.sleep(0.2)
    assert bench.stack.log[0] == "timeout 8"


async def test_frames_are_taken_although_a_deadline_never_passes(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    bench.stack.handle_timeout = lambda now: None  # type: ignore[method-assign]
    bench.stack.deadline = 0.5
    bench.driver.flush()
    bench.link.deliver(ReceivedFrame(b"abc"), 1.0)
    for _ in range(50):
        await trio.lowlevel.checkpoint()
    bench.stack.deadline = None
    await trio.sleep(2)
    assert bench.link.sent == [b"cba"]


async def test_timers_call_once_at_their_time(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    called: list[float] = []
    bench.driver.call_at(2.0, lambda: called.append(trio.current_time()))
    await trio.sleep(10)
    assert called == [2.0]


async def test_a_call_that_is_taken_out_of_its_slot_is_not_made(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    called: list[str] = []

    def moved() -> None:
        called.append("moved")

    def cancelled() -> None:
        called.append("cancelled")

    slot = bench.driver.call_at(2.0, moved)
    assert bench.driver.call_at(2.0, cancelled) is slot
    await trio.sleep(1)
    del slot[moved], slot[cancelled]
    bench.driver.call_at(5.0, moved)
    await trio.sleep(3)
    assert called == []
    await trio.sleep(3)
    assert called == ["moved"]


async def test_notices_about_a_connection_go_to_the_guest_unless_a_stream_owns_it(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    connection: Any = SimpleNamespace(user=None)
    notices = [Accepted(connection), Readable(connection), Writable(connection), Closed(connection, CloseReason.FIN)]
    bench.stack.notices.extend(notices)
    bench.driver.flush()
    assert bench.guest.told == [
        ("accepted", connection),
        ("readable", connection),
        ("closed", connection, CloseReason.FIN),
    ]


@pytest.mark.parametrize("where", ["receive", "transmit", "timeout 3", "shut down"])
async def test_a_fault_of_the_stack_is_told_and_nothing_else_is_lost(
    autojump_clock: trio.testing.MockClock, bench: Bench, where: str
) -> None:
    bench.stack.failing.add(where)
    bench.link.deliver(ReceivedFrame(b"abc"))
    bench.stack.deadline = 3.0
    bench.driver.flush()
    await trio.sleep(4)
    bench.driver.stop()
    bench.stack.failing.clear()
    bench.link.deliver(ReceivedFrame(b"def"))
    await trio.sleep(1)
    faults = [told for told in bench.guest.told if isinstance(told, Fault)]
    assert [str(fault.error) for fault in faults][:1] == [where]
    assert b"fed" in bench.link.sent


async def test_a_guest_that_raises_is_told_of_its_own_fault(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    bench.guest.failing = True
    connection: Any = SimpleNamespace(user=None)
    bench.stack.notices.extend([Accepted(connection), NOTICE])
    bench.driver.flush()
    assert [type(told) for told in bench.guest.told[1:]] == [Fault, BoundReached]


async def test_a_timer_that_raises_costs_only_itself(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    called: list[int] = []
    bench.driver.call_at(1.0, lambda: 1 // 0)  # type: ignore[arg-type,return-value]
    bench.driver.call_at(1.0, lambda: called.append(1))
    await trio.sleep(2)
    assert called == [1]
    assert isinstance(bench.guest.told[0], Fault)


async def test_stopping_ends_all_on_the_wire_and_for_the_owners(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    connection: Any = SimpleNamespace(user=None)
    bench.stack.notices.append(Closed(connection, CloseReason.SHUTDOWN))
    bench.driver.stop()
    assert bench.link.sent == [b"reset"]
    assert bench.guest.told == [("closed", connection, CloseReason.SHUTDOWN)]
