"""Two houses on one street that look alike from outside: in one answers the kernel, in the other honeystack.

Both have the same addresses and the same MAC address, each on a cable of its own to the prober, who speaks in whole
frames and has no kernel's addresses in the way. Every probe comes from an address of its own behind the prober, as
from behind a gateway, so that no rate limit of one probe touches another, and all probes run at once.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from struct import pack, unpack_from

import attrs
import trio

from honeystack.net.namespaces import Host, Lab, assign
from tests.live import packets
from tests.live.arena import inside
from tests.live.comparison import Answer
from tests.live.packets import ACK, SYN
from tests.live.tenant import furnish

TARGET_MAC, PROBER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
TARGET = {4: "192.0.2.1", 6: "2001:db8::1"}
GATEWAY = {4: "192.0.2.2", 6: "2001:db8::2"}
BEYOND = {4: "198.18.0.0/15", 6: "2001:db8:1::/48"}
TARGET_LOCAL = "fe80::1"
ISN = 1_000_000  # of every probe
STAMP = 500_000  # the timestamp of every probe
RECEIVE_MEMORY = "4096 131072 6291456"  # what kernels had up to 6.15: the window scale that they offer follows from it
PACE = 0.012  # seconds between the beginnings of two probes: 50 errors are let out at once, and 1000 per second
SIDES = ("kernel", "ours")
_numbers = itertools.count()

Probe = Callable[["Peer"], Awaitable[None]]


@attrs.define
class Peer:
    """One prober's address towards one house; a probe speaks through it and is judged by what it heard."""

    street: Wire
    version: int
    number: int
    linked: bool = False  # a neighbour on the link itself, not somebody behind the gateway
    mute: bool = False  # does not answer who looks for it, and hears the question instead
    port: int = 40000
    iss: int | None = None
    stamp: int = 0  # the timestamp of the house's SYN-ACK
    heard: list[Answer] = attrs.field(factory=list)
    started: float = 0.0
    shaken: trio.Event = attrs.field(factory=trio.Event)  # a SYN-ACK is here
    keep: bool = True  # what is heard from now on counts

    @property
    def address(self) -> bytes:
        if self.version == 4:
            return (bytes([192, 0, 2]) if self.linked else bytes([198, 18, self.number >> 8])) + bytes(
                [self.number & 255]
            )
        if self.linked:
            return bytes.fromhex("fe80000000000000") + pack("!Q", self.number)
        return bytes.fromhex("20010db80001") + pack("!HQ", self.number, 1)

    @property
    def target(self) -> bytes:
        return ip_address(TARGET[self.version]).packed

    def ip(
        self, protocol: int, payload: bytes, *, source: bytes | None = None, to: bytes | None = None, **fields: object
    ) -> bytes:
        make = packets.ipv4 if self.version == 4 else packets.ipv6
        return make(source or self.address, to or self.target, protocol, payload, **fields)  # type: ignore[operator]

    def segment(self, flags: int, port: int, *, at: int = 0, ack: int | None = None, **fields: object) -> bytes:
        """A segment `at` so many bytes after our ISN; `ack` relative to the house's."""
        fields.setdefault("seq", ISN + at)
        acknowledged = (self.iss or 0) + ack if ack is not None else 7777 if flags & ACK else 0
        return packets.tcp(self.address, self.target, self.port, port, flags, ack=acknowledged, **fields)  # type: ignore[arg-type]

    async def tcp(self, flags: int, port: int, **fields: object) -> None:
        await self.ip_packet(packets.TCP, self.segment(flags, port, **fields))

    async def ip_packet(self, protocol: int, payload: bytes, **fields: object) -> None:
        await self.frame(self.ip(protocol, payload, **fields))

    async def frame(self, packet: bytes, *, to: bytes = TARGET_MAC, ethertype: int | None = None) -> None:
        kind = ethertype or (0x0800 if self.version == 4 else 0x86DD)
        await self.street.send(to + PROBER_MAC + pack("!H", kind) + packet)

    def stamps(self, later: int = 0) -> bytes:
        """The timestamp option, the house's last one echoed."""
        return b"\1\1\x08\x0a" + pack("!II", (STAMP + later) & 0xFFFFFFFF, self.stamp)

    async def open(self, port: int, *, options: bytes = b"", window: int = 64240, quiet: bool = False) -> None:
        """A handshake with these options on the SYN. `quiet`: leave its last segment out."""
        await self.tcp(SYN, port, options=options, window=window)
        with trio.move_on_after(5):
            await self.shaken.wait()
        if not quiet:
            await self.tcp(ACK, port, at=1, ack=1, options=self.stamps() if self.stamp else b"", window=window)
            await trio.sleep(0.1)

    def take(self, frame: bytes) -> None:
        """Hear a frame; a SYN-ACK among them goes on with `open`."""
        packet = frame[14:]
        protocol, start = (packet[9], (packet[0] & 15) * 4) if self.version == 4 else (packet[6], 40)
        if frame[12:14] != b"\x08\x06" and protocol == packets.TCP and packet[start + 13] & (SYN | ACK) == SYN | ACK:
            self.iss = unpack_from("!I", packet, start + 4)[0]
            self.shaken.set()
            options = packet[start + 20 : start + (packet[start + 12] >> 4) * 4]
            if b"\x08\x0a" in options:
                self.stamp = unpack_from("!I", options, options.index(b"\x08\x0a") + 2)[0]
        if self.keep:
            self.heard.append(
                Answer(trio.current_time() - self.started, packets.describe(frame, isn=ISN, iss=self.iss))
            )


