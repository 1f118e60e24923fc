"""What becomes of the honeypot's interface, as events tell it."""

from __future__ import annotations

from collections.abc import Callable

from honeystack.events.catalogue import EventKind
from honeystack.events.recorder import Recorder
from honeystack.net.interface_watch import InterfaceChange

INTERFACE = EventKind(
    "sensor",
    "interface",
    "The honeypot's interface went down or came up, or has other addresses while all of them are to be answered for.",
    {
        "interface.state": "up or down",
        "interface.added": "list: addresses that it has got since; the host's kernel answers for them until a restart",
        "interface.removed": "list: addresses that it has no longer; they are still answered for",
    },
    "warning",
)


def interface_teller(recorder: Recorder) -> Callable[[InterfaceChange], None]:
    """What InterfaceWatch.watch calls, to record it."""

    def tell(change: InterfaceChange) -> None:
        fields: dict[str, object] = {"interface.state": "up" if change.up else "down"}
        if change.appeared:
            fields["interface.added"] = list(change.appeared)
        if change.vanished:
            fields["interface.removed"] = list(change.vanished)
        recorder.record(INTERFACE, fields)

    return tell
