"""A driver with all its neighbours at hand, for tests: a stack that does as it is told, a link in memory, a guest."""

from __future__ import annotations

from collections import deque
from typing import Any

from honeystack.net.driver import Driver
from honeystack.net.notices import BoundReached, CloseReason, Notice
from honeystack.net.wire.facts import ChecksumState
from honeystack.testing import MemoryLink

NOTICE = BoundReached("half_open", 1, None)


class ScriptedStack:
    """Answers every frame with itself reversed, and tells the notices that were queued for it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.notices: deque[Notice] = deque()
        self.out: list[bytes] = []
        self.deadline: float | None = None
        self.failing: set[str] = set()
        self.received: list[tuple[bytes, ChecksumState, int | None]] = []

    def _called(self, name: str) -> None:
        self.log.append(name)
        if name in self.failing:
            raise ZeroDivisionError(name)

    def receive_frame(self, frame: bytes, now: float, *, checksum: ChecksumState, vlan: int | None) -> None:
        self._called("receive")
        self.received.append((frame, checksum, vlan))
        self.out.append(frame[::-1])
        self.notices.append(NOTICE)

    def handle_timeout(self, now: float) -> None:
        self._called(f"timeout {now:g}")
        self.deadline = None
        self.out.append(b"retransmission")

    def change_mtu(self, mtu: int, now: float) -> None:
        self._called(f"mtu {mtu}")
        self.out.append(b"smaller")

    def shut_down(self, now: float) -> None:
        self._called("shut down")
        self.out.append(b"reset")

    def poll_transmit(self, now: float) -> list[bytes]:
        if self.out:
            self._called("transmit")
        out, self.out = self.out, []
        return out

    def poll_notice(self) -> Notice | None:
        return self.notices.popleft() if self.notices else None

    def poll_timeout(self) -> float | None:
        return self.deadline


class Listener:
    """A guest that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.failing = False

    def accepted(self, connection: Any) -> None:
        self.told.append(("accepted", connection))
        if self.failing:
            raise ZeroDivisionError

    def readable(self, connection: Any) -> None:
        self.told.append(("readable", connection))

    def closed(self, connection: Any, reason: CloseReason) -> None:
        self.told.append(("closed", connection, reason))

    def noticed(self, notice: Notice) -> None:
        self.told.append(notice)


class Bench:
    """A driver with all its neighbours at hand."""

    def __init__(self) -> None:
        self.stack = ScriptedStack()
        self.link = MemoryLink(b"\x02" + bytes(5), record=True)
        self.guest = Listener()
        self.driver = Driver(self.stack, self.link, self.guest)  # type: ignore[arg-type]
