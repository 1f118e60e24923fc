"""How much all hellos hold together that are not whole yet, or whose handshake is under way.

A hello may have 131 kB (OpenSSL takes as much) and ten seconds, and thousands of peers may be in the middle of one. So
they have a bound together, and beyond it the one that began first gives way: an honest client is through in some round
trips, so that it is not the first for long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self


class Ending(Protocol):
    """What ends a wait: a cancel scope, or the term of a handshake."""

    def cancel(self) -> None: ...


class UnfinishedHellos:
    """Input: `hold`. Getter: `held`, in bytes. `reached` is called once for each hello that is given up."""

    def __init__(self, limit: int, reached: Callable[[], None]) -> None:
        self.held = 0
        self._limit = limit
        self._reached = reached
        self._order: dict[HeldHello, None] = {}  # those that hold anything, in the order in which they began

    def hold(self) -> HeldHello:
        """What one peer's hello holds, while the block lasts that it is entered for."""
        return HeldHello(self)

    def grow(self, hello: HeldHello, size: int) -> None:
        """For HeldHello: it holds more now."""
        self._order[hello] = None
        self.held += size
        while self.held > self._limit:
            oldest = next(iter(self._order))
            oldest.give_up()
            self.forget(oldest)
            self._reached()

    def forget(self, hello: HeldHello) -> None:
        """For HeldHello: it holds nothing any more."""
        if hello in self._order:
            del self._order[hello]
            self.held -= hello.size


class HeldHello:
    """The share of one hello. Inputs: `received`, `wait_in`. Getter: `given_up`.

    It has no scope of its own, which would cost each hello as much as its parsing.
    """

    __slots__ = ("_all", "_scope", "given_up", "size")

    def __init__(self, among: UnfinishedHellos) -> None:
        self.size = 0
        self.given_up = False
        self._all = among
        self._scope: Ending | None = None

    def received(self, data: bytes | bytearray) -> None:
        """The peer's next bytes."""
        if data and not self.given_up:
            self.size += len(data)
            self._all.grow(self, len(data))

    def wait_in(self, scope: Ending) -> None:
        """What waits for more of the hello, or for its handshake, does so in this scope from now on."""
        self._scope = scope
        if self.given_up:
            scope.cancel()

    def give_up(self) -> None:
        """It has to give way to others: what waits is cancelled."""
        self.given_up = True
        if self._scope is not None:
            self._scope.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._all.forget(self)
