"""What a client hears of a server: records as they are complete, and the messages and alerts in them, by name."""

from __future__ import annotations

from collections.abc import Iterator

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23


class Hearing:
    """`heard` has it all in order; whoever inherits it opens what is sealed, and learns from each message."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._buffer = b""

    def records(self, data: bytes) -> Iterator[bytes]:
        """The records that are complete with the server's next bytes, headers included."""
        self._buffer += data
        while len(self._buffer) >= 5 and len(self._buffer) >= 5 + int.from_bytes(self._buffer[3:5], "big"):
            end = 5 + int.from_bytes(self._buffer[3:5], "big")
            whole, self._buffer = self._buffer[:end], self._buffer[end:]
            yield whole

    def take(self, kind: int, content: bytes, how: str) -> None:
        """Note what a record says, "sealed " or not."""
        if kind == ALERT and len(content) == 2:
            self.heard.append(f"{how}alert {content[0]} {content[1]}")
        elif kind != HANDSHAKE:
            self.heard.append(f"{how}record {kind}")
        while kind == HANDSHAKE and content:
            end = 4 + int.from_bytes(content[1:4], "big")
            self.heard.append(f"{how}message {content[0]}")
            self.learn(content[:end])
            content = content[end:]

    def learn(self, message: bytes) -> None:
        raise NotImplementedError
