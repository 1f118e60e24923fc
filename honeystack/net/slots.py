"""Slots that the kernel fills with frames: a ring of TPACKET_V2, packet(7), walked from one end.

TPACKET_V2, because the block timer of V3 adds its time-out to every round trip. A frame longer than a slot (the
super-frames of virtual cables and of receive offload) is cut in its slot, which then says TP_STATUS_COPY; the whole
frame waits in the socket's queue, in the same order. The kernel says with each frame whether its checksum is sound.
"""

from __future__ import annotations

import contextlib
import mmap
import socket
from struct import Struct, pack, unpack_from

from honeystack.net.link import ChecksumState, ReceivedFrame
from honeystack.net.wire.ethernet import VLAN_TAG, vlan_of

# linux/if_packet.h, asm-generic/socket.h
SOL_PACKET = 263
PACKET_RX_RING, PACKET_STATISTICS, PACKET_COPY_THRESH = 5, 6, 7
PACKET_VERSION, TPACKET_V2 = 10, 1
SO_RCVBUFFORCE = 33
STATUS_USER, STATUS_COPY, STATUS_CSUMNOTREADY, STATUS_VLAN_VALID = 0x01, 0x02, 0x08, 0x10
STATUS_CSUM_VALID, STATUS_GSO_TCP = 0x80, 0x100

BLOCK = 1 << 18  # contiguous kernel memory for some slots
LONGEST = 1 << 19  # bytes of a frame; "BIG TCP" reaches up to 512 kB

HEADER = Struct("=IIIHHIIHH")  # struct tpacket2_hdr: status, len, snaplen, mac, net, sec, nsec, vlan tci, vlan tpid


def make_slots(packets: socket.socket, count: int, size: int, copies: int) -> None:
    """Have a socket fill so many slots of so many bytes, a power of two; `copies` bytes of longer frames may wait."""
    packets.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    packets.setsockopt(SOL_PACKET, PACKET_COPY_THRESH, 1)
    try:
        packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, copies)
    except PermissionError:
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, copies)
    packets.setsockopt(SOL_PACKET, PACKET_RX_RING, pack("=IIII", BLOCK, count * size // BLOCK, size, count))


class Slots:
    """What `make_slots` made. It counts `frames`, and those `dropped` that were lost in the kernel or cut off."""

    def __init__(self, packets: socket.socket, count: int, size: int, *, inherited: bool = False) -> None:
        self.frames = self.dropped = 0
        self.memory = mmap.mmap(packets.fileno(), count * size)
        self.at = 0
        self.size = size
        self.end = count * size
        self._packets = packets
        self._copy = bytearray(LONGEST)
        self._adrift = inherited and not self.find_place()  # where the kernel writes next shows with its next frame

    def waiting(self) -> bool:
        """Whether a frame waits, or may wait where we have not found yet."""
        return self.memory[self.at] & STATUS_USER != 0 or (self._adrift and not self.frames)

    def crowded(self, count: int) -> bool:
        """Whether so many frames wait."""
        return self.memory[(self.at + (count - 1) * self.size) % self.end] & STATUS_USER != 0

    def take(self, limit: int, stamps: list[int] | None = None) -> list[ReceivedFrame]:
        """Up to `limit` frames that have arrived; when, goes to `stamps`. Their slots go back to the kernel."""
        frames: list[ReceivedFrame] = []
        memory, at, size, end, read_header = self.memory, self.at, self.size, self.end, HEADER.unpack_from
        for _ in range(limit):
            status, length, kept, start, _, seconds, nanoseconds, tag, tag_type = read_header(memory, at)
            if not status & STATUS_USER:
                break
            data: bytes | None = memory[at + start : at + start + kept]
            memory[at : at + 4] = b"\0\0\0\0"  # TP_STATUS_KERNEL: the slot is the kernel's again
            at += size
            if at == end:
                at = 0
            if kept < length:
                data = self.receive_copy(length) if status & STATUS_COPY else None
            if data is None:
                self.dropped += 1
                continue
            vlan = vlan_of(tag, tag_type or VLAN_TAG) if status & STATUS_VLAN_VALID else None
            frames.append(ReceivedFrame(data, checksum_state(status), vlan))
            if stamps is not None:
                stamps.append(seconds * 1_000_000_000 + nanoseconds)
        self.at = at
        self.frames += len(frames)
        if not frames:
            self.nothing_came()
        return frames

    def receive_copy(self, length: int) -> bytes | None:
        """The whole of a frame that was cut, from the queue; None where the queue was full."""
        try:
            got = self._packets.recv_into(self._copy, LONGEST)
        except BlockingIOError:
            return None
        return bytes(memoryview(self._copy)[:got]) if got == length else None

    def count_drops(self) -> None:
        """Ask the kernel, which counts since it was last asked."""
        _, dropped = unpack_from("=II", self._packets.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.dropped += dropped

    def empty_queue(self) -> None:
        """A last reader may have died between a slot and its whole frame in the queue."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(self.end // self.size):
                self._packets.recv(1)

    def find_place(self) -> bool:
        """Go where a process before us stopped, to the first frame behind slots that are the kernel's; whether any is.

        A ring without a slot of the kernel's does not tell its oldest frame: it is old altogether, and given up.
        """
        states = [first & STATUS_USER for first in self.memory[:: self.size]]
        for slot, state in enumerate(states):
            if state and not states[slot - 1]:
                self.at = slot * self.size
                return True
        if all(states):
            self.dropped += len(states)
            for at in range(0, self.end, self.size):
                self.memory[at : at + 4] = b"\0\0\0\0"
        return False

    def nothing_came(self) -> None:
        """Take note: an interface that went down leaves an error that would wake us for ever."""
        self._packets.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self._adrift and not self.frames:
            self.find_place()

    def close(self) -> None:
        self.memory.close()


def checksum_state(status: int) -> ChecksumState:
    """What the kernel says of a frame's checksum."""
    if status & STATUS_CSUMNOTREADY:
        return ChecksumState.PARTIAL
    if status & (STATUS_CSUM_VALID | STATUS_GSO_TCP):  # receive offload joins only segments that it has verified
        return ChecksumState.VALID
    return ChecksumState.UNKNOWN
