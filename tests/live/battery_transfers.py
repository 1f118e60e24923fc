"""The probes of longer conversations in TCP: windows, SACK, marks, ends, numbers used again, and much of a kind."""

from __future__ import annotations

from struct import pack

import trio

from tests.live.battery_syn import FULL, MSS
from tests.live.battery_tcp import Step, conversation
from tests.live.packets import ACK, CWR, ECE, FIN, PSH, RST, SYN, TCP, URG
from tests.live.street import ISN, STAMP, Peer, Probe
from tests.live.twin import CLOSED, CLOSER, DEAF, ECHO, FLOOD, HELLO, LATE_CLOSER, SINK

WORD = b"hello"

# To a server that echoes, after the handshake.
STEPS: dict[str, list[Step]] = {
    "keep-alive": [(ACK, {"at": 0, "ack": 1}), (ACK, {"at": 0, "ack": 1})],
    "keep-alive after data": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": WORD}),
        (ACK, {"at": 6, "ack": 6}),
        (ACK, {"at": 5, "ack": 6}),
        (ACK, {"at": 5, "ack": 6, "data": b"\0"}),
    ],
    "data with every flag but syn and rst": [(ACK | PSH | URG | FIN | ECE | CWR, {"at": 1, "ack": 1, "data": WORD})],
    "data and end, and then again": [
        (ACK | PSH | FIN, {"at": 1, "ack": 1, "data": WORD}),
        (ACK | PSH | FIN, {"at": 1, "ack": 1, "data": WORD}),
        (ACK, {"at": 7, "ack": 7}),
        (ACK | FIN, {"at": 6, "ack": 7}),
    ],
    "end before its data": [
        (ACK | FIN, {"at": 11, "ack": 1}),
        (ACK, {"at": 6, "ack": 1, "data": b"world"}),
        (ACK, {"at": 1, "ack": 1, "data": WORD}),
        (ACK, {"at": 12, "ack": 12}),
    ],
    "end with data that comes in two halves": [
        (ACK | FIN, {"at": 6, "ack": 1, "data": b"world"}),
        (ACK, {"at": 1, "ack": 1, "data": WORD}),
        (ACK, {"at": 12, "ack": 12}),
    ],
    "data beyond an early end": [
        (ACK | FIN, {"at": 6, "ack": 1}),
        (ACK, {"at": 7, "ack": 1, "data": b"world"}),
        (ACK, {"at": 1, "ack": 1, "data": WORD}),
    ],
    "data that crosses the window": [(ACK, {"at": 63_500, "ack": 1, "data": b"x" * 1400})],
    "data of one byte at the window's end": [(ACK, {"at": 64_240, "ack": 1, "data": b"x"})],
    "data of one byte behind the window": [(ACK, {"at": 64_241, "ack": 1, "data": b"x"})],
    "acknowledgement of half of a word": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": WORD}),
        (ACK, {"at": 6, "ack": 3}),
    ],
    "acknowledgement of more than was said": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": WORD}),
        (ACK, {"at": 6, "ack": 9}),
    ],
    "window that closes and opens": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": WORD, "window": 0}),
        (ACK, {"at": 6, "ack": 1, "window": 3}),
        (ACK, {"at": 6, "ack": 4, "window": 0}),
        (ACK, {"at": 6, "ack": 4, "window": 100}),
    ],
    "window of one": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": WORD, "window": 1}),
        (ACK, {"at": 6, "ack": 2, "window": 1}),
        (ACK, {"at": 6, "ack": 3, "window": 1}),
    ],
    "rst with a window and a pointer": [(RST, {"at": 1, "window": 5, "urgent": 9}), (ACK, {"at": 1, "ack": 1})],
    "rst and end": [(RST | FIN, {"at": 1}), (ACK, {"at": 1, "ack": 1})],
    "rst and push": [(RST | PSH | ACK, {"at": 1, "ack": 1, "data": b"x"}), (ACK, {"at": 1, "ack": 1})],
    "rst after a hole": [(ACK, {"at": 11, "ack": 1, "data": WORD}), (RST, {"at": 16}), (RST, {"at": 1})],
    "rst behind the end": [(ACK | FIN, {"at": 1, "ack": 1}), (RST, {"at": 2}), (ACK, {"at": 2, "ack": 2})],
    "urgent twice": [
        (ACK | URG, {"at": 1, "ack": 1, "data": WORD, "urgent": 3}),
        (ACK | URG, {"at": 6, "ack": 1, "data": WORD, "urgent": 9}),
    ],
    "urgent pointer without flag": [(ACK | PSH, {"at": 1, "ack": 1, "data": WORD, "urgent": 3})],
    "reserved bits": [(ACK | PSH, {"at": 1, "ack": 1, "data": WORD, "reserved": 0xF})],
    "header of four words": [(ACK | PSH, {"at": 1, "ack": 1, "data": WORD, "words": 4})],
    "header longer than the segment": [(ACK | PSH, {"at": 1, "ack": 1, "data": WORD, "words": 15})],
    "unknown option": [(ACK | PSH, {"at": 1, "ack": 1, "data": WORD, "options": b"\xfd\4xy"})],
    "end of options and rest": [(ACK | PSH, {"at": 1, "ack": 1, "data": WORD, "options": b"\0\x08\x0a\0"})],
    "forty bytes of options": [(ACK | PSH, {"at": 1, "ack": 1, "data": WORD, "options": b"\1" * 40})],
}
# What comes ten times, within a few milliseconds.
TEN_TIMES: dict[str, tuple[int, dict[str, object]]] = {
    "syn": (SYN, {"at": 1}),
    "rst inside": (RST, {"at": 100}),
    "ack of the future": (ACK, {"at": 1, "ack": 5000}),
    "ack of long ago": (ACK, {"at": 1, "ack": -100_000}),
    "ack outside": (ACK, {"at": 100_000, "ack": 1}),
    "ack before": (ACK, {"at": 0, "ack": 1}),
    "data outside": (ACK, {"at": 100_000, "ack": 1, "data": WORD}),
    "data of the past": (ACK, {"at": -10, "ack": 1, "data": WORD}),
    "fin outside": (ACK | FIN, {"at": 100_000, "ack": 1}),
    "nothing set": (0, {"at": 1}),
    "early data": (ACK, {"at": 11, "ack": 1, "data": WORD}),
}


