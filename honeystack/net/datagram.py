"""A UDP port of our own stack: datagrams with the flow they came along."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from honeystack.net.address import Flow, Path, flow_of
from honeystack.net.notices import Datagram

if TYPE_CHECKING:
    from honeystack.net.driver import Driver


class UdpSocket(trio.abc.AsyncResource):
    """Receives what comes to one port, or to every port without a socket of its own.

    `dropped` counts datagrams that came while the queue was full; `reached` is told the names of bounds.
    """

    def __init__(
        self,
        driver: Driver,
        port: int | None,
        *,
        reached: Callable[[str], None],
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self.port = port
        self.dropped = 0
        self._driver = driver
        self._reached = reached
        self._on_close = on_close
        self._queue: deque[tuple[bytes, Flow]] = deque()
        self._paths: OrderedDict[Flow, Path] = OrderedDict()
        self._receiver: trio.lowlevel.Task | None = None
        self._closed = False
        driver.stack.udp.listen(port)

    def deliver(self, notice: Datagram) -> None:
        """Take a datagram; for whoever hears the driver's notices."""
        limits = self._driver.stack.settings.limits
        if len(self._queue) >= limits.socket_datagrams:  # the new ones are lost, as UDP may be
            self.dropped += 1
            self._reached("socket_datagrams")
            return
        flow = flow_of("udp", notice.path, notice.local_port, notice.remote_port)
        if notice.answerable:
            self._paths[flow] = notice.path
            self._paths.move_to_end(flow)
            if len(self._paths) > limits.socket_flows:
                self._paths.popitem(last=False)
                self._reached("socket_flows")
        self._queue.append((notice.data, flow))
        self._wake()

    async def receive(self) -> tuple[bytes, Flow]:
        """The next datagram's data, and the flow to answer along."""
        if self._closed:
            raise trio.ClosedResourceError("this socket has been closed")
        if self._receiver is not None:
            raise trio.BusyResourceError("another task receives from this socket")
        if self._queue:
            await trio.lowlevel.checkpoint()
        while not self._queue:
            await self._wait_woken()
            if self._closed:
                raise trio.ClosedResourceError("this socket has been closed")
        return self._queue.popleft()

    async def send(self, data: bytes, flow: Flow, *, amplification: float = 1.0) -> bool:
        """Answer along a flow that a datagram came from; False where it may not be answered, or not with so much.

        Only as many bytes go to an address as have come from it, so that a forged address is not flooded;
        `amplification` allows a multiple of that.
        """
        await trio.lowlevel.checkpoint()
        return self.send_nowait(data, flow, amplification=amplification)

    def send_nowait(self, data: bytes, flow: Flow, *, amplification: float = 1.0) -> bool:
        """`send` that is no checkpoint."""
        if self._closed:
            raise trio.ClosedResourceError("this socket has been closed")
        path = self._paths.get(flow)
        if path is None:
            return False
        driver = self._driver
        ports = flow.local.port, flow.remote.port
        sent = driver.stack.send_datagram(path, *ports, data, driver.clock(), amplification=amplification)
        driver.flush()
        return sent

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close the port; idempotent. What has not been received is lost."""
        if self._closed:
            return
        self._closed = True
        self._driver.stack.udp.unlisten(self.port)
        self._queue.clear()
        self._wake()
        self._on_close()

    async def _wait_woken(self) -> None:
        self._receiver = trio.lowlevel.current_task()

        def give_up(_: object) -> trio.lowlevel.Abort:
            self._receiver = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(give_up)

    def _wake(self) -> None:
        if self._receiver is not None:
            trio.lowlevel.reschedule(self._receiver)
            self._receiver = None
