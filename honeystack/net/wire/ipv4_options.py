"""Options of IPv4 headers: what a receiver writes into them, and which of them its answers carry (RFC 791, RFC 1122).

As Linux: an option that does not fit is a parameter problem whose pointer says where; record route and timestamps are
filled in on arrival, and once more in the answer; no label of CIPSO is known; all other options are read over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

END: Final = 0
NOP: Final = 1
RECORD_ROUTE: Final = 7
TIMESTAMPS: Final = 68
CIPSO: Final = 134
ROUTER_ALERT: Final = 148
SOURCE_ROUTES: Final = (131, 137)  # loose and strict
STAMPS: Final = 0
STAMPS_AND_ADDRESSES: Final = 1
STAMPS_OF_THESE: Final = 3
MODES: Final = (STAMPS, STAMPS_AND_ADDRESSES, STAMPS_OF_THESE)
OVERFLOW: Final = 15  # how many could not write a timestamp; more are a problem
DAY: Final = 86_400_000  # milliseconds
HEADER_LENGTH: Final = 20  # before the options: pointers count from the header's beginning


class Ipv4Options(NamedTuple):
    """The options of one received header."""

    written: bytes  # with what we write on arrival
    reply: bytes  # what an answer carries, filled up to a multiple of four
    source_routed: bool
    problem: int | None  # where in the header an option is wrong


class Writer(NamedTuple):
    """Who writes into options."""

    address: bytes  # where the packet went
    stamp: bytes  # the time of day, as `time_of_day` gives it
    is_ours: Callable[[bytes], bool]


def time_of_day(now: float, midnight: float | None) -> bytes:
    """Milliseconds since midnight UT; `midnight`: one in the clock of `now`.

    Where none is known the high bit says so (RFC 791 §3.1, RFC 792).
    """
    if midnight is None:
        return (int(now * 1000) & 0x7FFFFFFF | 0x80000000).to_bytes(4, "big")
    return (int((now - midnight) * 1000) % DAY).to_bytes(4, "big")


def read_options(options: bytes, writer: Writer) -> Ipv4Options:
    """Walk the options of a header, up to 40 bytes, in place of the receiver."""
    written, at = bytearray(options), 0
    found: dict[int, bytearray] = {}
    problem: int | None = None
    while at < len(written) and written[at] != END:
        kind = written[at]
        if kind == NOP:
            at += 1
            continue
        length = written[at + 1] if at + 1 < len(written) else 0
        if length < 2 or at + length > len(written):
            problem = HEADER_LENGTH + at
            break
        option = written[at : at + length]
        name = SOURCE_ROUTES[0] if kind in SOURCE_ROUTES else kind
        wrong = 0 if name in found and kind in _ONCE else _wrong(option, writer)
        if kind == CIPSO:
            found[name] = option  # the error about it carries it
        if wrong is not None:
            problem = HEADER_LENGTH + at + wrong
            break
        found[name] = written[at : at + length] = option
        at += length
    if problem is None:
        written[at:] = bytes(len(written) - at)  # nothing is said behind the end
    reply = _reply(found, writer)
    return Ipv4Options(bytes(written), reply, SOURCE_ROUTES[0] in found, problem)


_ONCE: Final = frozenset({RECORD_ROUTE, TIMESTAMPS, CIPSO, *SOURCE_ROUTES})


def _wrong(option: bytearray, writer: Writer) -> int | None:
    """Where in an option something is wrong; what is right is written into."""
    kind, length = option[0], len(option)
    if kind == CIPSO:
        return 1 if length < 8 else 2
    if kind == ROUTER_ALERT:
        return 1 if length < 4 else None
    if kind == TIMESTAMPS:
        return _stamp(option, writer)
    if kind != RECORD_ROUTE and kind not in SOURCE_ROUTES:
        return None
    if length < 3:
        return 1
    if option[2] < 4:
        return 2
    if kind == RECORD_ROUTE and option[2] <= length:
        return _write(option, writer.address)
    return None


def _stamp(option: bytearray, writer: Writer) -> int | None:
    length = len(option)
    if length < 4:
        return 1
    if option[2] < 5:
        return 2
    if option[2] > length:
        if option[3] >> 4 == OVERFLOW:
            return 3
        option[3] += 0x10
        return None
    if option[2] + 3 > length:
        return 2
    mode = option[3] & 0x0F
    if mode == STAMPS:
        return _write(option, writer.stamp)
    if mode == STAMPS_AND_ADDRESSES:
        return _write(option, writer.address + writer.stamp)
    if mode != STAMPS_OF_THESE:
        return None
    at = option[2] - 1
    if at + 8 > length:
        return 2
    asked = bytes(option[at : at + 4])
    return _write(option, asked + writer.stamp) if writer.is_ours(asked) else None


def _write(option: bytearray, octets: bytes) -> int | None:
    """Write where the option's pointer says, and move it on; where there is no room, the pointer is what is wrong."""
    at = option[2] - 1
    if at + len(octets) > len(option):
        return 2
    option[at : at + len(octets)] = octets
    option[2] += len(octets)
    return None


def _reply(found: dict[int, bytearray], writer: Writer) -> bytes:
    """Record route and timestamps, where there is room written into again, now by who answers."""
    reply = bytearray()
    for kind in (RECORD_ROUTE, TIMESTAMPS, CIPSO):
        option = bytearray(found.get(kind, b""))
        if option and kind != CIPSO and option[2] <= len(option) and _wrong(option, writer) is not None:
            return b""  # a rest in which nothing fits
        reply += option
    return bytes(reply) + bytes(-len(reply) % 4)
