"""The netstack's guest: tells of each connection, captures in sensor mode, and starts conversations.

A connection has no task until its first payload, or until the bounded wait is over where a service speaks first. In
sensor mode it has none at all, unless it begins as TLS: its first bytes are captured here, by notices and timers.

    accepted ─ waiting ─┬─ bytes, a service or TLS ─ conversing ─────────────┐
                        ├─ bytes, sensor mode ─ capturing ─ pause/size/EOF ─ done ─ closed
                        └─ silence ─ conversing (a service speaks first) or done
"""

from __future__ import annotations

import enum
import random
from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final
from uuid import UUID

import trio

from honeystack.conversation import Conversation, FirstBytes
from honeystack.events.event import Identity
from honeystack.events.identity import identity_of
from honeystack.listeners._datagrams import Datagrams
from honeystack.net.address import Endpoint, Flow, address_text, flow_of, mac_text
from honeystack.net.driver import Driver
from honeystack.net.notices import CloseReason, Datagram, Notice
from honeystack.net.stream import TcpStream
from honeystack.net.tcp.connection import Connection
from honeystack.reception import PortPlan, Reception
from honeystack.tls.hello import begins_as_tls
from honeystack.witness import Counters, Witness

NEWEST = 256  # visits that have all at hand: more than come within the time in which most peers have spoken


class Stage(enum.Enum):
    """How far a visit has come."""

    WAITING = "waiting for the first bytes"
    CAPTURING = "capturing"
    CONVERSING = "in the hands of a task"
    DONE = "closed by us"


# By name alone: a member of an enum costs ten times as much each time it is asked for.
WAITING: Final = Stage.WAITING
CAPTURING: Final = Stage.CAPTURING
CONVERSING: Final = Stage.CONVERSING
DONE: Final = Stage.DONE


class Visit:
    """One accepted connection; slots, as there may be very many."""

    __slots__ = ("_identity", "attendant", "connection", "ended", "first", "stage", "timer")

    def __init__(self, attendant: Attendant, connection: Connection, identity: Identity) -> None:
        self.attendant = attendant
        self.connection = connection
        self._identity: Identity | int | str = identity  # or its id, from which and from the flow it can be made again
        self.stage: Stage = WAITING
        self.first: FirstBytes | None = None
        self.timer: dict[Callable[[], None], None] | None = None  # where its one call to come is
        self.ended: tuple[CloseReason, Counters] | None = None

    @property
    def identity(self) -> Identity:
        """Whose its events are."""
        kept = self._identity
        if not isinstance(kept, Identity):
            kept = str(UUID(int=kept)) if isinstance(kept, int) else kept
            kept = self._identity = identity_of(_flow(self.connection), kept)
        return kept

    def settle(self) -> None:
        """Take less memory, which costs some time later: this one seems to wait for longer than most do."""
        if self.ended is not None:
            return
        if self.stage is WAITING:
            self._identity = _packed(self.identity.connection_id or "")
        self.connection.settle()

    def __call__(self) -> None:
        """The timer's callback: it is the visit itself, as a bound method would cost each of them 64 bytes."""
        self.attendant.time_is_up(self)