@attrs.define
class Wire:
    """The prober's end of the cable to one house."""

    socket: trio.socket.SocketType
    peers: dict[bytes, Peer] = attrs.field(factory=dict)
    hears_groups: Peer | None = None  # who is also given what goes to groups
    group_turn: trio.Lock = attrs.field(factory=trio.Lock)

    async def send(self, frame: bytes) -> None:
        """Send, and again where the kernel's queue, which all namespaces share, was full of what others send."""
        for _ in range(100):
            try:
                await self.socket.send(frame)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                await trio.sleep(0.005)
            else:
                return

    async def listen(self) -> None:
        while True:
            frame, address = await self.socket.recvfrom(65535)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            if not await self._as_neighbour(frame):
                self._deliver(frame)

    def _deliver(self, frame: bytes) -> None:
        kind = frame[12:14]
        to = frame[38:42] if kind == b"\x08\x06" else frame[30:34] if kind == b"\x08\x00" else frame[38:54]
        if kind == b"\x86\xdd" and frame[20] == packets.ICMPV6 and frame[54] == 135:
            to = frame[62:78]  # whom it looks for
        if to in self.peers:
            self.peers[to].take(frame)
        elif self.hears_groups is not None and _is_group(kind, to, self.hears_groups.version):
            self.hears_groups.take(frame)

    def _answers(self, address: bytes) -> bool:
        return address in self.peers and not self.peers[address].mute

    async def _as_neighbour(self, frame: bytes) -> bool:
        """Answer what a house asks to find its neighbours."""
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and self._answers(frame[38:42]):
            reply = frame[14:20] + b"\0\2" + PROBER_MAC + frame[38:42] + frame[22:32]
            await self.send(frame[6:12] + PROBER_MAC + frame[12:14] + reply)
            return True
        if frame[12:14] == b"\x86\xdd" and frame[20] == packets.ICMPV6 and frame[54] == 135:
            target, asker = frame[62:78], frame[22:38]
            if self._answers(target):
                body = pack("!I", 0x60000000) + target + b"\2\1" + PROBER_MAC
                answer = packets.icmpv6(target, asker, 136, 0, body)
                await self.send(
                    frame[6:12] + PROBER_MAC + b"\x86\xdd" + packets.ipv6(target, asker, 58, answer, ttl=255)
                )
                return True
        return False


def _is_group(ethertype: bytes, address: bytes, version: int) -> bool:
    if version == 4:
        return ethertype == b"\x08\x00" and address[0] >= 224
    return ethertype == b"\x86\xdd" and address[0] == 0xFF


@attrs.frozen
class Street:
    """The machines; `wires` are the prober's sockets by side."""

    houses: dict[str, Host]
    prober: Host
    sockets: dict[str, socket.socket]


@contextlib.contextmanager
def street(folder: Path | None = None) -> Iterator[Street]:
    """Both houses built, and the server program running in each; with a folder, in ours as `honeystack run` has it."""
    with Lab(f"hst{next(_numbers)}") as lab, contextlib.ExitStack() as room:
        prober = lab.add("prober")
        houses, sockets = {}, {}
        for side in SIDES:
            house = houses[side] = lab.add(side)
            lab.join(house, prober, "eth0", side)
            _furnish(house, prober, side)
            with inside(prober):
                sockets[side] = room.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
                sockets[side].setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
                sockets[side].bind((side, 0))
            room.enter_context(server(house, side) if folder is None or side == "kernel" else tenant(house, folder))
        yield Street(houses, prober, sockets)


