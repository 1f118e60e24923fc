"""Fragments become datagrams again (RFC 791, 815, 3168 §5.3, 8200 §4.5; 5722, 6946 where they change it).

Fragments that overlap discard the whole datagram, what has come of it and what will; an exact copy is ignored. One may
begin within the header of TCP: RFC 3128 asks filters to drop such, but who puts fragments together loses nothing, and
Linux answers them. Memory and the number of datagrams are bounded by name: the oldest gives way. A datagram that stays
unfinished is given up after Linux's times; `expire` returns its first fragment, which ICMP may tell the sender of.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import attrs

from honeystack.errors import Malformed
from honeystack.net.limits import Limits
from honeystack.net.wire.facts import IpPacket

TIMEOUTS = {4: 30.0, 6: 60.0}  # seconds; Linux: ipfrag_time, ip6frag_time
OVERHEAD = 128  # bytes that a fragment costs beside its data
MAX_LENGTH = 0xFFFF
QUOTE = 1280  # no ICMP error quotes more
NOT_ECT, CE = 0, 3  # codepoints of ECN; the two between say that the transport is capable of it (RFC 3168 §5)
CE_BITS = {4: 0x03, 6: 0x30}  # in the second byte of a header
TCP, TCP_HEADER = 6, 20  # its number, and the bytes that a filter looks at

Key = tuple[int, bytes, bytes, int, int, int | None]


class Fragment(NamedTuple):
    """One fragment: the packet it came in, and where its data belongs."""

    packet: IpPacket  # `offset` is where the fragment's data begins
    ident: int
    offset: int  # in the datagram's data, in bytes
    more: bool
    protocol: int  # of the datagram


class Datagram(NamedTuple):
    """A datagram that is whole again."""

    first: IpPacket  # the packet that its first fragment came in: its header stands for all
    protocol: int
    data: bytes


@attrs.define(eq=False, slots=True)
class _Assembly:
    version: int
    deadline: float
    first: Fragment | None = None
    offsets: list[int] = attrs.field(factory=list)
    parts: list[bytes] = attrs.field(factory=list)
    held: int = 0  # bytes of data
    length: int | None = None  # of the datagram, once its last fragment is here
    codepoints: int = 0  # of ECN that its fragments had, a bit for each
    dead: bool = False  # its fragments overlapped: nothing more of it is taken

    @property
    def cost(self) -> int:
        first = len(self.first.packet.octets) if self.first else 0
        return self.held + first + OVERHEAD * (len(self.parts) + 1)


class Reassembler:
    """Inputs: `receive`, `expire`. Outputs: the datagram or None, the first fragments of what was given up.

    `reached` holds the name of a bound that has been reached since it was last read, `anomaly` that of an oddity.
    """

    def __init__(self, limits: Limits) -> None:
        self._memory_limit = limits.fragment_memory
        self._count_limit = limits.fragment_datagrams
        # One table per IP version: within one, all wait equally long, so that the oldest is the first to end.
        self._tables: dict[int, dict[Key, _Assembly]] = {4: {}, 6: {}}
        self.memory = 0
        self.reached: str | None = None
        self.anomaly: str | None = None

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables.values())

    def receive(self, fragment: Fragment, now: float) -> Datagram | None:
        """Take a fragment; the answer is its datagram if that is now whole. Raises Malformed."""
        data = bytes(fragment.packet.payload)
        if fragment.more and fragment.packet.path.version == 4:
            data = data[: len(data) & ~7]  # as Linux: what no offset could go on from is cut off
        _check(fragment, len(data))
        if fragment.protocol == TCP and (fragment.offset or len(data)) < TCP_HEADER:
            self.anomaly = "tiny-fragment"
        path = fragment.packet.path
        protocol = fragment.protocol if path.version == 4 else 0  # an IPv6 datagram is known without it
        key = (path.version, path.local, path.remote, fragment.ident, protocol, path.vlan)
        table = self._tables[path.version]
        assembly = table.get(key)
        if assembly is None:
            assembly = table[key] = _Assembly(path.version, now + TIMEOUTS[path.version])
            self.memory += assembly.cost
        self._insert(assembly, fragment, data)
        if assembly.length is not None and assembly.held == assembly.length and assembly.first:
            self._forget(key)
            first = _with_congestion(assembly.first.packet, assembly.codepoints)
            return Datagram(first, assembly.first.protocol, b"".join(assembly.parts))
        self._shed()
        return None

    def expire(self, now: float) -> list[Fragment]:
        """Give up what is due; the first fragments of what was given up and whose first fragment had come."""
        firsts: list[Fragment] = []
        for table in self._tables.values():
            while table:
                key, assembly = next(iter(table.items()))
                if assembly.deadline > now:
                    break
                self._forget(key)
                if assembly.first is not None:
                    firsts.append(assembly.first)
        return firsts

    def next_deadline(self) -> float | None:
        return min((next(iter(table.values())).deadline for table in self._tables.values() if table), default=None)

    def _insert(self, assembly: _Assembly, fragment: Fragment, data: bytes) -> None:
        if assembly.dead:
            return
        start, end = fragment.offset, fragment.offset + len(data)
        at = bisect_left(assembly.offsets, start)
        if at < len(assembly.offsets) and assembly.offsets[at] == start and assembly.parts[at] == data:
            return  # RFC 8200 §4.5: an exact copy
        before = assembly.offsets[at - 1] + len(assembly.parts[at - 1]) if at else 0
        after = assembly.offsets[at] if at < len(assembly.offsets) else MAX_LENGTH + 1
        highest = assembly.offsets[-1] + len(assembly.parts[-1]) if assembly.offsets else 0
        contradicts = assembly.length is not None and (end > assembly.length or not fragment.more)
        if start < before or end > after or contradicts or (not fragment.more and highest > end):
            self._kill(assembly)
            return
        self.memory -= assembly.cost
        if start == 0:
            assembly.first = _shortened(fragment)
        assembly.offsets.insert(at, start)
        assembly.parts.insert(at, data)
        assembly.held += len(data)
        assembly.codepoints |= 1 << (fragment.packet.facts.tos & 3)
        self.memory += assembly.cost
        if not fragment.more:
            assembly.length = end

    def _kill(self, assembly: _Assembly) -> None:
        self.anomaly = "fragment-overlap"
        self.memory -= assembly.cost
        assembly.dead, assembly.first, assembly.length, assembly.held = True, None, None, 0
        assembly.offsets, assembly.parts = [], []
        self.memory += assembly.cost

    def _shed(self) -> None:
        """Let the oldest give way until the bounds hold."""
        while self.memory > self._memory_limit or len(self) > self._count_limit:
            self.reached = "fragment_memory" if self.memory > self._memory_limit else "fragment_datagrams"
            oldest = min((t for t in self._tables.values() if t), key=_first_deadline)
            self._forget(next(iter(oldest)))

    def _forget(self, key: Key) -> None:
        self.memory -= self._tables[key[0]].pop(key).cost


def _first_deadline(table: dict[Key, _Assembly]) -> float:
    assembly = next(iter(table.values()))
    return assembly.deadline - TIMEOUTS[assembly.version]


def _shortened(fragment: Fragment) -> Fragment:
    """The fragment with no more of its packet than its header and what an ICMP error would quote."""
    packet = fragment.packet
    return fragment._replace(packet=packet._replace(octets=bytes(packet.octets[: max(packet.offset, QUOTE)])))


def _with_congestion(packet: IpPacket, codepoints: int) -> IpPacket:
    """The first fragment's packet, with what any of them has met on its way (RFC 3168 §5.3). Raises Malformed."""
    if codepoints & 1 << NOT_ECT and codepoints != 1 << NOT_ECT:
        raise Malformed("fragments of one datagram of which some are capable of ECN, and some are not")
    if not codepoints & 1 << CE:
        return packet
    octets = bytearray(packet.octets)
    octets[1] |= CE_BITS[packet.path.version]
    return packet._replace(octets=bytes(octets), facts=packet.facts._replace(tos=packet.facts.tos | CE))


def _check(fragment: Fragment, length: int) -> None:
    if fragment.more and (length % 8 or length == 0):
        raise Malformed(f"a fragment that is not the last has {length} bytes of data, which is no multiple of eight")
    if length == 0 and fragment.offset:
        raise Malformed("a fragment without data")
    header = (fragment.packet.octets[0] & 0x0F) * 4 if fragment.packet.path.version == 4 else 0
    if header + fragment.offset + length > MAX_LENGTH:
        raise Malformed("a fragment reaches beyond the largest datagram")
