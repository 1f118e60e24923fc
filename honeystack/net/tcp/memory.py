"""All buffers of all connections together, bounded."""

from __future__ import annotations


class BufferMemory:
    """Counts bytes taken and given back."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    @property
    def free(self) -> int:
        return self.limit - self.used

    def take(self, count: int) -> None:
        """`count` bytes are held from now on."""
        self.used += count

    def give(self, count: int) -> None:
        """`count` bytes are held no longer."""
        self.used -= count
