"""Many frames in one system call: sendmmsg(2) through ctypes, over structures that are built once.

Each frame is copied into a slot of its own, whose address the structures hold already; a flush fills in lengths only.
"""

from __future__ import annotations

import ctypes
import errno
import socket
from collections.abc import Sequence

from honeystack.net.wire.runs import SuperFrame, virtio_header

BATCH = 256  # frames of one call
TRIES = 4  # of a queue that stays full (ENOBUFS), which is normal under load; then it is loss
HEADROOM = 18  # bytes beyond the MTU: the Ethernet header and one VLAN tag
MSG_DONTWAIT = 0x40  # bits/socket.h
FULL = frozenset({errno.ENOBUFS, errno.EAGAIN, errno.ENOMEM, errno.EINTR})
GONE = frozenset({errno.ENETDOWN, errno.ENXIO, errno.ENODEV, errno.EBADF})  # the interface is down, or gone


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):  # struct msghdr, with the padding at its end
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class MessageHeader(ctypes.Structure):  # struct mmsghdr
    _fields_ = [("message", Message), ("sent", ctypes.c_uint)]


class BatchSender:
    """Sends frames on a bound packet socket and counts: `sent`, `dropped`.

    `runs` is a second one, with PACKET_VNET_HDR: a virtio header costs small frames more than it gives, so that only
    super-frames go there, which the kernel cuts.
    """

    def __init__(self, packets: socket.socket, mtu: int, *, runs: socket.socket | None = None) -> None:
        self.sent = 0
        self.dropped = 0
        self._socket = packets
        self._runs = runs
        self._sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
        self.resize(mtu)

    def resize(self, mtu: int) -> None:
        """Take frames of this MTU from now on."""
        self._longest = mtu + HEADROOM
        self._slot = (self._longest + 63) & ~63
        self._buffer = bytearray(self._slot * BATCH)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))
        self._vectors = (IoVec * BATCH)()
        self._headers = (MessageHeader * BATCH)()
        self._start = ctypes.addressof(self._headers)
        for i in range(BATCH):
            self._vectors[i].base = start + i * self._slot
            self._headers[i].message.vectors = ctypes.addressof(self._vectors) + i * ctypes.sizeof(IoVec)
            self._headers[i].message.vector_count = 1
        # Lengths as plain integers: a structure's attribute costs three times as much to set.
        self._lengths = (ctypes.c_size_t * (2 * BATCH)).from_buffer(self._vectors)

    def send(self, frames: Sequence[bytes]) -> None:
        """Send the frames in order; never waits."""
        buffer, slot, lengths, filled = self._buffer, self._slot, self._lengths, 0
        for frame in frames:
            if type(frame) is SuperFrame:
                if filled:
                    self.send_messages(self._start, filled)
                    filled = 0
                self._send_run(frame)
                continue
            length = len(frame)
            if length > self._longest:
                self.dropped += 1
                continue
            at = filled * slot
            buffer[at : at + length] = frame
            lengths[2 * filled + 1] = length
            filled += 1
            if filled == BATCH:
                self.send_messages(self._start, filled)
                filled = 0
        if filled:
            self.send_messages(self._start, filled)

    def send_messages(self, start: int, count: int) -> None:
        """Send what `count` structures of struct mmsghdr from this address on describe; never waits."""
        done = tries = 0
        size, descriptor = ctypes.sizeof(MessageHeader), self._socket.fileno()
        refused = 0  # frames that only themselves are to blame for, as those that are longer than the MTU of now
        while done < count and tries < TRIES:
            sent = self._sendmmsg(descriptor, ctypes.c_void_p(start + done * size), count - done, MSG_DONTWAIT)
            if sent > 0:
                done, tries = done + sent, 0
            elif (error := ctypes.get_errno()) in FULL:
                tries += 1
            elif error in GONE:
                break
            else:
                done, tries, refused = done + 1, 0, refused + 1
        self.sent += done - refused
        self.dropped += count - done + refused

    def _send_run(self, frame: SuperFrame) -> None:
        for _ in range(TRIES if self._runs is not None else 0):
            assert self._runs is not None
            try:
                self._runs.sendmsg((virtio_header(frame), frame, frame.data), (), MSG_DONTWAIT)
            except OSError as error:
                if error.errno not in FULL:
                    break
            else:
                self.sent += 1
                return
        self.dropped += 1
