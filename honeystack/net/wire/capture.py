"""What files of captured packets have in common: a source that counts its bytes, and the packets that come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from honeystack.errors import Malformed

LINKTYPE_ETHERNET: Final = 1
LINKTYPE_RAW: Final = 101  # packets begin with their IP header
LINKTYPE_IPV4: Final = 228
LINKTYPE_IPV6: Final = 229

SECOND: Final = 1_000_000_000  # nanoseconds
MAX_PACKET: Final = 16 * 1024 * 1024  # bytes; libpcap asks for 256 KiB, and what is beyond this is no packet's length


class CapturedPacket(NamedTuple):
    """One packet as it was captured."""

    at: int  # nanoseconds since 1970; negative before
    link_type: int  # LINKTYPE_*
    data: bytes
    length: int  # on the wire; more than `data` has where the capture cut it
    offset: int  # of its record in the file


class Source:
    """The bytes of a file, in order; `read` as that of a binary file: fewer bytes than asked for are the last."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.offset = 0
        self.record = 0  # where the record under way begins

    def begin_record(self) -> int:
        """What is taken next begins a record of its own, at the offset returned."""
        self.record = self.offset
        return self.offset

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes. Raises Malformed where the file ends before."""
        data = self.take_or_end(count, what)
        if count and not data:
            raise Malformed(f"the file ends before {what}")
        return data

    def take_or_end(self, count: int, what: str) -> bytes:
        """The next `count` bytes, or none where the file has ended. Raises Malformed where it ends among them."""
        data = self._read(count)
        self.offset += len(data)
        if data and len(data) < count:
            raise Malformed(f"the file ends within {what}: {len(data)} of {count} bytes are there")
        return data
