"""The network stack as a library: `async with open_netstack(interface="eth0", exclude_ports=["tcp/22"]) as net:`."""

from __future__ import annotations

import errno
import random
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING

import trio

from honeystack.errors import ConfigError, StateError, Unavailable
from honeystack.events.bus import Bus
from honeystack.events.event import Event, Identity
from honeystack.events.ids import IdFactory
from honeystack.events.recorder import Recorder
from honeystack.listeners.netstack import counters
from honeystack.net.address import AddressSet, Exclusions, Path, flow_of, parse_port_range
from honeystack.net.attachment import Attachment, AttachmentSettings, attach
from honeystack.net.datagram import UdpSocket
from honeystack.net.driver import Driver
from honeystack.net.fence import FenceKind
from honeystack.net.internet import is_martian
from honeystack.net.limits import Limits
from honeystack.net.link import Link
from honeystack.net.notices import BoundReached, CloseReason, Datagram, Notice
from honeystack.net.persona import Persona
from honeystack.net.settings import StackSettings
from honeystack.net.stack import Stack
from honeystack.net.stream import TcpStream
from honeystack.net.tcp.connection import Connection
from honeystack.reception import CaptureLimits
from honeystack.witness import Counters, Witness
from honeystack.witness.fence import fence_teller
from honeystack.witness.interface import interface_teller

if TYPE_CHECKING:
    from honeystack.listeners._attendant import Attendant

BURST = 64  # connections that are accepted at once: one a round of Trio's would make a batch as many rounds long
FIRST_PORT, LAST_PORT = 32768, 60999  # for connect_tcp: Linux's ip_local_port_range


@asynccontextmanager
async def open_netstack(
    interface: str | None = None,
    *,
    link: Link | None = None,
    addresses: Sequence[str] = (),
    exclude_ports: Sequence[str] = (),
    exclude_addresses: Sequence[str] = (),
    allow_no_exclude: bool = False,
    sniffer: bool = False,
    capture: bool = False,
    fence: FenceKind = "auto",
    duplicate_detection: bool = True,
    limits: Limits | None = None,
    persona: Persona | None = None,
    rng: random.Random | None = None,
) -> AsyncIterator[Netstack]:
    """A network stack on an interface, or on any other link, while the block runs.

    Arguments are those of the listener `netstack`. With `capture`, every TCP and UDP port that nobody has opened
    takes what peers send and makes events of it; without, such ports answer as closed ones. At the end of the block
    every connection is reset. Raises ConfigError, and Unavailable with its remedy.
    """
    settings = AttachmentSettings(
        interface=interface or "",
        addresses=tuple(addresses),
        exclusions=Exclusions(tuple(map(parse_port_range, exclude_ports)), AddressSet(exclude_addresses)),
        allow_no_exclude=allow_no_exclude,
        sniffer=sniffer,
        persona=persona or Persona(),
        limits=limits or Limits(),
        fence=fence,
        duplicate_detection=duplicate_detection,
    )
    if (interface is None) == (link is None):
        raise ConfigError("name an interface, or give a link: one of them")
    chance = rng or random.Random(secrets.randbits(256))
    secret = chance.getrandbits(256).to_bytes(32, "big")
    async with AsyncExitStack() as room:
        if link is None:
            attachment = await room.enter_async_context(attach(settings, rng=chance, secret=secret))
        else:
            attachment = _on_link(settings, link, chance, secret)
        async with _running(attachment, settings.limits, chance, capture) as net:
            yield net


def _on_link(settings: AttachmentSettings, link: Link, rng: random.Random, secret: bytes) -> Attachment:
    if not settings.addresses:
        raise ConfigError("a link has no addresses of its own: name some in addresses")
    stack = Stack(
        StackSettings(
            mac=link.mac,
            addresses=AddressSet(settings.addresses),
            mtu=link.mtu,
            exclusions=settings.exclusions,
            sniffer=settings.sniffer,
            persona=settings.persona,
            limits=settings.limits,
            secret=secret,
        ),
        rng=rng,
    )
    return Attachment(stack, link)


@asynccontextmanager
async def _running(
    attachment: Attachment, limits: Limits, rng: random.Random, capture: bool
) -> AsyncIterator[Netstack]:
    bus = Bus()
    recorder = Recorder(bus, clock=time.time, new_id=IdFactory(clock=time.time, rng=rng))
    witness = Witness(recorder, clock=trio.current_time, limits=limits, capture=CaptureLimits())
    try:
        async with trio.open_nursery() as nursery:
            net = Netstack(attachment, bus, witness, rng)
            if capture:
                net.capture_with(_attendant(recorder, witness, nursery, limits, rng))
            await nursery.start(net.driver.run)
            nursery.start_soon(witness.run)
            nursery.start_soon(net.driver.follow_link)
            for conflict in attachment.conflicts:
                witness.noticed(conflict)
            nursery.start_soon(attachment.fence.watch, fence_teller(recorder))
            if attachment.interface is not None:
                nursery.start_soon(attachment.interface.watch, interface_teller(recorder))
            try:
                yield net
            finally:
                net.stop()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None  # the block's own error, as if there were no nursery


