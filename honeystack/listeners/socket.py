"""The configured ports on sockets of the kernel."""

from __future__ import annotations

import errno
import random
import secrets
import socket
from collections.abc import Iterator
from functools import partial
from typing import Literal

import attrs
import trio

from honeystack.conversation import Conversation
from honeystack.errors import Unavailable
from honeystack.listeners._datagrams import Datagrams
from honeystack.listeners._kernel import Counted, DatagramSocket, endpoint_of
from honeystack.net.address import Endpoint, Flow
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached, CloseReason
from honeystack.reception import Reception
from honeystack.registry import listener
from honeystack.settings import setting
from honeystack.witness import Counters, Witness

EVERYWHERE = ("0.0.0.0", "::")
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def _one(_: object, attribute: attrs.Attribute[int | str], value: int | str) -> None:
    if value != 1:
        raise ValueError('the socket listener is one process: write workers = 1, or type = "netstack"')


@listener("socket")
@attrs.frozen
class Socket:
    """Listens on the ports that the config names, with sockets of the kernel: no raw packets, no privileges above 1023.

    Makes the same events as `netstack`, less what only packets tell: SYN signatures, half-open connections, port scans
    and the sniffer's. `tcp/any` names no port here.
    """

    addresses: tuple[str, ...] = setting(
        "local addresses of ports that name none; default: all", default=(), example=["203.0.113.4"]
    )
    max_connections: int = setting("TCP connections held at once; beyond it new ones are shed", default=4096)
    tls_fingerprint: str = setting(
        'how TLS looks: "random" (drawn for every connection), "rotate" (another real server for each client network, '
        'port and day) or "mimic:NAME" (that server always; `honeystack list tls-profiles` names them)',
        default="random",
        example="rotate",
    )
    workers: int | Literal["auto"] = setting(
        "only 1: several processes share packets, which is for `netstack`", default=1, validator=_one
    )
    limits: Limits = setting("bounds on tables and on UDP conversations", factory=Limits)

    async def run(self, reception: Reception, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; then every connection ends and is told."""
        witness = Witness(reception.recorder, clock=trio.current_time, limits=self.limits, capture=reception.capture)
        house = _House(reception, witness, self.max_connections)
        reception.watch(house.counters, witness.noticed)
        try:
            async with trio.open_nursery() as nursery:
                datagrams = Datagrams(reception, witness, nursery, limits=self.limits)
                for address, port in self._places(reception, "tcp"):
                    for listening in _bound(address, port, socket.SOCK_STREAM):
                        listening.listen(self.limits.backlog)
                        nursery.start_soon(house.accept, trio.socket.from_stdlib_socket(listening), nursery)
                for address, port in self._places(reception, "udp"):
                    for bound in _bound(address, port, socket.SOCK_DGRAM):
                        from_kernel = DatagramSocket(bound, limits=self.limits, reached=datagrams.reached)
                        nursery.start_soon(from_kernel.receive, datagrams.received)
                nursery.start_soon(witness.run)
                task_status.started()
        finally:
            witness.finish()

    def _places(self, reception: Reception, transport: str) -> Iterator[tuple[str | None, int]]:
        for address, port in reception.planned_ports(transport):
            if address is None and self.addresses:
                yield from ((one, port) for one in self.addresses)
            else:
                yield address, port


class _House:
    """The TCP connections of one listener."""

    def __init__(self, reception: Reception, witness: Witness, limit: int) -> None:
        self._reception = reception
        self._witness = witness
        self._limit = limit
        self._rng = random.Random(secrets.randbits(128))
        self._open = 0
        self._accepted = 0

    def counters(self) -> dict[str, int]:
        return {"connections": self._open, "tcp.accepted": self._accepted}

    async def accept(self, listening: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        """Accept for ever; what one peer or a lack of descriptors spoils is passed over."""
        with listening:
            while True:
                try:
                    accepted, address = await listening.accept()
                except OSError as error:
                    if error.errno in _EXHAUSTED:
                        self._witness.noticed(BoundReached("file_descriptors", 0, None))
                        await trio.sleep(0.1)  # a descriptor has to become free first
                    continue
                flow = Flow("tcp", endpoint_of(accepted.getsockname()), endpoint_of(address))
                self._accepted += 1
                nursery.start_soon(self._hold, trio.SocketStream(accepted), flow)

    async def _hold(self, socket_stream: trio.SocketStream, flow: Flow) -> None:
        began = trio.current_time()
        identity = self._witness.connected(flow)
        stream = Counted(socket_stream)
        first = self._reception.first_bytes(identity)
        peer = Conversation(stream, flow, identity, self._reception.recorder, self._rng, first=first)
        reason = CloseReason.SHUTDOWN
        self._open += 1
        try:
            if self._open > self._limit:
                self._witness.noticed(BoundReached("max_connections", self._limit, None))
                reason = CloseReason.SHED
                return
            await self._reception.converse(peer)
            reason = stream.reason
        finally:
            self._open -= 1
            with trio.CancelScope(shield=True):  # a stop must not keep the last event from being told
                await trio.aclose_forcefully(stream)
            peer.tell_first()
            duration = trio.current_time() - began
            self._witness.closed(identity, reason, Counters(stream.bytes_in, stream.bytes_out, duration))


def _bound(address: str | None, port: int, kind: socket.SocketKind) -> Iterator[socket.socket]:
    """A bound socket, or one for each IP version where no address is named. Raises Unavailable."""
    for one in EVERYWHERE if address is None else (address,):
        family = socket.AF_INET6 if ":" in one else socket.AF_INET
        bind = partial(_bind, family, kind, one, port)
        try:
            yield bind()
        except OSError as error:
            if address is None and family == socket.AF_INET6 and error.errno in _NO_IPV6:
                continue  # this machine has IPv4 only
            raise Unavailable(_sentence(error, Endpoint(one, port))) from error


def _bind(family: socket.AddressFamily, kind: socket.SocketKind, address: str, port: int) -> socket.socket:
    bound = socket.socket(family, kind)
    try:
        bound.setblocking(False)
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


def _sentence(error: OSError, place: Endpoint) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{place} is in use by another program: `ss -lntup` shows which"
    if error.errno == errno.EACCES:
        return f"{place} needs CAP_NET_BIND_SERVICE: run as root, or give that capability to the interpreter"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{place} is no address of this machine: `ip address` shows them"
    return f"{place} cannot be opened: {error.strerror}"
