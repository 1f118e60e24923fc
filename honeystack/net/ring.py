"""An AF_PACKET socket on one interface: a ring of frames shared with the kernel, packet(7).

TPACKET_V2, because the block timer of V3 adds its time-out to every round trip. A frame longer than a slot (the
super-frames of virtual cables and of receive offload) is cut in its slot, which then says TP_STATUS_COPY; the whole
frame waits in the socket's queue, in the same order. The kernel says with each frame whether its checksum is sound.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import socket
import sys
from collections.abc import Sequence
from ipaddress import IPv6Network
from struct import Struct, pack, unpack_from
from typing import NamedTuple

import trio

from honeystack.errors import Unavailable
from honeystack.net.address import AddressSet
from honeystack.net.interface import PRIVILEGES, InterfaceFacts, interface_facts
from honeystack.net.link import ChecksumState, LinkStatistics, ReceivedFrame
from honeystack.net.outbox import Outbox
from honeystack.net.packet_filter import ACCEPT, Program, encode
from honeystack.net.wire.ethernet import VLAN_TAG, vlan_of

# linux/if_packet.h, asm-generic/socket.h, linux/if_ether.h
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_STATISTICS, PACKET_COPY_THRESH = 1, 5, 6, 7
PACKET_VERSION, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 10, 15, 23
PACKET_MR_MULTICAST, PACKET_MR_ALLMULTI = 0, 2
TPACKET_V2 = 1
SO_RCVBUFFORCE, SO_ATTACH_FILTER = 33, 26
ETH_P_ALL = 3
STATUS_USER, STATUS_COPY, STATUS_CSUMNOTREADY, STATUS_VLAN_VALID = 0x01, 0x02, 0x08, 0x10
STATUS_CSUM_VALID, STATUS_GSO_TCP = 0x80, 0x100

SLOT = 2048  # bytes; holds the kernel's header and a frame of the usual MTU
SLOTS = 8192  # 16 MB: what comes in 20 ms of a flood, or while Python collects its garbage
BLOCK = 1 << 18  # contiguous kernel memory for 128 slots
COPIES = 16 * 1024 * 1024  # bytes of super-frames that may wait; the socket's receive buffer
LONGEST = 1 << 19  # bytes; "BIG TCP" reaches up to 512 kB

HEADER = Struct("=IIIHHIIHH")  # struct tpacket2_hdr: status, len, snaplen, mac, net, sec, nsec, vlan tci, vlan tpid


class Tap(NamedTuple):
    """The sockets that a ring works on. They may be opened in one process and used in another."""

    packets: socket.socket  # receives, and sends single frames
    runs: socket.socket  # sends super-frames only

    def close(self) -> None:
        """Give them back; idempotent."""
        self.packets.close()
        self.runs.close()


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
    tap = Tap(_open_socket(), _open_socket())
    try:
        # Bound last: what comes earlier would be frames of other interfaces, and unfiltered ones.
        if program:
            attach_program(tap.packets, program)
        _make_ring(tap.packets, slots)
        _join_groups(tap.packets, facts.index, addresses or AddressSet(), all_multicast)
        tap.packets.bind((interface, ETH_P_ALL))
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
        else:
            _take_over(tap.packets, program)
        self._socket, self._runs = tap
        self._size = slots * SLOT
        self._map = mmap.mmap(self._socket.fileno(), self._size)
        self._at = 0
        self._copy = bytearray(LONGEST)
        self._outbox = Outbox(self._socket, self.mtu, runs=self._runs)
        self._frames_in = self._dropped_in = 0
        self._adrift = inherited and not self._find_place()  # where the kernel writes next shows with its next frame

    async def wait_readable(self) -> None:
        await trio.lowlevel.wait_readable(self._socket)

    def receive(self, limit: int = 256) -> list[ReceivedFrame]:
        """Up to `limit` frames that have arrived; their slots go back to the kernel."""
        frames: list[ReceivedFrame] = []
        ring, at, read_header = self._map, self._at, HEADER.unpack_from
        for _ in range(limit):
            status, length, kept, start, _, _, _, tag, tag_type = read_header(ring, at)
            if not status & STATUS_USER:
                break
            data: bytes | None = ring[at + start : at + start + kept]
            ring[at : at + 4] = b"\0\0\0\0"  # TP_STATUS_KERNEL: the slot is the kernel's again
            at += SLOT
            if at == self._size:
                at = 0
            if kept < length:
                data = self._receive_copy(length) if status & STATUS_COPY else None
            if data is None:
                self._dropped_in += 1
                continue
            vlan = vlan_of(tag, tag_type or VLAN_TAG) if status & STATUS_VLAN_VALID else None
            frames.append(ReceivedFrame(data, _checksum_state(status), vlan))
        self._at = at
        self._frames_in += len(frames)
        if not frames:
            self._clear_error()
            if self._adrift and not self._frames_in:
                self._find_place()
        return frames

    def send(self, frames: Sequence[bytes]) -> None:
        """Send in order; what the link does not take after a few tries is counted as lost."""
        self._outbox.send(frames)

    def statistics(self) -> LinkStatistics:
        if self._socket.fileno() >= 0:
            # The kernel counts since it was last asked.
            _, dropped = unpack_from("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
            self._dropped_in += dropped
        return LinkStatistics(self._frames_in, self._outbox.sent, self._dropped_in, self._outbox.dropped)

    def close(self) -> None:
        """Give the socket and the ring back; idempotent. Who waits is woken with ClosedResourceError."""
        if self._socket.fileno() < 0:
            return
        self.statistics()
        with contextlib.suppress(RuntimeError):  # outside Trio nobody can be waiting
            trio.lowlevel.notify_closing(self._socket)
        self._map.close()
        self._socket.close()
        self._runs.close()

    def _receive_copy(self, length: int) -> bytes | None:
        try:
            got = self._socket.recv_into(self._copy, LONGEST)
        except BlockingIOError:
            return None
        return bytes(memoryview(self._copy)[:got]) if got == length else None

    def _find_place(self) -> bool:
        """Go where a process before us stopped, to the first frame behind slots that are the kernel's; whether any is.

        A ring without a slot of the kernel's does not tell its oldest frame: it is old altogether, and given up.
        """
        states = [first & STATUS_USER for first in self._map[::SLOT]]
        for slot, state in enumerate(states):
            if state and not states[slot - 1]:
                self._at = slot * SLOT
                return True
        if all(states):
            self._dropped_in += len(states)
            for at in range(0, self._size, SLOT):
                self._map[at : at + 4] = b"\0\0\0\0"
        return False

    def _clear_error(self) -> None:
        """An interface that went down leaves an error that would wake us for ever."""
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _checksum_state(status: int) -> ChecksumState:
    if status & STATUS_CSUMNOTREADY:
        return ChecksumState.PARTIAL
    if status & (STATUS_CSUM_VALID | STATUS_GSO_TCP):  # receive offload joins only segments that it has verified
        return ChecksumState.VALID
    return ChecksumState.UNKNOWN


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


def attach_program(
    packets: socket.socket, program: Program, *, level: int = socket.SOL_SOCKET, option: int = SO_ATTACH_FILTER
) -> None:
    """Give the kernel a program for a socket: its filter, or what another option takes."""
    code = ctypes.create_string_buffer(encode(program))
    packets.setsockopt(level, option, pack("HP", len(program), ctypes.addressof(code)))


def _take_over(packets: socket.socket, program: Program | None) -> None:
    """Go on with a socket whose last reader may have died between a slot and its whole frame in the queue."""
    packets.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(SLOTS):
            packets.recv(1)
    attach_program(packets, program or [ACCEPT])


def _make_ring(packets: socket.socket, slots: int) -> None:
    packets.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    try:
        packets.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    except OSError as refused:
        raise Unavailable("the netstack needs Linux 4.20 or later") from refused
    packets.setsockopt(SOL_PACKET, PACKET_COPY_THRESH, 1)
    try:
        packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, COPIES)
    except PermissionError:
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, COPIES)
    size = slots * SLOT
    packets.setsockopt(SOL_PACKET, PACKET_RX_RING, pack("=IIII", BLOCK, size // BLOCK, SLOT, slots))


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