def blocks(*edges: int) -> bytes:
    """A SACK option, edges relative to what the server has sent first."""
    return b"\1\1\5" + bytes([2 + 4 * len(edges)]) + pack(f"!{len(edges)}I", *edges)


def ten_times(flags: int, fields: dict[str, object], options: bytes) -> Probe:
    async def probe(peer: Peer) -> None:
        await peer.open(ECHO, options=options)
        stamp = {"options": peer.stamps(1)} if options == FULL else {}
        for _ in range(10):
            await peer.tcp(flags, ECHO, **{**fields, **stamp})
        await trio.sleep(0.2)

    return probe


def selective(*edges: int, more: bool = False) -> Probe:
    """The greeting's, or much text's, bytes are acknowledged selectively from one edge to another."""

    async def probe(peer: Peer) -> None:
        port = FLOOD if more else HELLO
        await peer.open(port, options=FULL)
        made = blocks(*((peer.iss or 0) + edge & 0xFFFFFFFF for edge in edges))
        await peer.tcp(ACK, port, at=1, ack=1, options=peer.stamps(1)[2:] + made)
        await trio.sleep(0.03 if more else 0.5)

    return probe


async def marked(peer: Peer) -> None:
    """ECN is agreed on, and a packet is marked; ECE stands until CWR comes (RFC 3168 §6.1.3)."""
    await peer.tcp(SYN | ECE | CWR, ECHO, options=MSS)
    await peer.shaken.wait()
    await peer.tcp(ACK, ECHO, at=1, ack=1)
    for at, flags, tos in ((1, ACK | PSH, 2), (6, ACK | PSH, 3), (11, ACK | PSH, 2), (16, ACK | PSH | CWR, 2)):
        await peer.ip_packet(TCP, peer.segment(flags, ECHO, at=at, ack=at, data=WORD), tos=tos)
        await trio.sleep(0.1)
    await peer.ip_packet(TCP, peer.segment(ACK | FIN | ECE, ECHO, at=21, ack=21), tos=0)
    await trio.sleep(0.1)


