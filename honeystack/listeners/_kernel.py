"""Kernel sockets as the house wants them: streams that count, and datagrams that know where they came to."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import trio

from honeystack.listeners._datagrams import Reply
from honeystack.net.address import Endpoint, Flow, address_text
from honeystack.net.limits import Limits
from honeystack.net.notices import CloseReason
from honeystack.net.udp import AnswerGuard

MAX_DATAGRAM = 65_535
_IP_PKTINFO = 8  # linux/in.h; the socket module has no name for it before Python 3.14
_V4 = struct.Struct("=i4s4s")  # struct in_pktinfo: interface, the address to answer from, the address it came to
_V6 = struct.Struct("=16si")  # struct in6_pktinfo


def endpoint_of(address: Any) -> Endpoint:
    """A socket address without the scope that IPv6 adds."""
    return Endpoint(address[0].partition("%")[0], address[1])


class Counted(trio.abc.HalfCloseableStream):
    """A stream that counts what passes, and knows how it ended."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self.bytes_in = 0
        self.bytes_out = 0
        self.reason = CloseReason.FIN

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        with self._ending():
            data = bytes(await self._stream.receive_some(max_bytes))
        self.bytes_in += len(data)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        with self._ending():
            await self._stream.send_all(data)
        self.bytes_out += len(data)

    async def wait_send_all_might_not_block(self) -> None:
        with self._ending():
            await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        with self._ending():
            await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except trio.BrokenResourceError:
            self.reason = CloseReason.RST
            raise


class DatagramSocket:
    """A bound UDP socket that tells each datagram's whole flow, and answers from the address that was asked.

    `reached` is told the names of bounds.
    """

    def __init__(self, bound: socket.socket, *, limits: Limits, reached: Callable[[str], None]) -> None:
        self._socket = bound
        self._guard = AnswerGuard(limits.datagram_remotes, per_second=limits.datagram_answers_per_second)
        self._reached = reached
        self._port: int = bound.getsockname()[1]
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            bound.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    async def receive(self, received: Callable[[Flow, bytes, Reply | None], None]) -> None:
        """Tell of each datagram until cancelled."""
        address: Any
        with trio.socket.from_stdlib_socket(self._socket) as asynchronous:
            while True:
                try:
                    data, ancillary, _, address = await asynchronous.recvmsg(MAX_DATAGRAM, socket.CMSG_SPACE(_V6.size))
                except OSError:
                    continue  # an ICMP error to an earlier answer; it says nothing about the next datagram
                local = self._local(ancillary)
                flow = Flow("udp", Endpoint(address_text(local), self._port), endpoint_of(address))
                remote = socket.inet_pton(self._socket.family, flow.remote.address)
                forgotten = self._guard.forgotten
                answerable = self._guard.heard(remote, address[1], data, trio.current_time())
                if self._guard.forgotten > forgotten:
                    self._reached("datagram_remotes")
                received(flow, data, partial(self._send, local, remote, address) if answerable else None)

    def _local(self, ancillary: list[tuple[int, int, bytes]]) -> bytes:
        """The address that the datagram came to, packed."""
        for level, kind, data in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
                return bytes(_V4.unpack(data)[2])
            if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
                return bytes(_V6.unpack(data)[0])
        return socket.inet_pton(self._socket.family, self._socket.getsockname()[0])

    def _send(self, local: bytes, remote: bytes, address: Any, data: bytes, amplification: float) -> bool:
        held_back = self._guard.held_back
        if not self._guard.may_send(remote, address[1], data, trio.current_time(), amplification=amplification):
            if self._guard.held_back > held_back:
                self._reached("datagram_answers_per_second")
            return False
        if len(local) == 4:
            source = (socket.IPPROTO_IP, _IP_PKTINFO, _V4.pack(0, local, b""))
        else:
            source = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _V6.pack(local, 0))
        try:
            self._socket.sendmsg([data], [source], 0, address)
        except OSError:
            return False  # full, or the peer cannot be reached: a lost datagram
        return True
