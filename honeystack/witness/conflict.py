"""Addresses of ours that other hosts use, as events tell them."""

from __future__ import annotations

from honeystack.events.catalogue import EventKind
from honeystack.net.address import address_text, mac_text
from honeystack.net.notices import AddressConflict

CONFLICT = EventKind(
    "sensor",
    "conflict",
    "Another host on the link uses an address that the honeypot is to answer for, or pretends to.",
    {
        "conflict.address": "the address",
        "conflict.mac": "the other host's MAC address",
        "conflict.withdrawn": "bool: found at start, and so not answered for; false: it is answered for all the same",
        "count": "int: how often since it was last told",
        "sources": "int: about how many pairs of addresses these were; only where told_sources was reached, and those "
        "beyond it are told together",
    },
    "warning",
)


def conflict_fields(conflict: AddressConflict) -> dict[str, object]:
    return {
        "conflict.address": address_text(conflict.address),
        "conflict.mac": mac_text(conflict.mac),
        "conflict.withdrawn": conflict.withdrawn,
    }
