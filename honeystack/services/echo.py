"""RFC 862."""

from __future__ import annotations

from typing import ClassVar

import attrs
import trio

from honeystack.conversation import Conversation, DatagramConversation, Recognition
from honeystack.events.catalogue import EventKind
from honeystack.patience import Patience
from honeystack.registry import service
from honeystack.settings import positive, setting

ECHOED = EventKind(
    "echo", "echoed", "A peer has been echoed.", {"echo.bytes": "int: how many bytes came and went back"}
)


@service("echo")
@attrs.frozen
class Echo:
    """Sends back what it receives, over TCP and UDP (RFC 862)."""

    idle: float = setting(
        "a peer that is silent for so long is let go", default=60.0, unit="seconds", validator=positive
    )

    speaks_first: ClassVar[bool] = False
    speaks_tls: ClassVar[bool] = False

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        """Any byte will do."""
        if first:
            return Recognition.MINE
        return Recognition.NOT_MINE if eof else Recognition.MORE

    async def handle(self, peer: Conversation) -> None:
        echoed = 0
        try:
            with Patience(peer, self.idle) as patience:
                while data := peer.take_ahead() or await peer.receive_some():
                    await peer.send_all(data)
                    echoed += len(data)
                    patience.extend()
        finally:
            peer.record(ECHOED, {"echo.bytes": echoed})

    async def handle_datagrams(self, peer: DatagramConversation) -> None:
        echoed = 0
        try:
            while True:
                data = await peer.receive()
                if peer.send(data):
                    echoed += len(data)
        except trio.EndOfChannel:
            pass
        finally:
            peer.record(ECHOED, {"echo.bytes": echoed})
