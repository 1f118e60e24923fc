"""A TCP connection of our own stack as a Trio stream.

At most one task waits to receive and one to send; each is parked directly and woken by the driver. After `aclose` the
connection finishes on its own in the stack, without a task.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

import attrs
import trio

from honeystack.errors import HoneystackError
from honeystack.net.address import Endpoint, Flow, flow_of
from honeystack.net.notices import CloseReason, SynFacts
from honeystack.net.tcp.state import State

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

    __slots__ = ("_closed", "_driver", "_ended", "_eof_sent", "_receiver", "_sender", "connection", "patience")

    def __init__(self, driver: Driver, connection: Connection) -> None:
        self.connection = connection
        self._driver = driver
        self._receiver = _Seat("receive from")
        self._sender = _Seat("send to")
        self._closed = False
        self._eof_sent = False
        self._ended: CloseReason | None = None
        self.patience: float | None = None  # seconds; a wait for the peer that takes longer raises trio.TooSlowError
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

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if max_bytes is not None and index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        with self._receiver:
            if self.connection.readable or self.connection.eof_received or self._closed or self._ended:
                await trio.lowlevel.checkpoint()
            while True:
                self._check_open()
                if self.connection.readable:
                    data = self.connection.receive(max_bytes or DEFAULT_RECEIVE, self._driver.clock())
                    self._driver.flush()  # the window has opened
                    return data
                if self.connection.eof_received:
                    return b""
                self._check_alive()
                await self._receiver.wait_woken(self._driver, self.patience)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        with self._sender, memoryview(data) as octets:
            self._check_sendable()
            await trio.lowlevel.checkpoint_if_cancelled()
            if not octets:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return
            sent = 0
            while sent < len(octets):
                await self._wait_room()
                self._check_alive()
                sent += self._send_some(octets[sent:])
            # The yield comes after the data, so that it leaves together with the acknowledgement of the request.
            await trio.lowlevel.cancel_shielded_checkpoint()

    def _send_some(self, octets: memoryview) -> int:
        # One more than there is room for: the connection tells of new room only when not all was taken.
        piece = octets[: self.connection.writable + 1]
        sent = self.connection.send(piece, self._driver.clock())
        self._driver.flush()
        return sent

    async def _wait_room(self) -> None:
        """Once the buffer was full, wait until a good part of it is free."""
        while self.connection.wants_room:
            await self._sender.wait_woken(self._driver, self.patience)
            self._check_sendable()

    async def wait_send_all_might_not_block(self) -> None:
        with self._sender:
            self._check_sendable()
            await trio.lowlevel.checkpoint()
            self._check_sendable()
            if not self.connection.writable:
                self.connection.wants_room = True
            await self._wait_room()

    async def wait_connected(self) -> None:
        """Wait for the end of our own handshake; BrokenResourceError if the peer refuses it."""
        with self._sender:
            await trio.lowlevel.checkpoint()
            while self.connection.state < State.ESTABLISHED:
                self._check_sendable()
                await self._sender.wait_woken(self._driver, self.patience)

    async def send_eof(self) -> None:
        with self._sender:
            self._check_open()
            await trio.lowlevel.checkpoint()
            self._check_open()
            if self._eof_sent:
                return
            self._eof_sent = True
            if self._ended is None:
                self.connection.close(self._driver.clock())
                self._driver.flush()

    async def aclose(self) -> None:
        self.close_nowait()
        await trio.lowlevel.checkpoint()

    def close_nowait(self) -> None:
        """What `aclose` does, without being a checkpoint: FIN, or RST if the peer's octets are unread; idempotent."""
        if self._closed:
            return
        self._closed = True
        self._receiver.wake()
        self._sender.wake()
        if self._ended is not None:
            return
        self.connection.release(self._driver.clock())
        self._driver.flush()

    @property
    def room(self) -> int:
        """How many octets `send_at_once` and `finish` would take."""
        return 0 if self._closed or self._eof_sent or self._ended is not None else self.connection.writable

    def send_at_once(self, octets: bytes) -> None:
        """Send without being a checkpoint, as many octets as there is `room` for."""
        self.connection.send(octets, self._driver.clock())
        self._driver.flush()

    def finish(self, last: bytes = b"") -> bool:
        """Send the last octets and close, in as few segments as they take; True, for all that there is `room` for."""
        if last:
            self.connection.send(last, self._driver.clock())
        self.close_nowait()
        return True

    def abort(self) -> None:
        """Reset the connection and close the stream; idempotent."""
        if self._ended is None:
            self.connection.abort(self._driver.clock())
        self.close_nowait()
        self._driver.flush()

    # told by the driver

    def became_readable(self) -> None:
        """Wake the receiver."""
        self._receiver.wake()

    def became_writable(self) -> None:
        """Wake the sender."""
        self._sender.wake()

    def ended(self, reason: CloseReason) -> None:
        """The connection is over; what was received can still be read."""
        self._ended = reason
        self._receiver.wake()
        self._sender.wake()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream has been closed")

    def _check_alive(self) -> None:
        if self._ended is not None or self.connection.state is State.CLOSED:
            raise trio.BrokenResourceError("the connection is over") from ConnectionEnded(
                self._ended or CloseReason.RST
            )

    def _check_sendable(self) -> None:
        self._check_open()
        if self._eof_sent:
            raise trio.ClosedResourceError("send_eof has been called on this stream")
        self._check_alive()


@attrs.define(eq=False)
class _Seat:
    """Room for one task; a second one is told that the stream is busy."""

    verb: str
    _taken: bool = attrs.field(default=False, init=False)
    _parked: trio.lowlevel.Task | None = attrs.field(default=None, init=False)
    _late: bool = attrs.field(default=False, init=False)

    def __enter__(self) -> None:
        if self._taken:
            raise trio.BusyResourceError(f"another task is about to {self.verb} this stream")
        self._taken = True

    def __exit__(self, *_: object) -> None:
        self._taken = False

    async def wait_woken(self, driver: Driver, patience: float | None) -> None:
        """Park the task until `wake`; look again at the state afterwards. Raises trio.TooSlowError after `patience`."""
        self._parked = trio.lowlevel.current_task()
        if patience is None:
            await trio.lowlevel.wait_task_rescheduled(self._give_up)
            return
        # The driver's wheel takes no kilobyte for it, as a cancel scope would, and very many do not make it slower.
        slot = driver.call_at(driver.clock() + patience, self.wake_late)
        try:
            await trio.lowlevel.wait_task_rescheduled(self._give_up)
        finally:
            slot.pop(self.wake_late, None)
        if self._late:
            self._late = False
            raise trio.TooSlowError

    def wake_late(self) -> None:
        self._late = self._parked is not None
        self.wake()

    def _give_up(self, _: object) -> trio.lowlevel.Abort:  # a method takes half of a closure's memory
        self._parked = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self) -> None:
        if self._parked is not None:
            trio.lowlevel.reschedule(self._parked)
            self._parked = None
