"""How long a service waits for its peer: as long as it is not silent, or up to a moment.

Where the netstack carries the octets, inside TLS too, that is a number which its stream compares; elsewhere a cancel
scope, which costs more.
"""

from __future__ import annotations

from types import TracebackType
from typing import ClassVar

import trio

from honeystack.conversation import Conversation
from honeystack.net.stream import TcpStream


class _Wait:
    """A context that the peer ends, when it has not done its part in time."""

    __slots__ = ("_scope", "_seconds", "_stream")
    _number: ClassVar[str]  # of the stream, while the block runs

    def __init__(self, peer: Conversation, seconds: float) -> None:
        self._seconds = seconds
        stream = getattr(peer.stream, "transport", peer.stream)
        self._stream = stream if type(stream) is TcpStream else None
        self._scope = None if self._stream is not None else trio.CancelScope()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._scope is not None:
            return bool(self._scope.__exit__(kind, error, trace))
        if self._stream is not None:
            setattr(self._stream, self._number, None)
        return isinstance(error, trio.TooSlowError)


class Patience(_Wait):
    """A context in which a peer that is silent for too long, or takes nothing for as long, ends the block.

    `extend` after each sign of life; our own stream extends itself.
    """

    __slots__ = ()
    _number = "patience"

    def __enter__(self) -> Patience:
        if self._stream is not None:
            self._stream.patience = self._seconds
        elif self._scope is not None:
            self._scope.__enter__()
            self.extend()
        return self

    def extend(self) -> None:
        """The peer has been heard of, or has taken something."""
        if self._scope is not None:
            self._scope.deadline = trio.current_time() + self._seconds


class Deadline(_Wait):
    """A context that ends the block when the peer has not done its part in time; `extend` gives it time anew."""

    __slots__ = ()
    _number = "deadline"

    def __enter__(self) -> Deadline:
        if self._scope is not None:
            self._scope.__enter__()
        self.extend(self._seconds)
        return self

    def extend(self, seconds: float) -> None:
        """So many seconds from now."""
        until = trio.current_time() + seconds
        if self._stream is not None:
            self._stream.deadline = until
        elif self._scope is not None:
            self._scope.deadline = until
