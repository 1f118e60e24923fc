"""The probes of the states that end a connection: every kind of segment in each of them."""

from __future__ import annotations

import trio

from tests.live.battery_syn import MSS
from tests.live.packets import ACK, FIN, PSH
from tests.live.street import Peer, Probe
from tests.live.twin import CLOSER, DEAF, LATE_CLOSER, SINK
from tests.net.tcp.kinds import KINDS, Kind

# The state of the server, and which server gets there. In two of them its program has let go of the connection.
STATES = {
    "fin-wait-1": LATE_CLOSER,
    "fin-wait-2": LATE_CLOSER,
    "closing": LATE_CLOSER,
    "close-wait": DEAF,
    "last-ack": SINK,
    "fin-wait-1 of nobody": CLOSER,
    "closing of nobody": CLOSER,
}
REST = 0.2  # seconds, so that a time-out of 200 ms after the last step is over, and its double far away
STEP = 0.06  # seconds for an answer, well below the shortest time-out


def state_probes() -> dict[str, Probe]:
    return {
        f"{state}: {name}": in_state(state, kind)
        for state in STATES
        for name, kind in KINDS.items()
        if len(kind.data) < 1000  # which no Ethernet frame would hold
    }


def in_state(state: str, kind: Kind) -> Probe:
    async def probe(peer: Peer) -> None:
        port = STATES[state]
        peer.keep = False
        at, una, nxt = await _lead_to(state, peer, port)
        peer.keep = True
        acknowledged = (nxt if kind.exact else una) + kind.ack
        await peer.tcp(
            kind.flags, port, at=at + kind.seq, ack=acknowledged if kind.flags & ACK else None, data=kind.data
        )
        await trio.sleep(2 * STEP)
        await peer.tcp(ACK, port, at=at + 3, ack=acknowledged)  # whether it is still there
        await trio.sleep(REST)

    return probe


async def _lead_to(state: str, peer: Peer, port: int) -> tuple[int, int, int]:
    """The peer's next number, and what the server has acknowledged and not, relative to the first ones."""

    async def say(flags: int, at: int, ack: int, data: bytes = b"") -> None:
        await peer.tcp(flags, port, at=at, ack=ack, data=data)
        await trio.sleep(STEP)

    await peer.open(port, options=MSS)
    at, una, nxt = 1, 1, 1
    if port in (LATE_CLOSER, DEAF, SINK):
        await say(ACK | PSH, at, 1, b"hello")
        at += 5
    if state.startswith("closing") or port in (DEAF, SINK):
        await say(ACK | FIN, at, 1)
        at += 1
    if port != DEAF:
        nxt = 2  # the server's end is out
    if state == "fin-wait-2":
        await say(ACK, at, nxt)
        una = nxt
    return at, una, nxt
