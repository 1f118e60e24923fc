"""A client and its cable in memory: short connections with timestamps, as Linux opens and closes them.

It is part of the same process as what is measured; so it keeps its own CPU time apart, as `spent`.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from typing import Literal

import trio

from honeystack.net.link import ChecksumState, LinkStatistics, ReceivedFrame
from honeystack.net.wire.tcp import ACK, FIN, PSH, SYN

OUR_MAC, CLIENT_MAC = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
ADDRESS = "192.0.2.1"
LOCAL = bytes([192, 0, 2, 1])
SOURCES = 16
DATA = b"x" * 100
GET = b"GET / HTTP/1.1\r\nHost: honeypot\r\nUser-Agent: load\r\nConnection: close\r\n\r\n"
AT_ONCE = 64  # connections under way
BATCH = 256  # frames that the link gives at once
_PORTS = struct.Struct("!HHIIBB").unpack_from


class Client:
    """Once started, opens connections to a port, says the same on each, awaits an answer, and closes.

    Of an echo any part is awaited; of another answer its end, after which we close.
    """

    mac, mtu = OUR_MAC, 1500

    def __init__(self, port: int, said: bytes = DATA, *, awaits: Literal["nothing", "echo", "end"]) -> None:
        self.spent = 0.0  # seconds of CPU time that were the client's
        self.done = self.frames = 0
        self.finished = trio.Event()
        self._port = port
        self._total = 0
        self._said = said
        self._awaits = awaits
        self._begun = 0
        self._open: dict[tuple[bytes, int], int] = {}  # source and port → initial sequence number
        self._queue: list[bytes] = []
        self._answers: list[bytes] = []

    def start(self, total: int) -> None:
        """Begin, with so many connections in all."""
        self._total = total

    # the link

    async def wait_readable(self) -> None:
        if self.finished.is_set():
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()

    def receive(self, limit: int = BATCH) -> list[ReceivedFrame]:
        began = time.thread_time()
        answers, self._answers = self._answers, []
        for frame in answers:
            self._got(frame)
        for _ in range(min(AT_ONCE - len(self._open), self._total - self._begun)):
            self._begin()
        frames = [ReceivedFrame(frame, ChecksumState.VALID) for frame in self._queue[:limit]]
        del self._queue[:limit]
        self.frames += len(frames)
        if self.done >= self._total > 0 and not self._queue:
            self.finished.set()
        self.spent += time.thread_time() - began
        return frames

    def send(self, frames: Sequence[bytes]) -> None:
        self._answers += frames

    def statistics(self) -> LinkStatistics:
        return LinkStatistics(self.frames, 0, 0, 0)

    def close(self) -> None:
        pass

    # the client

    def _begin(self) -> None:
        number, self._begun = self._begun, self._begun + 1
        source, port = bytes([192, 0, 2, 100 + number % SOURCES]), 1024 + number // SOURCES % 60_000
        isn = number * 2654435761 & 0xFFFFFFFF
        self._open[source, port] = isn
        options = b"\2\4\5\xb4\4\2\x08\x0a" + struct.pack("!II", 1000 + number, 0) + b"\1\3\3\7"
        self._queue.append(segment(source, port, self._port, isn, 0, SYN, options))

    def _got(self, frame: bytes) -> None:
        source = bytes(frame[30:34])
        _, port, seq, _, offset, flags = _PORTS(frame, 34)
        isn = self._open.get((source, port))
        if isn is None:
            return
        stamps = b"\1\1\x08\x0a" + struct.pack("!I", 5_000_000) + bytes(frame[58:62])
        length = int.from_bytes(frame[16:18], "big") - 20 - (offset >> 2)
        end = 1 + len(self._said)

        def say(seq: int, ack: int, flags: int, data: bytes = b"") -> None:
            self._queue.append(segment(source, port, self._port, isn + seq, ack, flags, stamps, data))

        if flags & SYN:
            say(1, seq + 1, ACK)
            say(1, seq + 1, ACK | PSH, self._said)
            if self._awaits == "nothing":
                say(end, seq + 1, ACK | FIN)
        elif flags & FIN:
            del self._open[source, port]
            self.done += 1
            if self._awaits == "end":
                say(end, seq + length + 1, ACK | FIN)
            else:
                say(end + 1, seq + length + 1, ACK)
        elif length and self._awaits == "echo":
            say(end, seq + length, ACK | FIN)
        elif length:
            say(end, seq + length, ACK)


def segment(
    source: bytes, port: int, to: int, seq: int, ack: int, flags: int, options: bytes, data: bytes = b""
) -> bytes:
    """A frame; its checksum is said to hold, and left out."""
    size = 20 + len(options) + len(data)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + size, port, 0x4000, 64, 6, 0, source, LOCAL)
    ip = ip[:10] + (0xFFFF - int.from_bytes(ip, "big") % 0xFFFF).to_bytes(2, "big") + ip[12:]
    window = 64240 if flags & SYN else 502
    numbers = (port, to, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 20 + len(options) << 2, flags, window, 0, 0)
    return OUR_MAC + CLIENT_MAC + b"\x08\0" + ip + struct.pack("!HHIIBBHHH", *numbers) + options + data
