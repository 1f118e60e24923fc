"""A TCP connection of our own stack as a Trio stream.

At most one task waits to receive and one to send; each is parked directly and woken by the driver. After `aclose` the
connection finishes on its own in the stack, without a task.
"""

from __future__ import annotations

from math import inf
from operator import index
from typing import TYPE_CHECKING

import trio

from honeystack.errors import HoneystackError
from honeystack.net.address import Endpoint, Flow, flow_of
from honeystack.net.notices import CloseReason, SynFacts
from honeystack.net.tcp.state import CLOSED, ESTABLISHED

if TYPE_CHECKING:
    from honeystack.net.driver import Driver
    from honeystack.net.tcp.connection import Connection

DEFAULT_RECEIVE = 65_536  # bytes; as trio.SocketStream, whose callers it replaces


class ConnectionEnded(HoneystackError):
    """The cause of a BrokenResourceError: how the connection ended."""

    def __init__(self, reason: CloseReason) -> None:
        super().__init__(f"the connection ended: {reason.value}")
        self.reason = reason


class TcpStream(trio.abc.HalfCloseableStream):
    """The octets of one connection; unread ones close the peer's window. Made on an Accepted connection."""

    __slots__ = (
        "_closed",
        "_driver",
        "_ended",
        "_eof_sent",
        "_receiver",
        "_receiver_late",
        "_sender",
        "_sender_late",
        "_sending",
        "connection",
        "deadline",
        "patience",
    )

    def __init__(self, driver: Driver, connection: Connection) -> None:
        self.connection = connection
        self._driver = driver
        self._receiver: trio.lowlevel.Task | None = None  # who is parked
        self._sender: trio.lowlevel.Task | None = None
        self._sending = False  # a task is in a send that may park
        self._receiver_late = self._sender_late = False  # it has been woken by its patience
        self._closed = False
        self._eof_sent = False
        self._ended: CloseReason | None = None
        # A wait for the peer raises trio.TooSlowError if it takes so many seconds, or at a time of the driver's clock.
        self.patience: float | None = None
        self.deadline: float | None = None
        connection.user = self

    @property
    def flow(self) -> Flow:
        return flow_of("tcp", self.connection.path, self.connection.local_port, self.connection.remote_port)

    @property
    def local(self) -> Endpoint:
        return self.flow.local

    @property
    def remote(self) -> Endpoint:
        return self.flow.remote

    @property
    def syn(self) -> SynFacts | None:
        """What the peer's SYN looked like; None where we opened the connection."""
        return self.connection.syn

    @property
    def at_eof(self) -> bool:
        """The peer has ended its side, and all that it sent has been received."""
        return self.connection.eof_received and not self.connection.readable

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if max_bytes is None:
            max_bytes = DEFAULT_RECEIVE
        elif index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._receiver is not None:
            raise trio.BusyResourceError("another task is about to receive from this stream")
        if self._can_receive():
            await trio.lowlevel.checkpoint_if_cancelled()
            data = self._take(max_bytes)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return data
        # Parked here and not in a function of its own: a frame takes each of very many that wait 250 bytes.
        while not self._can_receive():
            self._receiver = trio.lowlevel.current_task()
            until = self._until()
            if until is None:
                await trio.lowlevel.wait_task_rescheduled(self._stop_receiving)
            else:
                # The driver's wheel takes no kilobyte for it, as a cancel scope would, and bears very many.
                slot = self._driver.call_at(until, self)
                try:
                    await trio.lowlevel.wait_task_rescheduled(self._stop_receiving)
                finally:
                    slot.pop(self, None)
                if self._receiver_late:
                    self._receiver_late = False
                    raise trio.TooSlowError
        return self._take(max_bytes)

    def _until(self) -> float | None:
        """When a wait that begins now has to be over."""
        if self.patience is None:
            return self.deadline
        until = self._driver.now() + self.patience
        return until if self.deadline is None else min(until, self.deadline)

    def _can_receive(self) -> bool:
        connection = self.connection
        return bool(
            connection.readable
            or connection.eof_received
            or self._closed
            or self._ended is not None
            or connection.state is CLOSED
        )

    def _take(self, max_bytes: int) -> bytes:
        if self._closed:
            raise trio.ClosedResourceError("this stream has been closed")
        connection = self.connection
        if connection.readable:
            data = connection.receive(max_bytes, self._driver.now())
            self._driver.flush()  # the window has opened
            return data
        if not connection.eof_received:
            self._check_alive()
        return b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._check_sender()
        self._check_sendable()
        await trio.lowlevel.checkpoint_if_cancelled()
        connection, size = self.connection, len(data)
        if size > connection.writable or connection.wants_room:
            await self._send_in_pieces(data)
        elif size:
            connection.send(memoryview(data), self._driver.now())
            self._driver.flush()
        # The yield comes after the data, so that it leaves together with the acknowledgement of the request.
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def _send_in_pieces(self, data: bytes | bytearray | memoryview) -> None:
        self._sending = True
        try:
            with memoryview(data) as octets:
                sent = 0
                while sent < len(octets):
                    await self._wait_room()
                    self._check_alive()
                    sent += self._send_some(octets[sent:])
        finally:
            self._sending = False

    def _send_some(self, octets: memoryview) -> int:
        # One more than there is room for: the connection tells of new room only when not all was taken.
        piece = octets[: self.connection.writable + 1]
        sent = self.connection.send(piece, self._driver.now())
        self._driver.flush()
        return sent

    async def _wait_room(self) -> None:
        """Once the buffer was full, wait until a good part of it is free."""
        while self.connection.wants_room:
            await self._wait_woken()
            self._check_sendable()

    async def _wait_woken(self) -> None:
        """Park the sender; look again at the state afterwards. Raises trio.TooSlowError."""
        self._sender = trio.lowlevel.current_task()
        until = self._until()
        if until is None:
            await trio.lowlevel.wait_task_rescheduled(self._stop_sending)
            return
        slot = self._driver.call_at(until, self._wake_late_sender)
        try:
            await trio.lowlevel.wait_task_rescheduled(self._stop_sending)
        finally:
            slot.pop(self._wake_late_sender, None)
        if self._sender_late:
            self._sender_late = False
            raise trio.TooSlowError

    async def wait_send_all_might_not_block(self) -> None:
        self._check_sender()
        self._check_sendable()
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            self._check_sendable()
            if not self.connection.writable:
                self.connection.wants_room = True
            await self._wait_room()
        finally:
            self._sending = False

    async def wait_connected(self) -> None:
        """Wait for the end of our own handshake; BrokenResourceError if the peer refuses it."""
        await trio.lowlevel.checkpoint()
        while self.connection.state < ESTABLISHED:
            self._check_sendable()
            await self._wait_woken()

    async def send_eof(self) -> None:
        self._check_sender()
        self._check_open()
        await trio.lowlevel.checkpoint()
        self._check_open()
        if self._eof_sent:
            return
        self._eof_sent = True
        if self._ended is None:
            self.connection.close(self._driver.now())
            self._driver.flush()

    async def aclose(self) -> None:
        closed = self._closed
        self.close_nowait()
        if trio.current_effective_deadline() > -inf:
            await trio.lowlevel.checkpoint()
        elif not closed:
            await trio.lowlevel.wait_task_rescheduled(_give_up)  # is cancelled; `checkpoint` makes a scope for it
        # Else nothing is left that could be cut short. `aclose_forcefully` comes here after each `async with`.

    def close_nowait(self) -> None:
        """What `aclose` does, without being a checkpoint: FIN, or RST if the peer's octets are unread; idempotent."""
        if self._closed:
            return
        self._closed = True
        self._wake()
        if self._ended is not None:
            return
        self.connection.release(self._driver.now())
        self._driver.flush()

    @property
    def room(self) -> int:
        """How many octets `send_at_once` and `finish` would take."""
        return 0 if self._closed or self._eof_sent or self._ended is not None else self.connection.writable

    def send_at_once(self, octets: bytes) -> None:
        """Send without being a checkpoint, as many octets as there is `room` for."""
        self.connection.send(octets, self._driver.now())
        self._driver.flush()

    def finish(self, last: bytes = b"") -> bool:
        """Send the last octets and close, in as few segments as they take; True, for all that there is `room` for."""
        if last:
            self.connection.send(last, self._driver.now())
        self.close_nowait()
        return True

    def abort(self) -> None:
        """Reset the connection and close the stream; idempotent."""
        if self._ended is None:
            self.connection.abort(self._driver.now())
        self.close_nowait()
        self._driver.flush()

    # told by the driver

    def became_readable(self) -> None:
        """Wake the receiver."""
        if self._receiver is not None:
            trio.lowlevel.reschedule(self._receiver)
            self._receiver = None
            self._driver.await_tasks()

    def became_writable(self) -> None:
        """Wake the sender."""
        if self._sender is not None:
            trio.lowlevel.reschedule(self._sender)
            self._sender = None
            self._driver.await_tasks()

    def ended(self, reason: CloseReason) -> None:
        """The connection is over; what was received can still be read."""
        self._ended = reason
        self._wake()

    def __call__(self) -> None:
        """The patience of a receiver is over: the stream itself is the call, as a bound method takes 64 bytes."""
        self._receiver_late = self._receiver is not None
        self.became_readable()

    # inside

    def _wake(self) -> None:
        self.became_readable()
        self.became_writable()

    def _wake_late_sender(self) -> None:
        self._sender_late = self._sender is not None
        self.became_writable()

    def _stop_receiving(self, _: object) -> trio.lowlevel.Abort:  # a method takes half of a closure's memory
        self._receiver = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _stop_sending(self, _: object) -> trio.lowlevel.Abort:
        self._sender = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream has been closed")

    def _check_alive(self) -> None:
        if self._ended is not None or self.connection.state is CLOSED:
            raise trio.BrokenResourceError("the connection is over") from ConnectionEnded(
                self._ended or CloseReason.RST
            )

    def _check_sender(self) -> None:
        if self._sending:
            raise trio.BusyResourceError("another task is about to send to this stream")

    def _check_sendable(self) -> None:
        self._check_open()
        if self._eof_sent:
            raise trio.ClosedResourceError("send_eof has been called on this stream")
        self._check_alive()


def _give_up(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.SUCCEEDED
