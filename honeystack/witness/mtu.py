"""The link's MTU, where it changes while the honeypot runs, as events tell it."""

from __future__ import annotations

from honeystack.events.catalogue import EventKind
from honeystack.net.notices import MtuChanged

MTU = EventKind(
    "sensor",
    "mtu",
    "The MTU of the honeypot's interface has become another. Connections keep to it, and new ones tell it to peers.",
    {"mtu.before": "int: in bytes", "mtu.now": "int: in bytes"},
    "notice",
)


def mtu_fields(changed: MtuChanged) -> dict[str, object]:
    return {"mtu.before": changed.before, "mtu.now": changed.mtu}