def with_ip_options(options: bytes) -> Probe:
    """The SYN comes with IPv4 options, and what follows without."""

    async def probe(peer: Peer) -> None:
        await peer.ip_packet(TCP, peer.segment(SYN, ECHO, options=MSS), options=options)
        with trio.move_on_after(1):
            await peer.shaken.wait()
        await peer.tcp(ACK, ECHO, at=1, ack=1)
        await peer.tcp(ACK | PSH, ECHO, at=1, ack=1, data=WORD)
        await trio.sleep(0.1)
        await peer.tcp(ACK | FIN, ECHO, at=6, ack=6)
        await trio.sleep(0.1)

    return probe


def again(*, later: int, seq: int, ended: str, options: bytes = FULL) -> Probe:
    """A connection has ended, and its ports are used again."""

    async def probe(peer: Peer) -> None:
        port = CLOSER if ended == "time-wait" else SINK
        await peer.open(port, options=options)
        stamp = {"options": peer.stamps(1)} if options == FULL else {}
        if ended == "time-wait":
            await peer.tcp(ACK | FIN, port, at=1, ack=2, **stamp)
        elif ended == "last-ack":
            await peer.tcp(ACK | FIN, port, at=1, ack=1, **stamp)
            await trio.sleep(0.05)
            await peer.tcp(ACK, port, at=2, ack=2, **stamp)
        else:
            await peer.tcp(RST, port, at=1)
        await trio.sleep(0.1)
        fresh = FULL[:6] + b"\x08\x0a" + pack("!II", STAMP + later & 0xFFFFFFFF, 0) + FULL[16:]
        await peer.tcp(SYN, port, at=seq, options=fresh if options == FULL else options)
        await trio.sleep(0.5)

    return probe


def two_syns(second: dict[str, object]) -> Probe:
    """Another SYN of the same ports, while the handshake is under way; then the first is acknowledged."""

    async def probe(peer: Peer) -> None:
        await peer.tcp(SYN, ECHO, options=FULL)
        await trio.sleep(0.1)
        await peer.tcp(SYN, ECHO, **second)
        await trio.sleep(0.1)
        await peer.tcp(ACK | PSH, ECHO, at=1, ack=1, data=WORD, options=peer.stamps(1))
        await trio.sleep(0.2)

    return probe


def with_text(flags: int, port: int) -> Probe:
    async def probe(peer: Peer) -> None:
        await peer.tcp(flags, port, seq=ISN, data=WORD)
        await trio.sleep(0.7)

    return probe


async def drained(peer: Peer) -> None:
    """Much is sent, and acknowledged segment by segment."""
    await peer.open(FLOOD, options=MSS, window=8760)
    for at in range(1461, 1461 + 5 * 1460, 1460):
        await peer.tcp(ACK, FLOOD, at=1, ack=at, window=8760)
        await trio.sleep(0.02)


def slowly(seconds: float) -> Probe:
    """A flight to somebody who is so far away."""

    async def probe(peer: Peer) -> None:
        await peer.open(FLOOD, options=MSS, quiet=True)
        await trio.sleep(seconds)
        await peer.tcp(ACK, FLOOD, at=1, ack=1)
        await trio.sleep(0.1)

    return probe


async def reset_while_sending(peer: Peer) -> None:
    await peer.open(FLOOD, options=MSS)
    await peer.tcp(RST, FLOOD, at=1)
    await trio.sleep(0.4)


