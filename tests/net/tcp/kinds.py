"""Every kind of segment, by its place beside the numbers that are expected."""

from __future__ import annotations

from typing import NamedTuple

from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN, URG


class Kind(NamedTuple):
    """A segment: flags, SEG.SEQ beside RCV.NXT, SEG.ACK beside SND.UNA, or beside SND.NXT where `exact`, and text."""

    flags: int
    seq: int = 0
    ack: int = 0
    exact: bool = False
    data: bytes = b""


OUT = 200_000  # beyond every window
KINDS = {
    "syn": Kind(SYN),
    "syn-again": Kind(SYN, -1),
    "syn-in": Kind(SYN, 9),
    "syn-out": Kind(SYN, OUT),
    "syn-ack": Kind(SYN | ACK, exact=True),
    "syn-ack-again": Kind(SYN | ACK, -1, exact=True),
    "ack-again": Kind(ACK),
    "ack-exact": Kind(ACK, exact=True),
    "ack-old": Kind(ACK, ack=-1),
    "ack-too-old": Kind(ACK, ack=-OUT),
    "ack-future": Kind(ACK, ack=1, exact=True),
    "ack-left": Kind(ACK, -1),
    "ack-out": Kind(ACK, OUT),
    "data": Kind(ACK | PSH, data=b"text"),
    "data-exact": Kind(ACK | PSH, exact=True, data=b"text"),
    "data-old": Kind(ACK | PSH, -4, data=b"text"),
    "data-left": Kind(ACK | PSH, -2, data=b"text"),
    "data-ahead": Kind(ACK | PSH, 9, data=b"text"),
    "data-over": Kind(ACK | PSH, 60_000, data=bytes(10_000)),
    "data-out": Kind(ACK | PSH, OUT, data=b"text"),
    "data-no-ack": Kind(PSH, data=b"text"),
    "urgent": Kind(ACK | PSH | URG, data=b"text"),
    "fin": Kind(ACK | FIN),
    "fin-exact": Kind(ACK | FIN, exact=True),
    "fin-with-data": Kind(ACK | PSH | FIN, data=b"text"),
    "fin-old": Kind(ACK | FIN, -1),
    "fin-ahead": Kind(ACK | FIN, 9),
    "fin-out": Kind(ACK | FIN, OUT),
    "fin-no-ack": Kind(FIN),
    "rst": Kind(RST),
    "rst-ack": Kind(RST | ACK, exact=True),
    "rst-in": Kind(RST, 9),
    "rst-left": Kind(RST, -1),
    "rst-out": Kind(RST, OUT),
    "no-flags": Kind(0),
    "all-flags": Kind(0x3F, data=b"text"),
    "syn-fin": Kind(SYN | FIN),
}
