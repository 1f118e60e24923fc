"""UDP for listeners: datagrams to ports with a service become conversations, all others are only told of.

A source address may be invented, and then its conversation waits in vain for a second datagram. So where there are as
many as there may be, the one that has waited for longest ends, and who comes is served.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

import attrs
import trio

from honeystack.conversation import DatagramConversation
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity
from honeystack.events.identity import identity_of
from honeystack.net.address import Flow
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached
from honeystack.reception import Reception
from honeystack.witness import Witness

IDLE_SECONDS = 60.0  # a flow without a datagram is over

# Sends one datagram back along the flow; False where it was not let out. It has the budget that keeps a forged
# address from being flooded, so many bytes for each received, and two echoes from answering each other for ever.
Reply = Callable[[bytes, float], bool]


@attrs.define(eq=False)
class _Held:
    """What all conversations of a listener hold, and which of them wait for a datagram, for longest the first."""

    limits: Limits
    bytes: int = 0
    waiting: OrderedDict[DatagramFlow, None] = attrs.field(factory=OrderedDict)

    def has_room(self, count: int) -> bool:
        return self.bytes + count <= self.limits.datagram_memory


class DatagramFlow:
    """A UDP conversation; the listener puts in, the service receives. Implements DatagramConversation."""

    def __init__(
        self, flow: Flow, identity: Identity, first: bytes, reply: Reply, reception: Reception, held: _Held
    ) -> None:
        self.flow = flow
        self.identity = identity
        self.service: str | None = None
        self._first = first
        self._reply = reply
        self._recorder = reception.recorder
        self._queue: deque[bytes] = deque()
        self._arrived = trio.Event()
        self._given_up = False
        self._held = held
        held.bytes += len(first)

    @property
    def first(self) -> bytes:
        return self._first

    async def receive(self) -> bytes:
        if not self._queue and not self._given_up:
            self._arrived = trio.Event()
            self._held.waiting[self] = None
            try:
                with trio.move_on_after(IDLE_SECONDS):
                    await self._arrived.wait()
            finally:
                self._held.waiting.pop(self, None)
        else:
            await trio.lowlevel.checkpoint()
        if not self._queue:
            raise trio.EndOfChannel
        data = self._queue.popleft()
        self._held.bytes -= len(data)
        return data

    def send(self, data: bytes, *, amplification: float = 1.0) -> bool:
        return self._reply(data, amplification)

    def record(self, kind: EventKind, fields: Mapping[str, object]) -> None:
        self._recorder.record(kind, fields, identity=self.identity, service=self.service)

    def put(self, data: bytes) -> str | None:
        """A datagram has come; the name of the bound that it would pass, and then it is lost, as UDP may be."""
        if len(self._queue) >= self._held.limits.datagram_queue:
            return "datagram_queue"
        if not self._held.has_room(len(data)):
            return "datagram_memory"
        self._held.bytes += len(data)
        self._queue.append(data)
        self._held.waiting.pop(self, None)
        self._arrived.set()
        return None

    def give_way(self) -> None:
        """End, while it waits for a datagram."""
        self._held.waiting.pop(self, None)
        self._given_up = True
        self._arrived.set()

    def end(self) -> None:
        """The conversation is over: nothing is held for it any more."""
        self._held.bytes -= len(self._first) + sum(map(len, self._queue))
        self._queue.clear()


class Datagrams:
    """The UDP conversations of one listener. Input: `received`."""

    def __init__(self, reception: Reception, witness: Witness, nursery: trio.Nursery, *, limits: Limits) -> None:
        self._reception = reception
        self._witness = witness
        self._nursery = nursery
        self._limits = limits
        self._flows: dict[Flow, DatagramFlow] = {}
        self._held = _Held(limits)

    def received(self, flow: Flow, data: bytes, reply: Reply | None) -> None:
        """A datagram has come; `reply` is None where it must not be answered."""
        conversation = self._flows.get(flow)
        if conversation is None and reply is not None and self._reception.plan_for("udp", flow.local).services:
            conversation = self._begin(flow, data, reply)
        if conversation is None:
            self._witness.datagram(flow, data)
            return
        self._witness.datagram(flow, data, conversation.identity)
        if bound := conversation.put(data):
            self.reached(bound)

    def _begin(self, flow: Flow, first: bytes, reply: Reply) -> DatagramFlow | None:
        if len(self._flows) >= self._limits.datagram_flows and not self._make_room():
            return None
        if not self._held.has_room(2 * len(first)):  # it is also the first that waits
            self.reached("datagram_memory")
            return None
        identity = identity_of(flow, self._reception.recorder.new_id())
        conversation = self._flows[flow] = DatagramFlow(flow, identity, first, reply, self._reception, self._held)
        self._nursery.start_soon(self._hold, conversation)
        return conversation

    def _make_room(self) -> bool:
        """Let the conversation end that has waited for longest; False where none waits."""
        self.reached("datagram_flows")
        oldest = next(iter(self._held.waiting), None)
        if oldest is None:
            return False
        oldest.give_way()
        del self._flows[oldest.flow]
        return True

    def reached(self, bound: str) -> None:
        """Tell of a bound of `limits`."""
        self._witness.noticed(BoundReached(bound, getattr(self._limits, bound), None))

    async def _hold(self, conversation: DatagramFlow) -> None:
        try:
            await self._reception.converse_datagrams(_as_conversation(conversation))
        finally:
            if self._flows.get(conversation.flow) is conversation:  # it has not given way
                del self._flows[conversation.flow]
            conversation.end()


def _as_conversation(flow: DatagramFlow) -> DatagramConversation:
    """Let the type checker compare the class with the protocol."""
    return flow
