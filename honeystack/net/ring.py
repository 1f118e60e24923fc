"""AF_PACKET sockets on one interface: what arrives comes through memory shared with the kernel, packet(7).

SYNs have slots of their own (net.syn_filter), small and many, so that a flood of them pushes no other frame off.
"""

from __future__ import annotations

import contextlib
import ctypes
import select
import socket
import sys
from collections.abc import Sequence
from ipaddress import IPv6Network
from struct import pack
from typing import TYPE_CHECKING, NamedTuple

import trio

from honeystack.errors import Unavailable
from honeystack.net.address import AddressSet
from honeystack.net.interface import PRIVILEGES, InterfaceFacts, MtuWatch, interface_facts
from honeystack.net.link import LinkStatistics, ReceivedFrame
from honeystack.net.packet_filter import ACCEPT, Program, encode
from honeystack.net.sendmmsg import BatchSender
from honeystack.net.slots import SOL_PACKET, Slots, make_slots
from honeystack.net.syn_filter import only_syns, without_syns

if TYPE_CHECKING:
    from honeystack.net.wire.syn_acks import FrameBlock
    from honeystack.net.wire.syn_batch import SynBatch

try:
    from honeystack.net.blocks import BlockMessages
    from honeystack.net.syn_slots import read_batch
except ImportError:  # numpy is an extra
    BATCHES = False
else:
    BATCHES = True

# linux/if_packet.h, asm-generic/socket.h, linux/if_ether.h
PACKET_ADD_MEMBERSHIP, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 1, 15, 23
PACKET_MR_MULTICAST, PACKET_MR_ALLMULTI = 0, 2
SO_ATTACH_FILTER = 26
ETH_P_ALL = 3

SLOT = 2048  # bytes; holds the kernel's header and a frame of the usual MTU
SLOTS = 8192  # 16 MB: what comes in 20 ms of a flood, or while Python collects its garbage
COPIES = 16 * 1024 * 1024  # bytes of super-frames that may wait; the socket's receive buffer
SYN_SLOT = 256  # bytes; holds the kernel's header and 190 bytes, and a SYN without data has 114 at most
SYN_SLOTS = 32_768  # 8 MB: 100 ms of 300,000 SYNs a second
SYN_COPIES = 1024 * 1024  # bytes of SYNs with data that may wait
CROWD = 32  # SYNs that wait: from here on numpy costs less than it saves
FEW = 256  # SYNs that are taken one by one before other frames have their turn again


class Tap(NamedTuple):
    """The sockets that a ring works on. They may be opened in one process and used in another."""

    packets: socket.socket  # receives all but SYNs, and sends single frames
    syns: socket.socket  # receives SYNs
    runs: socket.socket  # sends super-frames only

    def close(self) -> None:
        """Give them back; idempotent."""
        for each in self:
            each.close()


def open_tap(
    interface: str,
    *,
    program: Program | None = None,
    addresses: AddressSet | None = None,
    all_multicast: bool = False,
    slots: int = SLOTS,
) -> Tap:
    """Open the sockets on an interface; the arguments are those of Ring. Raises Unavailable."""
    facts = interface_facts(interface)
    _ethernet(facts)
    tap = Tap(_open_socket(), _open_socket(), _open_socket())
    try:
        # Bound last: what comes earlier would be frames of other interfaces, and unfiltered ones.
        attach_programs(tap, program or [ACCEPT])
        _make_rings(tap, slots)
        _join_groups(tap.packets, facts.index, addresses or AddressSet(), all_multicast)
        for each in (tap.packets, tap.syns):
            each.bind((interface, ETH_P_ALL))
        tap.runs.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        tap.runs.bind((interface, 0))  # sends only
    except BaseException:
        tap.close()
        raise
    return tap