async def end_while_sending(peer: Peer) -> None:
    await peer.open(HELLO, options=MSS)
    await peer.tcp(ACK | FIN, HELLO, at=1, ack=1)
    await trio.sleep(0.5)


async def into_a_shut_window(peer: Peer) -> None:
    """A server that never reads, and a byte for a window that is shut."""
    peer.keep = False
    await peer.open(DEAF, options=MSS)
    for _ in range(3):
        await peer.tcp(ACK, DEAF, at=1, ack=1, data=b"x" * 1400)
    await trio.sleep(0.1)
    peer.keep = True
    await peer.tcp(ACK, DEAF, at=1, ack=1, data=b"x" * 1400)
    await trio.sleep(0.1)


def transfer_probes(version: int) -> dict[str, Probe]:
    found = {f"transfer: {name}": conversation(steps) for name, steps in STEPS.items()}
    for name, (flags, fields) in TEN_TIMES.items():
        found[f"ten times: {name}"] = ten_times(flags, fields, MSS)
        found[f"ten times with timestamps: {name}"] = ten_times(flags, fields, FULL)
    found |= {
        "sack: of all": selective(1, 6),
        "sack: of a part": selective(3, 6),
        "sack: of what is not": selective(1000, 2000),
        "sack: backwards": selective(6, 1),
        "sack: of old": selective(-100, -50),
        "flight: sack of three": selective(1449, 1449 + 3 * 1448, more=True),
        "flight: sack of the first": selective(1, 1449, more=True),
        "ecn: marked": marked,
        "flight: drained": drained,
        "flight: far away": slowly(0.1),
        "flight: reset": reset_while_sending,
        "transfer: end while sending": end_while_sending,
        "transfer: the same into a buffer": into_a_shut_window,
        "transfer: half close and more": conversation(
            [
                (ACK | PSH, {"data": b"go"}),
                (ACK, {"at": 3, "ack": 2}),
                (ACK | PSH, {"at": 3, "ack": 2, "data": b"more"}),
                (ACK | PSH, {"at": 7, "ack": 2, "data": b"more"}),
                (ACK | FIN, {"at": 11, "ack": 2}),
                (ACK | FIN, {"at": 11, "ack": 2}),
            ],
            port=LATE_CLOSER,
        ),
    }
    for ended in ("time-wait", "last-ack", "reset"):
        for name, later, seq in (
            ("later", 1000, 70_000),
            ("later in time only", 1000, -70_000),
            ("later in number only", -1000, 70_000),
            ("earlier", -1000, -70_000),
            ("the same", 1, 0),
            ("next", 1, 2),
        ):
            found[f"again after {ended}: {name}"] = again(later=later, seq=seq, ended=ended)
            if later == 1000 or seq == 0:
                found[f"again after {ended}: {name}, without timestamps"] = again(
                    later=later, seq=seq, ended=ended, options=MSS
                )
    for name, second in {
        "with other options": {"options": MSS},
        "with another window": {"options": FULL, "window": 1000},
        "with data": {"options": FULL, "data": WORD},
        "with end": {"options": FULL, "at": 0, "urgent": 4},
        "next number": {"options": FULL, "at": 1},
        "earlier number": {"options": FULL, "at": -1000},
    }.items():
        found[f"two syns: {name}"] = two_syns(second)
    for name, port in (("open", ECHO), ("closed", CLOSED)):
        for flags in (0, FIN, RST, PSH, ACK, SYN | FIN, SYN | RST, SYN | ACK, FIN | PSH | URG, ACK | FIN, ACK | RST):
            found[f"text with flags {flags:#04x} to {name}"] = with_text(flags, port)
    if version == 4:
        for name, options in {
            "record route": b"\7\x0b\4" + bytes(9),
            "timestamps": b"\x44\x0c\5\0" + bytes(8),
            "no operation": b"\1\1\1\0",
            "router alert": b"\x94\4\0\0",
        }.items():
            found[f"connection with ip options: {name}"] = with_ip_options(options)
    return found
