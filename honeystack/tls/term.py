"""The time that a handshake has, and its end before that, without a cancel scope where our own TCP carries it.

A scope costs a handshake as much as the parsing of its hello does, and half a kilobyte. Our TCP has a deadline of its
own, and a handshake that is given up is one whose connection is closed.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import trio


class Term:
    """As a trio.CancelScope around waits on one stream, which ends so many seconds after it was made."""

    __slots__ = ("_before", "_deadline", "_entered", "_given_up", "_scope", "_stream", "cancelled_caught")

    def __init__(self, stream: trio.abc.Stream, seconds: float) -> None:
        self.cancelled_caught = False
        self._deadline = trio.current_time() + seconds
        self._stream: Any = stream if hasattr(stream, "deadline") else None  # our own TCP has it
        self._scope = None if self._stream is not None else trio.CancelScope(deadline=self._deadline)
        self._before: float | None = None  # the deadline that is the stream's outside
        self._entered = self._given_up = False

    def cancel(self) -> None:
        """End it now, if it has not ended: our own TCP is closed then."""
        if self._scope is not None:
            self._scope.cancel()
            return
        self._given_up = True
        if self._entered:
            self._stream.close_nowait()

    def __enter__(self) -> Self:
        if self._scope is not None:
            self._scope.__enter__()
            return self
        self._entered = True
        self._before = self._stream.deadline
        self._stream.deadline = self._deadline if self._before is None else min(self._before, self._deadline)
        if self._given_up:
            self._stream.close_nowait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._scope is not None:
            caught = bool(self._scope.__exit__(kind, error, trace))
            self.cancelled_caught = self._scope.cancelled_caught
            return caught
        self._entered = False
        self._stream.deadline = self._before
        if error is None:
            return False
        ended = isinstance(error, trio.TooSlowError) or (self._given_up and isinstance(error, trio.ClosedResourceError))
        self.cancelled_caught = ended
        return ended