def _attendant(
    recorder: Recorder, witness: Witness, nursery: trio.Nursery, limits: Limits, rng: random.Random
) -> Attendant:
    """Sensor mode on every port; who does not capture needs none of these modules."""
    from honeystack.listeners._attendant import Attendant
    from honeystack.listeners._datagrams import Datagrams
    from honeystack.router import Router

    router = Router((), {}, recorder=recorder, capture=CaptureLimits(), rng=rng)
    datagrams = Datagrams(router, witness, nursery, limits=limits)
    return Attendant(router, witness, nursery, datagrams, rng=rng)


class Netstack:
    """A running stack; made by open_netstack. It is the driver's guest."""

    def __init__(self, attachment: Attachment, bus: Bus, witness: Witness, rng: random.Random) -> None:
        self.stack = attachment.stack
        self.driver = Driver(attachment.stack, attachment.link, self)
        self._bus = bus
        self._witness = witness
        self._rng = rng
        self._attendant: Attendant | None = None
        self._listeners: dict[int | None, TcpListener] = {}
        self._sockets: dict[int | None, UdpSocket] = {}
        self._identities: dict[Connection, Identity] = {}
        self._subscriptions = 0

    async def open_tcp_listener(self, port: int | None = None) -> TcpListener:
        """Connections to a port as a trio.abc.Listener; None: to every port without a listener of its own.

        It is async as Trio's own are; the port is open when it returns.
        """
        await trio.lowlevel.checkpoint()  # before anything is done: a cancelled call has opened nothing
        if port in self._listeners:
            raise StateError(f"port {port} has a listener already")
        listener = self._listeners[port] = TcpListener(self, port)
        self.stack.tcp.listen(port)
        return listener

    def open_udp_socket(self, port: int | None = None) -> UdpSocket:
        """Datagrams to a port; None: to every port without a socket of its own."""
        if port in self._sockets:
            raise StateError(f"port {port} has a socket already")
        socket = self._sockets[port] = UdpSocket(
            self.driver, port, reached=self._reached, on_close=lambda: self._close_socket(port)
        )
        return socket

    async def connect_tcp(self, address: str, port: int, *, mac: bytes | None = None) -> TcpStream:
        """Connect to a neighbour; its MAC address is needed unless it has spoken to us lately.

        Meant for tests and tools: a honeypot opens no connections. Raises OSError where there is no connection, and
        where there cannot be one: to a group, a broadcast, or an address that no peer has.
        """
        remote = ip_address(address).packed
        if is_martian(remote) or remote in self.stack.settings.broadcasts:  # MUST-46
            raise OSError(errno.ENETUNREACH, f"{address} is no address of a peer")
        path = self._path_to(remote, mac)
        local_port = self._free_port(path, port)
        connection = self.stack.tcp.connect(path, port, local_port, self.driver.clock())
        stream = TcpStream(self.driver, connection)
        self.driver.flush()
        try:
            await stream.wait_connected()
        except trio.BrokenResourceError as refused:
            raise ConnectionRefusedError(f"no connection to {address} port {port}: {refused.__cause__}") from refused
        except BaseException:
            stream.abort()
            raise
        return stream

    def _free_port(self, path: Path, port: int) -> int:
        """A local port that nothing uses towards this one; the search begins anywhere, as RFC 6056 §3.3.2 has it."""
        ports = LAST_PORT - FIRST_PORT + 1
        start = self._rng.randrange(ports)
        candidates = (FIRST_PORT + (start + step) % ports for step in range(ports))
        free = (local for local in candidates if not self.stack.tcp.in_use(path, local, port))
        try:
            return next(free)
        except StopIteration:
            raise OSError(errno.EADDRNOTAVAIL, f"every local port is in use towards port {port}") from None

    async def events(self) -> AsyncIterator[Event]:
        """Every event from now on: connections, datagrams, scans, and what `capture` has caught."""
        self._subscriptions += 1
        name = f"events-{self._subscriptions}"
        try:
            async for event in self._bus.subscribe(name):
                yield event
        finally:
            self._bus.unsubscribe(name)

    def statistics(self) -> dict[str, int]:
        """Counters of the stack and its link."""
        return counters(self.driver)

    def capture_with(self, attendant: Attendant) -> None:
        """Give what nobody has opened to an attendant."""
        self._attendant = attendant
        attendant.driver = self.driver
        self.stack.tcp.listen(None)
        self.stack.udp.listen(None)

    def stop(self) -> None:
        """End every connection and tell what is pending."""
        for listener in list(self._listeners.values()):
            listener.close()
        for socket in list(self._sockets.values()):
            socket.close()
        self.driver.stop()
        self._witness.finish()

    # Guest

    def accepted(self, connection: Connection) -> None:
        listener = self._listeners.get(connection.local_port) or self._listeners.get(None)
        if listener is None and self._attendant is not None:
            self._attendant.accepted(connection)
            return
        flow = flow_of("tcp", connection.path, connection.local_port, connection.remote_port)
        self._identities[connection] = self._witness.connected(flow, syn=connection.syn, rtt=connection.rtt)
        stream = TcpStream(self.driver, connection)
        if listener is None:
            stream.abort()
        elif not listener.put(stream, self.stack.settings.limits.backlog):
            self._reached("backlog")
            stream.abort()
        else:
            self.driver.await_tasks()

    def readable(self, connection: Connection) -> None:
        if self._attendant is not None:
            self._attendant.readable(connection)

    def closed(self, connection: Connection, reason: CloseReason) -> None:
        identity = self._identities.pop(connection, None)
        if identity is not None:
            self._witness.closed(identity, reason, _counters(connection, self.driver.clock()))
        elif self._attendant is not None and self._attendant.attends(connection):
            self._attendant.closed(connection, reason)

    def noticed(self, notice: Notice) -> None:
        socket = None
        if isinstance(notice, Datagram):
            socket = self._sockets.get(notice.local_port) or self._sockets.get(None)
        if socket is not None:
            assert isinstance(notice, Datagram)
            socket.deliver(notice)
            self.driver.await_tasks()
        if socket is None and self._attendant is not None:
            self._attendant.noticed(notice)
        else:
            self._witness.noticed(notice)

    # inside

    def close_listener(self, port: int | None) -> None:
        """Told by a listener that it is closed."""
        del self._listeners[port]
        if port is not None or self._attendant is None:
            self.stack.tcp.unlisten(port)

    def _reached(self, bound: str) -> None:
        self._witness.noticed(BoundReached(bound, getattr(self.stack.settings.limits, bound), None))

    def _close_socket(self, port: int | None) -> None:
        del self._sockets[port]
        if port is None and self._attendant is not None:
            self.stack.udp.listen(None)

    def _path_to(self, remote: bytes, mac: bytes | None) -> Path:
        local = next(  # MUST-44
            (n.network_address.packed for n in self.stack.addresses if n.max_prefixlen == 8 * len(remote)), None
        )
        if local is None:
            raise Unavailable("this stack has no address of that IP version")
        if mac is not None:
            return Path(4 if len(remote) == 4 else 6, local, remote, self.driver.link.mac, mac)
        path = self.stack.path_to(local, remote)
        if path is None:
            raise Unavailable("the neighbour has not spoken to us: give its MAC address")
        return path


