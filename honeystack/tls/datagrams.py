"""What the readers of a hello in datagrams share: their answers, and an end after a datagram that is wrong."""

from __future__ import annotations

from honeystack.errors import Malformed
from honeystack.tls.hello import ClientHello, Progress
from honeystack.tls.pieces import Pieces


class DatagramReader:
    """Collects the hello of one client. Input: `feed`. Outputs: `progress`, `hello`, `message`, `begun`.

    A subclass says in `_take` what a datagram holds, puts it into `_pieces`, and sets the outputs.
    """

    __slots__ = ("_pieces", "hello", "message", "progress")

    def __init__(self) -> None:
        self.progress = Progress.MORE
        self.hello: ClientHello | None = None  # once COMPLETE
        self.message = b""  # the handshake message as if it had come in one piece, once COMPLETE
        self._pieces = Pieces()

    @property
    def begun(self) -> bool:
        """Whether some of the hello has come."""
        return not self._pieces.empty

    def feed(self, datagram: bytes) -> Progress:
        """Take the client's next datagram."""
        if self.progress is Progress.MORE:
            try:
                self._take(datagram)
            except Malformed:
                self.progress = Progress.MALFORMED
        return self.progress

    def _take(self, datagram: bytes) -> None:
        """Raises Malformed."""
        raise NotImplementedError