class Attendant:
    """Implements Guest: told synchronously by the driver; never waits."""

    def __init__(
        self, reception: Reception, witness: Witness, nursery: trio.Nursery, datagrams: Datagrams, *, rng: random.Random
    ) -> None:
        self._reception = reception
        self._witness = witness
        self._nursery = nursery
        self._datagrams = datagrams
        self._rng = rng
        self._newest: deque[Visit] = deque()
        self._conversing: dict[Connection, Visit] = {}
        self.driver: Driver  # set by the listener: driver and guest need each other

    def attends(self, connection: Connection) -> bool:
        """Whether a connection was accepted here and has not been told as closed."""
        return isinstance(connection.user, Visit) or connection in self._conversing

    # Guest

    def accepted(self, connection: Connection) -> None:
        flow = _flow(connection)
        visit = Visit(self, connection, self._witness.connected(flow, syn=connection.syn, rtt=connection.rtt))
        connection.user = visit
        connection.syn = None  # told; a connection that waits costs 200 bytes less without it
        self._newest.append(visit)
        if len(self._newest) > NEWEST:
            self._newest.popleft().settle()
        plan = self._reception.plan_for("tcp", flow.local)
        self._arm(visit, plan.first_wait if plan.speaks_first else self._reception.capture.idle)

    def readable(self, connection: Connection) -> None:
        visit = connection.user
        if not isinstance(visit, Visit) or visit.stage in (CONVERSING, DONE):
            return  # what comes after we closed is the stack's to refuse
        data = connection.receive(connection.readable, self.driver.now())
        if visit.stage is WAITING and (begins_as_tls(data) or self._plan(visit).services):
            self._converse(visit, data)  # which finds the first bytes there, and need not wait for them
        else:
            self._captured(visit, data)

    def closed(self, connection: Connection, reason: CloseReason) -> None:
        visit = connection.user if isinstance(connection.user, Visit) else self._conversing.pop(connection)
        self._disarm(visit)
        counters = Counters(
            connection.bytes_in,
            connection.bytes_out,
            self.driver.now() - connection.opened_at,
            connection.packets_in,
            connection.packets_out,
        )
        visit.ended = (reason, counters)
        if visit.stage is not CONVERSING:
            self._tell_end(visit)

    def noticed(self, notice: Notice) -> None:
        if not isinstance(notice, Datagram):
            self._witness.noticed(notice)
            return
        flow = flow_of("udp", notice.path, notice.local_port, notice.remote_port)
        self._datagrams.received(flow, notice.data, partial(self._reply, notice) if notice.answerable else None)
        self.driver.await_tasks()

    # in sensor mode

    def _captured(self, visit: Visit, data: bytes) -> None:
        visit.stage = CAPTURING
        visit.first = visit.first or self._reception.first_bytes(visit.identity)
        visit.first.received(data)
        if visit.first.told or visit.connection.eof_received:
            self._finish(visit)
        else:
            # A peer that never pauses is told of too: its first byte came within `idle`, and as many seconds follow.
            capture = self._reception.capture
            left = visit.connection.opened_at + 2 * capture.idle - self.driver.now()
            self._arm(visit, min(capture.pause, left))

    def _finish(self, visit: Visit) -> None:
        """Tell what was captured and close; the peer's own FIN ends the connection."""
        if visit.first is not None:
            visit.first.finish()
        self._disarm(visit)
        visit.stage = DONE
        visit.connection.release(self.driver.now())
        self.driver.flush()

    def time_is_up(self, visit: Visit) -> None:
        """A visit has waited, or paused, for as long as it may."""
        if visit.stage is WAITING and self._plan(visit).speaks_first:
            self._converse(visit, b"")
        elif visit.stage in (WAITING, CAPTURING):
            self._finish(visit)

    # in a task

    def _converse(self, visit: Visit, data: bytes) -> None:
        """Hand the connection to a task of its own; `data` has been received from it already."""
        self._disarm(visit)
        connection = visit.connection
        silent = visit.stage is WAITING and not (data or connection.readable or connection.eof_received)
        visit.stage = CONVERSING
        self._conversing[connection] = visit
        first = self._reception.first_bytes(visit.identity)
        stream = TcpStream(self.driver, connection)
        peer = Conversation(
            stream, _flow(connection), visit.identity, self._reception.recorder, self._rng, first=first, silent=silent
        )
        if data:
            first.received(data)
            peer.unreceive(data)
        if data and self._reception.answer_at_once(peer):
            self._over(visit, peer)
            return
        self._nursery.start_soon(self._hold, visit, peer, name="conversation")  # or Trio makes a text for each
        self.driver.await_tasks()

    async def _hold(self, visit: Visit, peer: Conversation) -> None:
        try:
            await self._reception.converse(peer)
        finally:
            self._over(visit, peer)

    def _over(self, visit: Visit, peer: Conversation) -> None:
        peer.tell_first()
        visit.stage = DONE
        if visit.ended is not None:
            self._tell_end(visit)

    # small things

    def _tell_end(self, visit: Visit) -> None:
        """The last event of a connection, when both it and its conversation are over."""
        if visit.first is not None:
            visit.first.finish()
        assert visit.ended is not None
        self._witness.closed(visit.identity, *visit.ended)

    def _plan(self, visit: Visit) -> PortPlan:
        connection = visit.connection
        return self._reception.plan_for("tcp", _local(connection.path.local, connection.local_port))

    def _reply(self, notice: Datagram, data: bytes, amplification: float) -> bool:
        stack, now, ports = self.driver.stack, self.driver.now(), (notice.local_port, notice.remote_port)
        sent = stack.send_datagram(notice.path, *ports, data, now, amplification=amplification)
        self.driver.flush()
        return sent

    def _arm(self, visit: Visit, seconds: float) -> None:
        self._disarm(visit)
        visit.timer = self.driver.call_at(self.driver.now() + seconds, visit)

    def _disarm(self, visit: Visit) -> None:
        if visit.timer is not None:
            visit.timer.pop(visit, None)
            visit.timer = None


# Very many connections share few of these texts; sharing them saves 200 bytes for each, and making them anew.
_mac = lru_cache(1024)(mac_text)
_address = lru_cache(4096)(address_text)


@lru_cache(4096)
def _local(address: bytes, port: int) -> Endpoint:
    return Endpoint(address_text(address), port)


def _packed(id: str) -> int | str:
    """An id in half of the memory, if it is a UUID."""
    try:
        number = UUID(id)
    except ValueError:
        return id
    return number.int if str(number) == id else id


def _flow(connection: Connection) -> Flow:
    path = connection.path
    return Flow(
        "tcp",
        _local(path.local, connection.local_port),
        Endpoint(_address(path.remote), connection.remote_port),
        _mac(path.local_mac),
        _mac(path.remote_mac),
    )
