"""TLS in a replay: the hello is told, and what follows is heard to its end. The keys were for the recorded server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio

from honeystack.conversation import Conversation
from honeystack.router import Router
from honeystack.tls.authority import Authority
from honeystack.tls.hello import HelloReader
from honeystack.tls.unfinished import HeldHello
from honeystack.unwrap import TlsPlan, Unwrapper


class Hearer(Unwrapper):
    """Stands in for who takes TLS off, where nobody can. `heard` counts the conversations that went on in TLS."""

    idle: float = 60.0  # seconds without a byte that end a conversation
    heard: int = 0

    async def accept(
        self, peer: Conversation, reader: HelloReader, plan: TlsPlan, held: HeldHello | None = None
    ) -> bool:
        """Take what the peer sends until it is silent for long, or gone. Nothing more of it is told."""
        peer.tell_first()
        self.heard += 1
        more = peer.take_ahead()
        with trio.CancelScope() as scope:
            if held is not None:
                held.wait_in(scope)
            while more:
                scope.deadline = trio.current_time() + self.idle
                more = await peer.receive_some()
        return False


class HearingRouter(Router):
    """A router that only hears TLS. Arguments are those of Router."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        # It is never asked; but where there is one, certificates that would be made count as those that are there.
        authority = Authority(Path(), secret=b"", clock=float)
        super().__init__(*arguments, authority=authority, **named)
        self.hearer = Hearer(rng=named["rng"], secret=b"")
        self.hearer.idle = self.capture.idle
        self._unwrapper = self.hearer
