"""The driver and its link: one that keeps SYNs apart, and one that changes its length of packets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from honeystack.net.driver import Driver
from honeystack.net.link import ReceivedFrame
from honeystack.net.notices import Fault
from honeystack.testing import MemoryLink
from tests.net.driving import Bench


class CrowdLink(MemoryLink):
    """A link that keeps SYNs apart: what begins with an S."""

    def __init__(self) -> None:
        super().__init__(b"\x02" + bytes(5), record=True)
        self.batch: list[bytes] = []
        self.log: list[str] = []

    def receive_others(self, limit: int = 256) -> list[ReceivedFrame]:
        self.log.append("others")
        return [frame for frame in self.receive(limit) if not frame.data.startswith(b"S")]

    def receive_syns(self, limit: int) -> tuple[Any, list[ReceivedFrame]]:
        self.log.append("syns")
        return self.batch or None, [ReceivedFrame(b"Single")]

    def send_blocks(self, blocks: list[bytes]) -> None:
        self.log += [f"sent {block.decode()}" for block in blocks]


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("batch", [[b"one", b"two"], []])
async def test_while_handshakes_are_not_remembered_syns_come_last_and_together(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery, full: bool, batch: list[bytes]
) -> None:
    bench = Bench()
    bench.link = link = CrowdLink()
    stack: Any = bench.stack
    stack.tcp = SimpleNamespace(handshakes=SimpleNamespace(full=full))
    stack.receive_syns = lambda syns, now: [syn[::-1] for syn in syns]
    bench.driver = Driver(stack, link, bench.guest)
    await nursery.start(bench.driver.run)
    link.batch = batch
    link.deliver(ReceivedFrame(b"SYN"))
    link.deliver(ReceivedFrame(b"data"))
    await trio.sleep(1)
    given = [data for data, _, _ in stack.received]
    assert given == ([b"data", b"Single"] if full else [b"SYN", b"data"])
    assert link.log == (["others", "syns"] + ["sent eno", "sent owt"] * bool(batch) if full else [])


class ShrinkingLink(MemoryLink):
    """Its MTU becomes a smaller one each second."""

    async def wait_mtu(self) -> int:
        await trio.sleep(1)
        self.mtu -= 100
        return self.mtu


async def test_the_stack_follows_the_links_mtu_and_what_that_sends_goes_out_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench()
    bench.stack.failing = {"mtu 1300"}
    driver = Driver(bench.stack, ShrinkingLink(b"\x02" + bytes(5)), bench.guest)  # type: ignore[arg-type]
    with trio.move_on_after(3.5):
        await driver.follow_link()
    assert bench.stack.log == ["mtu 1400", "transmit", "mtu 1300", "mtu 1200", "transmit"]
    assert [type(told) for told in bench.guest.told] == [Fault]


async def test_a_link_that_cannot_change_is_not_followed() -> None:
    with trio.fail_after(1):
        await Bench().driver.follow_link()
