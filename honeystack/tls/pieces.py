"""A handshake message put together from pieces that come in any order, repeated or overlapping, within bounds."""

from __future__ import annotations

from honeystack.errors import Malformed

MAX_MESSAGE = 32_768  # a hello over UDP with the largest of keys and certificates' names has not a tenth of it
MAX_PIECES = 1024  # browsers cut a hello into some dozens, on purpose


class Pieces:
    """Inputs: `add`. Outputs: `message`, the bytes from the start as far as they are without a gap; `empty`."""

    __slots__ = ("_held", "_size", "message")

    def __init__(self) -> None:
        self.message = b""
        self._held: dict[int, bytes] = {}
        self._size = 0  # of all that was ever held

    @property
    def empty(self) -> bool:
        """Whether not a byte has come."""
        return not self._size

    def add(self, offset: int, data: bytes) -> None:
        """Take a piece. Raises Malformed where it goes beyond the bounds."""
        if offset + len(data) > MAX_MESSAGE or len(self._held) >= MAX_PIECES:
            raise Malformed("a handshake message beyond all bounds")
        if offset + len(data) <= len(self.message) or len(self._held.get(offset, b"")) >= len(data):
            return
        self._size += len(data)
        if self._size > 2 * MAX_MESSAGE:
            raise Malformed("pieces without end")
        self._held[offset] = data
        if offset <= len(self.message):
            self._join()

    def _join(self) -> None:
        message = bytearray(self.message)
        for offset in sorted(self._held):
            if offset > len(message):
                break
            message += self._held.pop(offset)[len(message) - offset :]
        self.message = bytes(message)
