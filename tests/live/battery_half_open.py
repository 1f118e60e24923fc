"""Probes into handshakes that are not complete: what TCP answers in SYN-RECEIVED."""

from __future__ import annotations

import trio

from tests.live.battery_syn import FULL, timestamps
from tests.live.packets import ACK, FIN, PSH, RST, SYN
from tests.live.street import STAMP, Peer, Probe
from tests.live.twin import ECHO

HALF_OPEN: dict[str, tuple[int, dict[str, object]]] = {
    "the same syn": (SYN, {"at": 0}),
    "another syn": (SYN, {"at": 5}),
    "a syn outside": (SYN, {"at": 100_000}),
    "a syn-ack": (SYN | ACK, {"at": 0, "ack": 1}),
    "rst": (RST, {"at": 1}),
    "rst beside": (RST, {"at": 2}),
    "rst outside": (RST, {"at": 100_000}),
    "rst with ack": (RST | ACK, {"at": 1, "ack": 1}),
    "wrong ack": (ACK, {"at": 1, "ack": 1000}),
    "ack of nothing": (ACK, {"at": 1, "ack": 0}),
    "ack beside": (ACK, {"at": 5, "ack": 1}),
    "ack outside": (ACK, {"at": 100_000, "ack": 1}),
    "ack with the syn's number": (ACK, {"at": 0, "ack": 1}),
    "data": (ACK | PSH, {"at": 1, "ack": 1, "data": b"hello"}),
    "data without ack": (PSH, {"at": 1, "data": b"hello"}),
    "fin": (ACK | FIN, {"at": 1, "ack": 1}),
    "fin without ack": (FIN, {"at": 1}),
    "nothing set": (0, {"at": 1}),
    "ack with window 0": (ACK, {"at": 1, "ack": 1, "window": 0}),
}


HALF_OPEN_STAMPED: dict[str, tuple[int, dict[str, object]]] = {
    "ack without a timestamp": (ACK, {}),
    "ack with an older timestamp": (ACK, {"later": -10}),
    "ack with echo 0": (ACK, {"options": timestamps(STAMP + 1, 0)}),
    "ack with a wrong echo": (ACK, {"options": timestamps(STAMP + 1, 12345)}),
    "rst with an older timestamp": (RST, {"later": -10}),
}


HALF_OPEN_AGAIN = (
    "the same syn",
    "a syn outside",
    "a syn-ack",
    "rst beside",
    "wrong ack",
    "ack beside",
    "ack outside",
    "ack with the syn's number",
    "data without ack",
)


def stamped(peer: Peer, fields: dict[str, object]) -> dict[str, object]:
    """The fields of a segment, with a timestamp so much `later` than the first where that is asked for."""
    fields = {"at": 1, "ack": 1, **fields}
    later = fields.pop("later", None)
    return fields if later is None else fields | {"options": peer.stamps(later)}  # type: ignore[arg-type]


def half_open(flags: int, offered: bytes = b"", *, times: int = 1, **fields: object) -> Probe:
    async def probe(peer: Peer) -> None:
        await peer.open(ECHO, options=offered, quiet=True)
        for _ in range(times):
            await peer.tcp(flags, ECHO, **stamped(peer, fields))
            await trio.sleep(0.05)
        await trio.sleep(0.35)
        await peer.tcp(ACK | PSH, ECHO, at=1, ack=1, data=b"still?", options=peer.stamps(2) if offered else b"")
        await trio.sleep(0.4)

    return probe


def half_open_probes() -> dict[str, Probe]:
    """Name and probe."""
    found = {}
    for name, (flags, fields) in HALF_OPEN.items():
        found[f"half-open: {name}"] = half_open(flags, **fields)
    for name in HALF_OPEN_AGAIN:
        flags, fields = HALF_OPEN[name]
        found[f"half-open: {name}, three times"] = half_open(flags, times=3, **fields)
        if not fields.get("data") and not flags & SYN:
            found[f"half-open: {name}, with data, three times"] = half_open(flags, times=3, **fields, data=b"more")
    for name, (flags, fields) in HALF_OPEN_STAMPED.items():
        found[f"half-open with timestamps: {name}"] = half_open(flags, FULL, **fields)
    return found
