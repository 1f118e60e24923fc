"""What supervisor and worker say to each other: a kind, a length, and as many bytes. Pure."""

from __future__ import annotations

import enum
from struct import Struct

from honeystack.errors import Malformed

LONGEST = 1 << 30  # bytes of one message; a batch of events has few megabytes, unless the configuration keeps more
HEAD = Struct("!BI")


class Kind(enum.IntEnum):
    """Who says it, and what follows."""

    SETUP = 1  # supervisor, first: a Setup
    RELOAD = 2  # supervisor: an Orders
    STOP = 3  # supervisor: nothing
    READY = 4  # worker: nothing; packets are answered from now on
    FAILED = 5  # worker: a sentence that says why it ends
    EVENTS = 6  # worker: what pack_events makes
    COUNTERS = 7  # worker: a JSON object of numbers


def frame(kind: Kind, body: bytes = b"") -> bytes:
    """One message, whole."""
    return HEAD.pack(kind, len(body)) + body


class Unframer:
    """Input: `feed`, with bytes cut anywhere. Output: its answer, the messages that are whole now."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes | bytearray) -> list[tuple[Kind, bytes]]:
        """Raises Malformed for what is no message; nothing can be fed after that."""
        self._data += data
        whole: list[tuple[Kind, bytes]] = []
        at = 0
        while len(self._data) >= at + HEAD.size:
            number, length = HEAD.unpack_from(self._data, at)
            if length > LONGEST:
                raise Malformed(f"a message of {length} bytes")
            end = at + HEAD.size + length
            if len(self._data) < end:
                break
            whole.append((_kind(number), bytes(memoryview(self._data)[at + HEAD.size : end])))
            at = end
        del self._data[:at]
        return whole


def _kind(number: int) -> Kind:
    try:
        return Kind(number)
    except ValueError:
        raise Malformed(f"there is no message {number}") from None
