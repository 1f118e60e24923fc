"""How packets leave: IP and Ethernet headers, identification as Linux chooses it, fragments for what is too large.

Linux sets DF on TCP and UDP, and none on ICMP. A SYN-ACK and what no connection sends have identification 0; other
packets count on from a random number, in one of many counters chosen by a keyed hash, so that no peer reads another's
traffic from it. Flow labels are a keyed hash too (RFC 6437).
"""

from __future__ import annotations

from array import array
from struct import pack
from typing import Final, Protocol
from zlib import crc32

from honeystack.net.address import Path
from honeystack.net.wire import ipv4, ipv6
from honeystack.net.wire.checksum import partial_sum
from honeystack.net.wire.ethernet import IPV4, IPV6, encode_ethernet
from honeystack.net.wire.ipv4_options import NOP
from honeystack.net.wire.runs import Run, make_super_frame
from honeystack.net.wire.segment import MarkableSegment, StraySegment
from honeystack.net.wire.tcp import SYN

COUNTERS: Final = 1024  # identification counters; Linux has 2048 and more
MAX_TEMPLATES = 16_384  # headers kept for paths that TCP answers; made anew when forgotten
MAX_PACKET: Final = 0xFFFF
ECT: Final = 2  # ECN-capable transport, ECT(0) (RFC 3168 §5)
NEIGHBOURLY: Final = 255  # the hop limit of neighbour discovery, which Linux gives no flow label


class Rng(Protocol):
    """The part of random.Random that the core uses."""

    def random(self) -> float: ...
    def getrandbits(self, k: int, /) -> int: ...


