"""The probes of one segment: flags, and what stands in a SYN."""

from __future__ import annotations

from struct import pack

import trio

from tests.live import packets
from tests.live.packets import SYN
from tests.live.street import STAMP, Peer, Probe
from tests.live.twin import CLOSED as CLOSED

MSS = b"\x02\x04\x05\xb4"


def timestamps(value: int = STAMP, echo: int = 0) -> bytes:
    return b"\x01\x01\x08\x0a" + pack("!II", value, echo)


FULL = MSS + b"\x04\x02\x08\x0a" + pack("!II", STAMP, 0) + b"\x01\x03\x03\x07"

SYN_OPTIONS = {
    "none": b"",
    "mss 0": b"\x02\x04\0\0",
    "mss 1": b"\x02\x04\0\1",
    "mss 47": b"\x02\x04\0\x2f",
    "mss 536": b"\x02\x04\x02\x18",
    "mss 1460": MSS,
    "mss 65535": b"\x02\x04\xff\xff",
    "mss twice": MSS + b"\x02\x04\x02\x18",
    "mss of length 3": b"\x02\x03\x05",
    "mss of length 5": b"\x02\x05\x05\xb4\0",
    "all": FULL,
    "scale 0": MSS + b"\x03\x03\0",
    "scale 14": MSS + b"\x03\x03\x0e",
    "scale 15": MSS + b"\x03\x03\x0f",
    "scale 255": MSS + b"\x03\x03\xff",
    "scale of length 2": MSS + b"\x03\x02",
    "scale of length 4": MSS + b"\x03\x04\7\0",
    "sack": MSS + b"\x04\x02",
    "sack of length 3": MSS + b"\x04\x03\0",
    "sack blocks": MSS + b"\x05\x0a" + bytes(8),
    "timestamps": MSS + timestamps(),
    "timestamps with an echo": MSS + timestamps(STAMP, 99),
    "timestamps of zero": MSS + timestamps(0),
    "timestamps of length 9": MSS + b"\x08\x09" + bytes(7),
    "timestamps and sack": MSS + b"\x04\x02\x08\x0a" + pack("!II", STAMP, 0),
    "timestamps and scale": MSS + timestamps() + b"\x03\x03\x07",
    "sack and scale": MSS + b"\x04\x02\x03\x03\x07",
    "fast open request": MSS + b"\x22\x02",
    "fast open cookie": MSS + b"\x22\x0a" + bytes(8),
    "md5": MSS + b"\x13\x12" + bytes(16),
    "authentication": MSS + b"\x1d\x10" + bytes(14),
    "end before mss": b"\0" + MSS,
    "nothing but nop": b"\1" * 40,
    "unknown": b"\xfd\x04\0\0" + MSS,
    "unknown of length 0": b"\xfd\0" + MSS,
    "unknown of length 1": b"\xfd\1" + MSS,
    "unknown beyond the end": b"\xfd\x20" + MSS,
    "cut off": MSS + b"\1\1\1\x02",
    "full": MSS * 10,
    "mptcp": MSS + b"\x1e\x0c\x01\x81" + bytes(8),
}

SYN_FIELDS: dict[str, dict[str, object]] = {
    "data": {"data": b"x" * 10},
    "much data": {"data": b"x" * 1400},
    "urgent pointer": {"urgent": 5},
    "sequence number at the end": {"seq": 0xFFFFFFFF},
    "window 0": {"window": 0},
    "window 1": {"window": 1},
    "reserved bits": {"reserved": 0xE},
    "accurate ecn": {"reserved": 1},
    "bad checksum": {"damage": 1},
    "header too short": {"words": 4},
    "header too long": {"words": 15},
}


def once(flags: int, port: int, **fields: object) -> Probe:
    """One segment."""

    async def probe(peer: Peer) -> None:
        await peer.tcp(flags, port, **fields)
        await trio.sleep(0.7)

    return probe


def from_port(source: int, port: int) -> Probe:
    async def probe(peer: Peer) -> None:
        peer.port = source
        await peer.tcp(SYN, port)
        await trio.sleep(0.7)

    return probe


def wrapped(port: int, protocol: int = packets.TCP, *, flags: int = SYN, **fields: object) -> Probe:
    """A SYN in a packet with odd fields."""

    async def probe(peer: Peer) -> None:
        await peer.ip_packet(protocol, peer.segment(flags, port), **fields)
        await trio.sleep(0.7)

    return probe