class Ring:
    """A honeystack.net.link.Link on a real interface. Raises Unavailable where it cannot be had.

    `program` is the kernel's packet filter; `addresses` are ours, also those that the interface does not have:
    their multicast groups are joined for this socket only. `tap` has sockets that are open already, with as many
    slots; another process may have read from them and died.
    """

    def __init__(
        self,
        interface: str,
        *,
        program: Program | None = None,
        addresses: AddressSet | None = None,
        all_multicast: bool = False,
        slots: int = SLOTS,
        tap: Tap | None = None,
    ) -> None:
        facts = interface_facts(interface)
        self.mac, self.mtu, self.interface = _ethernet(facts), facts.mtu, facts.name
        inherited = tap is not None
        if tap is None:
            tap = open_tap(interface, program=program, addresses=addresses, all_multicast=all_multicast, slots=slots)
        self._tap = tap
        self._frames = Slots(tap.packets, slots, SLOT, inherited=inherited)
        self._syns = Slots(tap.syns, SYN_SLOTS, SYN_SLOT, inherited=inherited)
        if inherited:
            self._take_over(program or [ACCEPT])
        self._either = select.epoll()
        for each in (tap.packets, tap.syns):
            self._either.register(each, select.EPOLLIN)
        self._readable = self._either.fileno()
        self._sender = BatchSender(tap.packets, self.mtu, runs=tap.runs)
        self._mtu_watch = MtuWatch(facts)
        if BATCHES:
            self._messages = BlockMessages()

    async def wait_readable(self) -> None:
        await trio.lowlevel.wait_readable(self._readable)

    async def wait_mtu(self) -> int:
        """Wait until the interface's MTU is another one; frames of that length are sent from then on."""
        self.mtu = await self._mtu_watch.changed()
        self._sender.resize(self.mtu)
        return self.mtu

    def receive(self, limit: int = 256) -> list[ReceivedFrame]:
        """Up to `limit` frames that have arrived, and as many SYNs, in the order in which they came."""
        if not self._syns.waiting():
            return self.receive_others(limit)
        if not self._frames.waiting():
            return self._syns.take(limit)
        stamps: list[int] = []
        frames = self._frames.take(limit, stamps)
        frames += self._syns.take(limit, stamps)
        order = sorted(range(len(frames)), key=stamps.__getitem__)  # a SYN before the reset that follows it
        return [frames[place] for place in order]

    def receive_others(self, limit: int = 256) -> list[ReceivedFrame]:
        """As `receive`, but SYNs are left for `receive_syns`."""
        frames = self._frames.take(limit)
        if not frames and not self._syns.waiting():
            self._syns.nothing_came()
        return frames

    def receive_syns(self, limit: int) -> tuple[SynBatch | None, list[ReceivedFrame]]:
        """SYNs that have arrived: a batch of them where they crowd and numpy is there, and those that are in none."""
        if not BATCHES or not self._syns.crowded(CROWD):
            return None, self._syns.take(min(limit, FEW))
        return read_batch(self._syns, limit)

    def send_blocks(self, blocks: Sequence[FrameBlock]) -> None:
        """Send many frames as they lie in memory."""
        for block in blocks:
            for start, count in self._messages.of(block):
                self._sender.send_messages(start, count)

    def send(self, frames: Sequence[bytes]) -> None:
        """Send in order; what the link does not take after a few tries is counted as lost."""
        self._sender.send(frames)

    def statistics(self) -> LinkStatistics:
        both = (self._frames, self._syns)
        if self._tap.packets.fileno() >= 0:
            for each in both:
                each.count_drops()
        frames, dropped = (sum(counts) for counts in zip(*((each.frames, each.dropped) for each in both), strict=True))
        return LinkStatistics(frames, self._sender.sent, dropped, self._sender.dropped)

    def close(self) -> None:
        """Give the sockets and their memory back; idempotent. Who waits is woken with ClosedResourceError."""
        self._mtu_watch.close()
        if self._tap.packets.fileno() < 0:
            return
        self.statistics()
        with contextlib.suppress(RuntimeError):  # outside Trio nobody can be waiting
            trio.lowlevel.notify_closing(self._readable)
        self._either.close()
        self._frames.close()
        self._syns.close()
        self._tap.close()

    def _take_over(self, program: Program) -> None:
        for each, slots in ((self._tap.packets, self._frames), (self._tap.syns, self._syns)):
            each.setblocking(False)
            slots.empty_queue()
        attach_programs(self._tap, program)


def _ethernet(facts: InterfaceFacts) -> bytes:
    if len(facts.mac) != 6:
        raise Unavailable(f"the interface {facts.name} is no Ethernet: the netstack needs one, or a veth")
    return facts.mac


def _open_socket() -> socket.socket:
    if not hasattr(socket, "AF_PACKET"):
        raise Unavailable(f"the netstack needs Linux: {sys.platform} has no packet sockets")
    try:
        # Protocol 0: nothing is received before the socket is bound.
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    except PermissionError as refused:
        raise Unavailable(f"the netstack needs the capability CAP_NET_RAW: {PRIVILEGES}") from refused


def attach_programs(tap: Tap, program: Program) -> None:
    """Divide what a program accepts between the sockets."""
    attach_program(tap.packets, without_syns(program))
    attach_program(tap.syns, only_syns(program))


def attach_program(
    packets: socket.socket, program: Program, *, level: int = socket.SOL_SOCKET, option: int = SO_ATTACH_FILTER
) -> None:
    """Give the kernel a program for a socket: its filter, or what another option takes."""
    code = ctypes.create_string_buffer(encode(program))
    packets.setsockopt(level, option, pack("HP", len(program), ctypes.addressof(code)))


def _make_rings(tap: Tap, slots: int) -> None:
    for each, layout in ((tap.packets, (slots, SLOT, COPIES)), (tap.syns, (SYN_SLOTS, SYN_SLOT, SYN_COPIES))):
        try:
            each.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        except OSError as refused:
            raise Unavailable("the netstack needs Linux 4.20 or later") from refused
        make_slots(each, *layout)


def _join_groups(packets: socket.socket, index: int, addresses: AddressSet, everything: bool) -> None:
    """Solicited-node multicast (RFC 4291 §2.7.1) of our IPv6 addresses; all groups where they are too many."""
    networks = [network for network in addresses if isinstance(network, IPv6Network)]
    if everything or any(network.prefixlen < 128 for network in networks):
        _join(packets, index, PACKET_MR_ALLMULTI, b"")
        return
    for network in networks:
        _join(packets, index, PACKET_MR_MULTICAST, b"\x33\x33\xff" + network.network_address.packed[13:])


def _join(packets: socket.socket, index: int, kind: int, group: bytes) -> None:
    packets.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, pack("=iHH8s", index, kind, len(group), group))