class Output:
    """Inputs: `segment`, `packet`, `frame`. Output: `drain`, all frames since the last time in their order."""

    def __init__(self, *, mtu: int, ttl: int, rng: Rng) -> None:
        self.mtu = mtu
        self._ttl = ttl  # MUST-49
        self._rng = rng
        self._seed = rng.getrandbits(32)
        self._idents = array("H", rng.getrandbits(16 * COUNTERS).to_bytes(2 * COUNTERS, "big"))
        self.contacts: dict[bytes, Path] | None = None  # whom packets went to, by address; None where nobody asks
        self.path_mtus: dict[bytes, int] = {}  # in bytes, by address: paths that are narrower than our link
        self.fragmentable: set[bytes] = set()  # addresses to which routers may cut our packets
        self._templates: dict[Path, tuple[bytes, int, bytes]] = {}
        self._frames: list[bytes] = []

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def seed(self) -> int:
        """What flow labels are keyed with."""
        return self._seed

    def drain(self) -> list[bytes]:
        frames, self._frames = self._frames, []
        return frames

    def frame(self, frame: bytes) -> None:
        """Send a frame that is whole already."""
        self._frames.append(frame)

    def segment(self, path: Path, segment: bytes) -> None:
        """Send a TCP segment; the segment's size is TCP's own care."""
        head, total, addresses = self._templates.get(path) or self._template(path)
        flow = crc32(segment[:4], self._seed) ^ crc32(path.remote)
        stray = type(segment) is StraySegment
        size = len(segment) + len(segment.data) if type(segment) is Run else len(segment)
        tos = _service(segment)
        first_words = stray or segment[13] & SYN != 0
        if first_words and self.contacts is not None:  # what a connection says later, its acknowledgements confirm
            self.contacts[path.remote] = path
        if path.version == 6:
            first = 6 << 28 | tos << 20 | flow & 0xFFFFF
            header = pack("!IHBB", first, size, ipv6.TCP, self._ttl)
            self._append(b"".join((head, header, addresses, segment)), segment, 6)
            return
        fixed = ipv4.DONT_FRAGMENT if first_words or path.remote not in self.fragmentable else 0
        ident = 0 if first_words else self._ident(flow)
        length = ipv4.HEADER_LENGTH + size
        # TCP leaves no room for them in a full segment, and a run's segments are full.
        if path.options and length + len(path.options) <= self.mtu and type(segment) is not Run:
            header = ipv4.encode_ipv4(
                *(path.local, path.remote, ipv4.TCP, size),
                ttl=self._ttl,
                ident=ident,
                tos=tos,
                fragment=fixed,
                options=path.options,
            )
            self._frames.append(b"".join((head, header, segment)))
            return
        header = pack(
            "!BBHHHBBH",
            *(0x45, tos, length, ident, fixed, self._ttl, ipv4.TCP),
            0xFFFF - ((total + fixed + tos + length + ident) % 0xFFFF or 0xFFFF),
        )
        self._append(b"".join((head, header, addresses, segment)), segment, 4)
        if type(segment) is Run:
            self._ident(flow, segment.pieces - 1)  # those that the link gives to the other pieces

    def _append(self, frame: bytes, segment: bytes, version: int) -> None:
        self._frames.append(make_super_frame(frame, segment, version) if type(segment) is Run else frame)

    def packet(
        self,
        path: Path,
        protocol: int,
        payload: bytes,
        *,
        ttl: int | None = None,
        tos: int = 0,
        dont_fragment: bool = False,
    ) -> None:
        """Send an upper-layer packet, in fragments where it is larger than the link takes."""
        ttl = self._ttl if ttl is None else ttl
        if self.contacts is not None:
            self.contacts[path.remote] = path
        if path.version == 6:
            self._packet6(path, protocol, payload, ttl, tos)
        else:
            self._packet4(path, protocol, payload, ttl, tos, dont_fragment=dont_fragment)

    def _packet4(self, path: Path, protocol: int, payload: bytes, ttl: int, tos: int, *, dont_fragment: bool) -> None:
        link = encode_ethernet(path.remote_mac, path.local_mac, IPV4, path.vlan)
        ident = self._ident(crc32(path.remote, self._seed ^ protocol))
        options = path.options
        room = self._mtu_to(path) - ipv4.HEADER_LENGTH - len(options)
        whole = len(payload) <= room
        dont_fragment = dont_fragment and path.remote not in self.fragmentable
        step = len(payload) if whole else room & ~7
        for start in range(0, len(payload) or 1, step or 1):
            part = payload[start : start + step]
            field = ipv4.DONT_FRAGMENT if whole and dont_fragment else start >> 3
            field |= ipv4.MORE_FRAGMENTS if start + step < len(payload) else 0
            header = ipv4.encode_ipv4(
                *(path.local, path.remote, protocol, len(part)),
                ttl=ttl,
                ident=ident,
                tos=tos,
                fragment=field,
                options=options,
            )
            self._frames.append(link + header + part)
            options = bytes([NOP]) * len(options)  # record route and timestamps are in the first one only (RFC 791)

    def _packet6(self, path: Path, protocol: int, payload: bytes, ttl: int, tos: int) -> None:
        link = encode_ethernet(path.remote_mac, path.local_mac, IPV6, path.vlan)
        label = crc32(path.local + path.remote, self._seed ^ protocol) & 0xFFFFF if ttl != NEIGHBOURLY else 0

        def send(next_header: int, part: bytes) -> None:
            header = ipv6.encode_ipv6(
                *(path.local, path.remote, next_header, len(part)), hop_limit=ttl, traffic_class=tos, flow_label=label
            )
            self._frames.append(link + header + part)

        mtu = self._mtu_to(path)
        if ipv6.HEADER_LENGTH + len(payload) <= mtu:
            send(protocol, payload)
            return
        ident, step = self._rng.getrandbits(32), (mtu - ipv6.HEADER_LENGTH - 8) & ~7
        for start in range(0, len(payload), step):
            more = start + step < len(payload)
            header = ipv6.encode_fragment_header(protocol, start, ident, more=more)
            send(ipv6.FRAGMENT, header + payload[start : start + step])

    def _mtu_to(self, path: Path) -> int:
        return min(self.mtu, self.path_mtus.get(path.remote, self.mtu))

    def _template(self, path: Path) -> tuple[bytes, int, bytes]:
        """What the headers of all segments to one peer have in common, and its part of the IPv4 checksum."""
        if len(self._templates) >= MAX_TEMPLATES:
            self._templates.clear()
        addresses = path.local + path.remote
        ethertype = IPV4 if path.version == 4 else IPV6
        total = partial_sum(addresses) + 0x4500 + (self._ttl << 8 | ipv4.TCP)
        head = encode_ethernet(path.remote_mac, path.local_mac, ethertype, path.vlan)
        template = self._templates[path] = (head, total, addresses)
        return template

    def _ident(self, chosen: int, count: int = 1) -> int:
        chosen %= COUNTERS
        ident = self._idents[chosen] = (self._idents[chosen] + count) & 0xFFFF
        return ident


def _service(segment: bytes) -> int:
    """The type of service that a segment goes with."""
    kind = type(segment)
    if kind is MarkableSegment or (type(segment) is Run and segment.markable):
        return ECT
    return segment.tos if type(segment) is StraySegment else 0
