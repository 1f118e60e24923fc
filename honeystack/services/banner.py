"""A greeting, and what the peer says to it."""

from __future__ import annotations

from typing import ClassVar

import attrs
import trio

from honeystack.conversation import Conversation, Recognition
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Payload
from honeystack.registry import service
from honeystack.settings import not_negative, positive, setting

ANSWER = EventKind(
    "banner",
    "answer",
    "What a peer said to the greeting, up to a size or until it fell silent; absent when it said nothing.",
    {"payload": "all that the peer sent"},
)


@service("banner")
@attrs.frozen
class Banner:
    r"""Greets with a text of yours as soon as a peer connects, then listens: enough to seem to be SSH, FTP or SMTP.

    `text` is sent as it stands, so it needs its line end: `text = "220 ftp.example.org ready\r\n"`.
    """

    text: str = setting("the greeting, line ends included", default="SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
    max_bytes: int = setting(
        "bytes of the peer's answer that are kept", default=64 * 1024, unit="bytes", validator=not_negative
    )
    pause: float = setting(
        "a peer that falls silent for so long after an answer is let go",
        default=10.0,
        unit="seconds",
        validator=positive,
    )
    idle: float = setting(
        "a peer that does not answer the greeting for so long is let go",
        default=60.0,
        unit="seconds",
        validator=positive,
    )

    speaks_first: ClassVar[bool] = True
    speaks_tls: ClassVar[bool] = False

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        """Nothing a peer says first is this service's: it greets whom no other service takes."""
        return Recognition.NOT_MINE

    async def handle(self, peer: Conversation) -> None:
        answer, length = bytearray(), 0
        try:
            with trio.CancelScope(deadline=trio.current_time() + self.idle) as scope:
                await peer.send_all(self.text.encode("utf-8", "surrogateescape"))
                while length < self.max_bytes and (data := await peer.receive_some()):
                    answer += data[: self.max_bytes - length]
                    length += len(data)
                    scope.deadline = trio.current_time() + self.pause
        finally:
            if length:
                peer.record(ANSWER, {"payload": Payload(bytes(answer), length)})
