"""All buffers of all connections together, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection


class BufferMemory:
    """Counts bytes taken and given back, and knows who waits for some to be free."""

    __slots__ = ("limit", "short", "used", "waiting")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.short = False  # something was refused, and there has not been much room since
        self.waiting: list[Connection] = []  # whose users could not send

    @property
    def free(self) -> int:
        return self.limit - self.used

    @property
    def plenty(self) -> bool:
        """Whether a quarter is free: enough for those who wait not to be refused at once."""
        return self.free * 4 >= self.limit

    def take(self, count: int) -> None:
        """`count` bytes are held from now on."""
        self.used += count

    def give(self, count: int) -> None:
        """`count` bytes are held no longer."""
        self.used -= count
