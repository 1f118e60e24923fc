"""A service of your own: one file, one class. Its fields are its settings, its docstring is its manual."""

from __future__ import annotations

from typing import ClassVar

import attrs
import trio

from honeystack.conversation import Conversation, Recognition
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Payload
from honeystack.registry import service
from honeystack.settings import setting

SAID = EventKind("greeter", "said", "A line that a peer said to the greeter.", {"payload": "the line"})
LONGEST = 1024  # bytes of a line; a peer that never ends its line is not waited for


@service("greeter")
@attrs.frozen
class Greeter:
    """Says hello, and answers each line with the same words."""

    greeting: str = setting("what it says first", default="hello")
    idle: float = setting("a peer that is silent for so long is let go", default=30.0, unit="seconds")

    speaks_first: ClassVar[bool] = True
    speaks_tls: ClassVar[bool] = False

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        """Text is ours."""
        return Recognition.MINE if first[:1].isalpha() else Recognition.NOT_MINE

    async def handle(self, peer: Conversation) -> None:
        await peer.send_all(f"{self.greeting}\r\n".encode())
        line = b""
        with trio.move_on_after(self.idle):
            while len(line) < LONGEST and (data := await peer.receive_some()):
                *whole, line = (line + data).split(b"\n")
                for each in whole:
                    peer.record(SAID, {"payload": Payload(each, len(each))})
                    await peer.send_all(b"you said: " + each.strip() + b"\r\n")
