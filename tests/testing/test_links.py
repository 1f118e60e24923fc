"""Links in memory keep the contract of honeystack.net.link.Link, in Trio's time."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from honeystack.net.link import Link, ReceivedFrame
from honeystack.testing import Impairment, MemoryLink, links, memory_link_pair


def as_link(link: Link) -> Link:
    return link


async def test_frames_arrive_at_the_other_end_in_order(autojump_clock: trio.testing.MockClock) -> None:
    left, right = memory_link_pair()
    as_link(left).send([b"one", b"two"])
    await right.wait_readable()
    assert [frame.data for frame in right.receive(1)] == [b"one"]
    assert [frame.data for frame in right.receive()] == [b"two"]
    assert left.receive() == []
    assert left.mac != right.mac


async def test_a_delayed_frame_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    left, right = memory_link_pair(Impairment(delay=2.0))
    left.send([b"slow"])
    assert right.receive() == []
    await right.wait_readable()
    assert trio.current_time() == 2.0
    assert right.receive() == [ReceivedFrame(b"slow")]


async def test_a_sooner_frame_wakes_who_waits_for_a_later_one(autojump_clock: trio.testing.MockClock) -> None:
    link = MemoryLink(bytes(6))
    link.deliver(ReceivedFrame(b"later"), 100.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.wait_readable)
        await trio.sleep(1)
        with pytest.raises(trio.BusyResourceError):
            await link.wait_readable()
        link.deliver(ReceivedFrame(b"sooner"))
    assert trio.current_time() == 1.0
    assert [frame.data for frame in link.receive()] == [b"sooner"]


async def test_waiting_can_be_cancelled_and_taken_up_again(autojump_clock: trio.testing.MockClock) -> None:
    link = MemoryLink(bytes(6))
    for _ in range(2):
        with trio.move_on_after(1) as scope:
            await link.wait_readable()
        assert scope.cancelled_caught


async def test_what_does_not_fit_is_counted_as_lost(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "CAPACITY", 2)
    left, right = memory_link_pair(mtu=100, record=True)
    left.send([bytes(118), bytes(119), b"2", b"3"])
    right.receive()
    assert left.statistics() == (0, 3, 0, 1)
    assert right.statistics() == (2, 0, 1, 0)
    assert len(left.sent) == 4


async def test_a_link_without_a_peer_sends_into_the_void(autojump_clock: trio.testing.MockClock) -> None:
    link = MemoryLink(bytes(6))
    link.send([b"hello?"])
    assert link.statistics().frames_out == 1


async def test_closing_wakes_who_waits_and_is_idempotent(autojump_clock: trio.testing.MockClock) -> None:
    left, right = memory_link_pair()

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await right.wait_readable()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        right.close()
    right.close()
    left.send([b"too late"])
    right.send([b"too late"])
    assert right.receive() == left.receive() == []
