"""UDP for listeners: datagrams to ports with a service become conversations, all others are only told of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import attrs
import trio

from honeystack.conversation import DatagramConversation
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Identity
from honeystack.events.identity import identity_of
from honeystack.net.address import Flow
from honeystack.net.notices import BoundReached
from honeystack.reception import Reception
from honeystack.witness import Witness

QUEUE = 64  # datagrams that wait for the service; what comes on top is told and lost, as UDP is
MEMORY = 32 * 1024 * 1024  # bytes of all conversations' first datagrams, and of those that wait
IDLE_SECONDS = 60.0  # a flow without a datagram is over

# Sends one datagram back along the flow; False where it was not let out. It has the budget that keeps a forged
# address from being flooded, so many bytes for each received, and two echoes from answering each other for ever.
Reply = Callable[[bytes, float], bool]


@attrs.define(eq=False)
class _Held:
    """What all conversations of a listener hold."""

    bytes: int = 0


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
        self._held = held
        held.bytes += len(first)

    @property
    def first(self) -> bytes:
        return self._first

    async def receive(self) -> bytes:
        if not self._queue:
            self._arrived = trio.Event()
            with trio.move_on_after(IDLE_SECONDS):
                await self._arrived.wait()
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

    def put(self, data: bytes) -> bool:
        """A datagram has come; False when the queue is full."""
        if len(self._queue) >= QUEUE or self._held.bytes + len(data) > MEMORY:
            return False
        self._held.bytes += len(data)
        self._queue.append(data)
        self._arrived.set()
        return True

    def end(self) -> None:
        """The conversation is over: nothing is held for it any more."""
        self._held.bytes -= len(self._first) + sum(map(len, self._queue))
        self._queue.clear()


class Datagrams:
    """The UDP conversations of one listener, at most `limit` at once. Input: `received`."""

    def __init__(self, reception: Reception, witness: Witness, nursery: trio.Nursery, *, limit: int) -> None:
        self._reception = reception
        self._witness = witness
        self._nursery = nursery
        self._limit = limit
        self._flows: dict[Flow, DatagramFlow] = {}
        self._held = _Held()

    def received(self, flow: Flow, data: bytes, reply: Reply | None) -> None:
        """A datagram has come; `reply` is None where it must not be answered."""
        conversation = self._flows.get(flow)
        if conversation is None and reply is not None and self._reception.plan_for("udp", flow.local).services:
            conversation = self._begin(flow, data, reply)
        if conversation is None:
            self._witness.datagram(flow, data)
            return
        self._witness.datagram(flow, data, conversation.identity)
        if not conversation.put(data):
            self._witness.noticed(BoundReached("datagram_queue", QUEUE, None))

    def _begin(self, flow: Flow, first: bytes, reply: Reply) -> DatagramFlow | None:
        if len(self._flows) >= self._limit:
            self._witness.noticed(BoundReached("datagram_flows", self._limit, None))
            return None
        if self._held.bytes + 2 * len(first) > MEMORY:  # it is also the first that waits
            self._witness.noticed(BoundReached("datagram_memory", MEMORY, None))
            return None
        identity = identity_of(flow, self._reception.recorder.new_id())
        conversation = self._flows[flow] = DatagramFlow(flow, identity, first, reply, self._reception, self._held)
        self._nursery.start_soon(self._hold, conversation)
        return conversation

    async def _hold(self, conversation: DatagramFlow) -> None:
        try:
            await self._reception.converse_datagrams(_as_conversation(conversation))
        finally:
            del self._flows[conversation.flow]
            conversation.end()


def _as_conversation(flow: DatagramFlow) -> DatagramConversation:
    """Let the type checker compare the class with the protocol."""
    return flow
