"""UDP conversations: bounded in number, in what waits, and in what is answered."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from honeystack.conversation import DatagramConversation
from honeystack.events.recorder import Recorder
from honeystack.listeners._datagrams import IDLE_SECONDS, Datagrams
from honeystack.net.address import Endpoint, Flow
from honeystack.net.limits import Limits
from honeystack.reception import CaptureLimits, PortPlan
from honeystack.testing import RecordingPublisher
from honeystack.witness import Witness

CLOCK = trio.testing.MockClock


class Hall:
    """A reception whose UDP service keeps what it hears, and answers what it is told to."""

    def __init__(self, answer: bytes | None = None, services: tuple[str, ...] = ("service",)) -> None:
        self.publisher = RecordingPublisher()
        self.recorder = Recorder(self.publisher, clock=trio.current_time, new_id=lambda: "id")
        self.capture = CaptureLimits()
        self.heard: list[bytes] = []
        self.answered: list[bool] = []
        self.over = 0
        self._answer = answer
        self._services = services

    def plan_for(self, transport: str, local: Endpoint) -> PortPlan:
        return PortPlan(self._services if transport == "udp" else ())

    async def converse_datagrams(self, peer: DatagramConversation) -> None:
        try:
            while True:
                self.heard.append(await peer.receive())
                if self._answer is not None:
                    self.answered.append(peer.send(self._answer))
        except trio.EndOfChannel:
            self.over += 1

    def table(self, nursery: trio.Nursery, **limits: int) -> Datagrams:
        witness = Witness(self.recorder, clock=trio.current_time, limits=Limits(), capture=self.capture)
        return Datagrams(self, witness, nursery, limits=Limits(**limits))  # type: ignore[arg-type]

    def reached(self) -> set[tuple[object, object]]:
        """The bounds that were told of, by name and number."""
        return {(event.fields["reason"], event.fields["limit"]) for event in self.publisher.of("sensor", "drop")}


def flow(port: int = 4000) -> Flow:
    return Flow("udp", Endpoint("203.0.113.4", 53), Endpoint("198.51.100.7", port))


async def test_a_flow_is_one_conversation_until_it_is_idle(autojump_clock: CLOCK) -> None:
    hall, sent = Hall(answer=b"ok"), []
    async with trio.open_nursery() as nursery:
        table = hall.table(nursery)
        for data in (b"one", b"two"):
            table.received(flow(), data, lambda data, _: sent.append(data) is None)
            await trio.sleep(IDLE_SECONDS / 2)
        await trio.sleep(IDLE_SECONDS)
        assert hall.over == 1
        table.received(flow(), b"three", lambda *_: True)
    assert hall.heard == [b"one", b"two", b"three"]
    assert sent == [b"ok", b"ok"]
    assert hall.over == 2


@pytest.mark.parametrize("answerable", [True, False])
async def test_without_a_service_or_a_way_back_there_is_no_conversation(answerable: bool) -> None:
    hall = Hall(services=() if answerable else ("service",))
    async with trio.open_nursery() as nursery:
        hall.table(nursery).received(flow(), b"x", (lambda *_: True) if answerable else None)
        assert not nursery.child_tasks
    assert len(hall.publisher.of("udp", "payload")) == 1


async def test_conversations_are_bounded_and_the_rest_is_still_told(autojump_clock: CLOCK) -> None:
    hall = Hall()
    async with trio.open_nursery() as nursery:
        table = hall.table(nursery, datagram_flows=3)
        for port in range(5):  # none of them waits yet: their services have not run
            table.received(flow(port), b"x", lambda *_: True)
        assert len(nursery.child_tasks) == 3
    assert len(hall.publisher.of("udp", "payload")) == 5
    assert hall.reached() == {("datagram_flows", 3)}


async def test_who_has_waited_for_longest_gives_way(autojump_clock: CLOCK) -> None:
    hall, ended = Hall(answer=b"ok"), []

    async def come(port: int, data: bytes = b"x") -> None:
        table.received(flow(port), data, lambda *_: True)
        await trio.sleep(0.1)
        ended.append(hall.over)

    async with trio.open_nursery() as nursery:
        table = hall.table(nursery, datagram_flows=3)
        for port in (1, 2, 3, 1):
            await come(port)
        assert ended == [0, 0, 0, 0]
        await come(4)  # for the second
        await come(1, b"still here")
        assert ended[-2:] == [1, 1]
        await come(2, b"again")  # for the third, in a conversation of its own
        assert ended[-1] == 2
        assert len(nursery.child_tasks) == 3
    assert hall.heard == [b"x"] * 5 + [b"still here", b"again"]
    assert hall.over == 5
    assert hall.reached() == {("datagram_flows", 3)}


async def test_a_guest_is_answered_in_a_flood_of_invented_flows(autojump_clock: CLOCK) -> None:
    hall, answers = Hall(answer=b"ok"), []
    async with trio.open_nursery() as nursery:
        table = hall.table(nursery, datagram_flows=50)
        for number in range(1000):
            table.received(flow(1 + number), b"flood", lambda *_: True)
            if number % 10 == 0:
                await trio.sleep(0.001)
            if number % 100 == 99:
                table.received(flow(60_000 + number), b"guest", lambda data, _: answers.append(data) is None)
                await trio.sleep(0.001)
    assert answers == [b"ok"] * 10
    assert hall.over == 1010


async def test_a_datagram_that_comes_with_the_end_is_not_lost(autojump_clock: CLOCK) -> None:
    hall = Hall()
    async with trio.open_nursery() as nursery:
        table = hall.table(nursery, datagram_flows=1)
        table.received(flow(1), b"one", lambda *_: True)
        await trio.sleep(1)
        table.received(flow(1), b"two", lambda *_: True)  # it does not wait any more, though it has not run yet
        table.received(flow(2), b"other", lambda *_: True)
        await trio.sleep(1)
    assert hall.heard == [b"one", b"two"]


async def test_what_waits_is_bounded(autojump_clock: CLOCK) -> None:
    hall = Hall()
    async with trio.open_nursery() as nursery:
        table = hall.table(nursery, datagram_queue=20)
        for _ in range(20 + 5):
            table.received(flow(), b"x", lambda *_: True)
    assert len(hall.heard) == 20
    assert hall.reached() == {("datagram_queue", 20)}


async def test_what_all_conversations_hold_is_bounded(autojump_clock: CLOCK) -> None:
    hall = Hall()
    async with trio.open_nursery() as nursery:
        table = hall.table(nursery, datagram_memory=1000)
        for port in range(5):
            table.received(flow(port), bytes(200), lambda *_: True)
        assert len(nursery.child_tasks) == 2  # each holds its first datagram, which waits as well
        table.received(flow(0), bytes(300), lambda *_: True)
        await trio.sleep(IDLE_SECONDS + 1)  # they are over
        table.received(flow(9), bytes(400), lambda *_: True)
    assert hall.heard == [bytes(200), bytes(200), bytes(400)]
    assert hall.reached() == {("datagram_memory", 1000)}
