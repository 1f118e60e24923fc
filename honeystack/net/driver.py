"""The driver joins the pure stack to a link, to Trio's time and to whoever owns the conversations.

One task pumps: frames in, timers, notices out, frames out. Tasks that a batch wakes run before the batch's answers go
to the link, so that an acknowledgement and a reply leave in one segment and a batch costs one system call; a user
call at any other time, and a batch that wakes nobody, goes out at once. Nothing else here waits with frames unsent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import trio

from honeystack.net.link import ChangingLink, Link, LinkStatistics, ReceivedFrame, SynLink
from honeystack.net.notices import Accepted, Closed, CloseReason, Fault, Notice, Readable, Writable
from honeystack.net.stream import TcpStream
from honeystack.net.timers import RESOLUTION, TimerSlots

if TYPE_CHECKING:
    from honeystack.net.stack import Stack
    from honeystack.net.tcp.connection import Connection

CROWD = 2048  # SYNs of one batch: some milliseconds, in which what a batch costs at least is spread over many


class Guest(Protocol):
    """Who owns the conversations. Told synchronously; must not wait, and must not raise.

    Where it starts or wakes a task that may answer, it says so to the driver with `await_tasks`.
    """

    def accepted(self, connection: Connection) -> None:
        """A handshake is complete: take the connection over, as a TcpStream or otherwise."""
        ...

    def readable(self, connection: Connection) -> None:
        """Octets or their end can be received; not told of a connection that a TcpStream owns."""
        ...

    def closed(self, connection: Connection, reason: CloseReason) -> None:
        """The connection is over, its counters are final; told of every connection that was accepted."""
        ...

    def noticed(self, notice: Notice) -> None:
        """Every notice that is not about one connection."""
        ...


class Driver:
    """Inputs: the link's frames, timers, and `flush` after user calls. Outputs: frames, and calls of the guest."""

    def __init__(
        self, stack: Stack, link: Link, guest: Guest, *, clock: Callable[[], float] = trio.current_time
    ) -> None:
        self.stack = stack
        self.link = link
        self.guest = guest
        self.clock = clock
        self.timers: TimerSlots[Callable[[], None]] = TimerSlots()
        self._scope: trio.CancelScope | None = None
        self._crowd = link if isinstance(link, SynLink) else None
        self._not_before = -math.inf
        self._busy = False  # a flush follows, or is under way
        self._now = -math.inf  # when what is busy began
        self._awaited = False

    @property
    def frames(self) -> LinkStatistics:
        """What the link has carried and lost."""
        return self.link.statistics()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Pump until cancelled; started once frames are answered."""
        self.flush()
        task_status.started()
        while True:
            # One scope serves many waits: it is moved to earlier deadlines and never to later ones.
            with trio.CancelScope(deadline=self._next_deadline()) as self._scope:
                while True:
                    await self.link.wait_readable()
                    await self._turn()
            await self._turn()

    async def follow_link(self) -> None:
        """Have the stack follow the link's MTU, until cancelled; at once over where it cannot change."""
        while isinstance(self.link, ChangingLink):
            mtu = await self.link.wait_mtu()
            self._contained(partial(self.stack.change_mtu, mtu, self.clock()))
            self.flush()

    def now(self) -> float:
        """The time; of all that is done for a batch, that of its frames, as asking Trio takes a microsecond."""
        return self._now if self._busy else self.clock()

    def flush(self) -> None:
        """Frames to the link, notices to their owners, and the next deadline; after every user call."""
        if self._busy:
            return
        self._now = self.clock()
        self._busy = True
        try:
            self._transmit()
            while self._dispatch():
                self._transmit()  # the owners may have answered
        finally:
            self._busy = False
        self.arm()

    def call_at(self, deadline: float, call: Callable[[], None]) -> dict[Callable[[], None], None]:
        """Call at a time of the driver's clock, or up to 8 ms later; who takes it out of what is returned cancels it.

        Costs no task, no cancel scope and no object, so that each of very many connections can have one. It must not
        wait.
        """
        slot = self.timers.put(call, deadline)
        if self._scope is not None and deadline < self._scope.deadline:
            self.arm()
        return slot

    def await_tasks(self) -> None:
        """A task that may answer has been woken or started: the batch under way is flushed after it has run."""
        self._awaited = self._busy

    def stop(self) -> None:
        """End every connection, on the wire and for its owner; to be called before `run` is cancelled."""
        self._contained(lambda: self.stack.shut_down(self.clock()))
        self.flush()

    def arm(self) -> None:
        """See to it that the pump wakes for the next deadline."""
        if self._scope is not None:
            deadline = self._next_deadline()
            if deadline < self._scope.deadline:
                self._scope.deadline = deadline

    async def _turn(self) -> None:
        self._now = self.clock()
        self._busy, self._awaited = True, False
        try:
            self._take_frames()
            self._take_timers()
            self._dispatch()
            while self._awaited:
                self._awaited = False
                # Trio runs the tasks of one round in any order: after two rounds all that were woken have run once.
                await trio.lowlevel.cancel_shielded_checkpoint()
                await trio.lowlevel.cancel_shielded_checkpoint()
        finally:
            self._busy = False
        self.flush()

    def _take_frames(self) -> None:
        now = self._now
        if self._crowd is None or not self.stack.tcp.handshakes.full:
            self._give(self.link.receive(), now)
            return
        self._give(self._crowd.receive_others(), now)  # flows that live come first
        batch, others = self._crowd.receive_syns(CROWD)
        self._give(others, now)
        if batch is not None:
            self._crowd.send_blocks(self.stack.receive_syns(batch, now))

    def _give(self, frames: Iterable[ReceivedFrame], now: float) -> None:
        receive_frame = self.stack.receive_frame
        for data, checksum, vlan in frames:
            try:
                receive_frame(data, now, checksum=checksum, vlan=vlan)
            except Exception as error:
                self._tell_fault(data, error)

    def _take_timers(self) -> None:
        now = self.clock()
        if self._scope is not None and now < self._scope.deadline:
            return  # it is never later than the next deadline, which costs more to ask for
        if self._next_deadline() > now:
            return
        self._contained(lambda: self.stack.handle_timeout(now))
        for call in self.timers.expire(now):
            self._contained(call)
        if self._next_deadline() <= now:
            self._not_before = now + RESOLUTION  # a deadline that stays must not keep us from waiting

    def _next_deadline(self) -> float:
        ours, stack = self.timers.next_deadline(), self.stack.poll_timeout()
        deadline = min(math.inf if ours is None else ours, math.inf if stack is None else stack)
        return max(deadline, self._not_before)

    def _transmit(self) -> None:
        try:
            frames = self.stack.poll_transmit(self._now)
        except Exception as error:
            self._tell_fault(b"", error)
            return
        if frames:
            self.link.send(frames)

    def _dispatch(self) -> bool:
        """Tell all notices there are; returns whether there were any."""
        told = False
        while (notice := self.stack.poll_notice()) is not None:
            told = True
            try:
                self._tell(notice)
            except Exception as error:
                self._tell_fault(b"", error)
        return told

    def _tell(self, notice: Notice) -> None:
        # A stream is asked for by its type: Trio's are abstract base classes, whose instances take long to be told.
        if isinstance(notice, Readable):
            user = notice.connection.user
            if type(user) is TcpStream:
                user.became_readable()
            else:
                self.guest.readable(notice.connection)
        elif isinstance(notice, Writable):
            user = notice.connection.user
            if type(user) is TcpStream:
                user.became_writable()
        elif isinstance(notice, Accepted):
            self.guest.accepted(notice.connection)
        elif isinstance(notice, Closed):
            user = notice.connection.user
            if type(user) is TcpStream:
                user.ended(notice.reason)
            self.guest.closed(notice.connection, notice.reason)
        else:
            self.guest.noticed(notice)

    def _contained(self, call: Callable[[], object]) -> None:
        """An error costs this call only, and is told."""
        try:
            call()
        except Exception as error:
            self._tell_fault(b"", error)

    def _tell_fault(self, frame: bytes, error: Exception) -> None:
        self.guest.noticed(Fault(frame, error))
