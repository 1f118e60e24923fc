"""The fence's falls, as events tell them."""

from __future__ import annotations

from collections.abc import Callable

from honeystack.events.catalogue import EventKind
from honeystack.events.recorder import Recorder
from honeystack.net.fence import FenceChange

FENCE = EventKind(
    "sensor",
    "fence",
    "What keeps the host's kernel silent is gone, and later there again; in between the kernel answers too.",
    {
        "fence.state": "down or up",
        "fence.reason": "why it went down",
        "fence.down-ms": "int: for how long it was down; only when it is up again",
    },
    "error",
)


def fence_teller(recorder: Recorder) -> Callable[[FenceChange], None]:
    """What Fence.watch calls, to record it."""

    def tell(change: FenceChange) -> None:
        fields: dict[str, object] = {"fence.state": "up" if change.up else "down", "fence.reason": change.reason}
        if change.up:
            fields["fence.down-ms"] = round(change.seconds * 1000)
        recorder.record(FENCE, fields)

    return tell
