"""UDP for listeners: datagrams to ports with a service become conversations, all others are only told of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

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
IDLE_SECONDS = 60.0  # a flow without a datagram is over
AMPLIFICATION = 3  # bytes out for each byte in, until the peer's address is beyond doubt (after RFC 9000 §8.1)
ANSWERS_PER_SECOND = 100.0  # two echoes that answer each other would never end
BURST = 200.0

Reply = Callable[[bytes], bool]  # sends one datagram back along the flow; False where it was not let out


class DatagramFlow:
    """A UDP conversation; the listener puts in, the service receives. Implements DatagramConversation."""

    def __init__(self, flow: Flow, identity: Identity, first: bytes, reply: Reply, reception: Reception) -> None:
        self.flow = flow
        self.identity = identity
        self.service: str | None = None
        self._first = first
        self._reply = reply
        self._recorder = reception.recorder
        self._queue: deque[bytes] = deque()
        self._arrived = trio.Event()
        self._budget = 0
        self._answers = BURST
        self._refilled = trio.current_time()

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
        return self._queue.popleft()

    def send(self, data: bytes) -> bool:
        now = trio.current_time()
        self._answers = min(BURST, self._answers + (now - self._refilled) * ANSWERS_PER_SECOND)
        self._refilled = now
        if len(data) > self._budget or self._answers < 1:
            return False
        self._budget -= len(data)
        self._answers -= 1
        return self._reply(data)

    def record(self, kind: EventKind, fields: Mapping[str, object]) -> None:
        self._recorder.record(kind, fields, identity=self.identity, service=self.service)

    def put(self, data: bytes) -> bool:
        """A datagram has come; False when the queue is full."""
        if len(self._queue) >= QUEUE:
            return False
        self._budget += AMPLIFICATION * len(data)
        self._queue.append(data)
        self._arrived.set()
        return True


class Datagrams:
    """The UDP conversations of one listener, at most `limit` at once. Input: `received`."""

    def __init__(self, reception: Reception, witness: Witness, nursery: trio.Nursery, *, limit: int) -> None:
        self._reception = reception
        self._witness = witness
        self._nursery = nursery
        self._limit = limit
        self._flows: dict[Flow, DatagramFlow] = {}

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
        identity = identity_of(flow, self._reception.recorder.new_id())
        conversation = self._flows[flow] = DatagramFlow(flow, identity, first, reply, self._reception)
        self._nursery.start_soon(self._hold, conversation)
        return conversation

    async def _hold(self, conversation: DatagramFlow) -> None:
        try:
            await self._reception.converse_datagrams(_as_conversation(conversation))
        finally:
            del self._flows[conversation.flow]


def _as_conversation(flow: DatagramFlow) -> DatagramConversation:
    """Let the type checker compare the class with the protocol."""
    return flow