class TcpListener(trio.abc.Listener[TcpStream]):
    """The connections to one port, or to every port without a listener of its own."""

    def __init__(self, net: Netstack, port: int | None) -> None:
        self.port = port
        self._net = net
        self._queue: deque[TcpStream] = deque()
        self._lot = trio.lowlevel.ParkingLot()
        self._given = 0  # without a schedule point
        self._closed = False

    async def accept(self) -> TcpStream:
        """The next connection whose handshake is complete.

        Of those that have come together up to BURST are given without a schedule point between them.
        """
        if self._queue and self._given < BURST:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._given += 1
        elif self._queue:
            await trio.lowlevel.checkpoint()
            self._given = 0
        while not self._closed and not self._queue:
            await self._lot.park()
            self._given = 0
        if self._closed:
            raise trio.ClosedResourceError("this listener has been closed")
        stream = self._queue.popleft()
        if stream.connection.readable:
            self._net.driver.await_tasks()
        return stream

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close the port; connections that nobody has accepted are reset. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._net.close_listener(self.port)
        self._lot.unpark_all()
        while self._queue:
            self._queue.popleft().abort()

    def put(self, stream: TcpStream, limit: int) -> bool:
        """Queue a connection; False when as many as `limit` wait."""
        if len(self._queue) >= limit:
            return False
        self._queue.append(stream)
        if self._lot:
            self._lot.unpark()
        return True


def _counters(connection: Connection, now: float) -> Counters:
    return Counters(
        connection.bytes_in,
        connection.bytes_out,
        now - connection.opened_at,
        connection.packets_in,
        connection.packets_out,
    )