def plug(host: Host, interface: str, mac: bytes) -> None:
    """An end of a cable with this MAC address, no address that the kernel makes, and whole checksums on the wire."""
    host.run("ip", "link", "set", interface, "down")
    host.run("ip", "link", "set", interface, "address", mac.hex(":"), "addrgenmode", "none")
    host.run("ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")
    host.run("ip", "link", "set", interface, "up")


def _furnish(house: Host, prober: Host, side: str) -> None:
    plug(house, "eth0", TARGET_MAC)
    plug(prober, side, PROBER_MAC)
    assign(house, "eth0", [f"{TARGET[4]}/24", f"{TARGET[6]}/64", f"{TARGET_LOCAL}/64"])
    house.run("sh", "-c", f"echo {RECEIVE_MEMORY} > /proc/sys/net/ipv4/tcp_rmem")
    # What one probe's connection has taught of the way to the prober is not to show in the next.
    house.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save")
    for version in (4, 6):
        ip = ("ip", f"-{version}")
        house.run(
            *ip,
            "neighbour",
            "replace",
            GATEWAY[version],
            "lladdr",
            PROBER_MAC.hex(":"),
            "dev",
            "eth0",
            "nud",
            "permanent",
        )
        house.run(*ip, "route", "add", BEYOND[version], "via", GATEWAY[version])


@contextlib.contextmanager
def server(house: Host, side: str) -> Iterator[None]:
    """The server program in a house: on the kernel's stack or on ours."""
    process = subprocess.Popen(
        house.command(*("setpriv", "--pdeathsig", "KILL"), sys.executable, "-m", "tests.live.twin", side),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert first == b"ready\n", (first + process.stdout.read()).decode()
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(10)
        process.stdout.close()


@contextlib.contextmanager
def tenant(house: Host, folder: Path) -> Iterator[None]:
    """The services of the server program in a house, as an operator starts them."""
    path = os.pathsep.join(furnish(folder))
    log = folder / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            house.command(
                *("setpriv", "--pdeathsig", "KILL"),
                *(sys.executable, "-m", "honeystack", "run", "-c", str(folder / "config.toml")),
                *("--data", str(folder / "data")),
            ),
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONPATH": path},
        )
    try:
        end = time.monotonic() + 30
        while " ready " not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


Answers = dict[str, list[Answer]]  # by probe


def ask(place: Street, probes: dict[str, Probe], *, first: int = 256, pace: float = PACE) -> dict[str, Answers]:
    """Run all probes against both houses, from addresses from the `first` on, and give what each house said."""
    return trio.run(_ask, place, probes, first, pace)


async def _ask(place: Street, probes: dict[str, Probe], first: int, pace: float) -> dict[str, Answers]:
    found: dict[str, Answers] = {}
    async with contextlib.AsyncExitStack() as room:
        wires = {side: Wire(trio.socket.from_stdlib_socket(made.dup())) for side, made in place.sockets.items()}
        for wire in wires.values():
            room.callback(wire.socket.close)
        nursery = await room.enter_async_context(trio.open_nursery())
        for wire in wires.values():
            nursery.start_soon(wire.listen)
        peers: dict[str, dict[str, Peer]] = {side: {} for side in SIDES}
        async with trio.open_nursery() as probing:
            for number, (name, probe) in enumerate(probes.items(), first):
                for side, wire in wires.items():
                    linked = name.startswith("link ")
                    peer = Peer(wire, 6 if name.endswith("v6") else 4, number % 150 + 50 if linked else number, linked)
                    peer.mute = " mute " in name
                    peer.started = trio.current_time()
                    wire.peers[peer.address] = peers[side][name] = peer
                    probing.start_soon(_run, probe, peer)
                await trio.sleep(pace)
        nursery.cancel_scope.cancel()
        for side in SIDES:
            found[side] = {name: peer.heard for name, peer in peers[side].items()}
    return found


async def _run(probe: Probe, peer: Peer) -> None:
    await probe(peer)
    peer.keep = False
