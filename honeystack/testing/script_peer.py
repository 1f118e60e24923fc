"""The peer of a segment script: relative numbers to frames, and frames to relative numbers.

The octet at relative number n is always the same one, in both directions, so that every segment that leaves and every
octet that is received is checked without being written.
"""

from __future__ import annotations

from struct import pack

import attrs

from honeystack.net.address import Path
from honeystack.net.notices import CloseReason
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.seq import MASK, add, diff
from honeystack.net.wire import icmp, icmpv6, ipv4, ipv6
from honeystack.net.wire import tcp as wire
from honeystack.net.wire.checksum import partial_sum, pseudo_header_sum
from honeystack.net.wire.ethernet import HEADER_LENGTH, IPV4, IPV6, encode_ethernet
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.ipv4_options import NOP
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import decode_segment, decode_syn_options
from honeystack.testing.script_notation import WrittenSegment, encode_options, flag_bits, flag_letters, written_options
from honeystack.testing.script_syntax import Arrival, IcmpArrival

MAC, PEER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
LOCAL = {4: bytes([192, 0, 2, 1]), 6: bytes.fromhex("20010db8000000000000000000000001")}
REMOTE = {4: bytes([192, 0, 2, 2]), 6: bytes.fromhex("20010db8000000000000000000000002")}
PLACES = {
    4: {
        "local": LOCAL[4],
        "broadcast": b"\xff" * 4,
        "multicast": bytes([224, 0, 0, 1]),
        "unspecified": bytes(4),
        "loopback": bytes([127, 0, 0, 1]),
    },
    6: {
        "local": LOCAL[6],
        "broadcast": icmpv6.ALL_NODES,
        "multicast": icmpv6.ALL_NODES,
        "unspecified": bytes(16),
        "loopback": bytes(15) + b"\x01",
    },
}
LOCAL_PORT = 80
PATTERN = bytes(index % 251 for index in range(251 * 8))
_ICMP4 = {
    "net-unreachable": (icmp.UNREACHABLE, 0),
    "host-unreachable": (icmp.UNREACHABLE, icmp.HOST_UNREACHABLE),
    "port-unreachable": (icmp.UNREACHABLE, icmp.PORT_UNREACHABLE),
    "time-exceeded": (icmp.TIME_EXCEEDED, 0),
    "parameter-problem": (icmp.PARAMETER_PROBLEM, 0),
    "too-big": (icmp.UNREACHABLE, icmp.FRAGMENTATION_NEEDED),
    "source-quench": (icmp.SOURCE_QUENCH, 0),
}
_ICMP6 = {
    "net-unreachable": (icmpv6.UNREACHABLE, 0),
    "host-unreachable": (icmpv6.UNREACHABLE, 3),
    "port-unreachable": (icmpv6.UNREACHABLE, icmpv6.PORT_UNREACHABLE),
    "time-exceeded": (icmpv6.TIME_EXCEEDED, 0),
    "parameter-problem": (icmpv6.PARAMETER_PROBLEM, 0),
    "too-big": (icmpv6.PACKET_TOO_BIG, 0),
    "source-quench": (100, 0),  # IPv6 has none; an error type of experiments stands for it
}


class Judged(AssertionError):
    """A frame of ours breaks a rule that holds for every frame."""


def pattern(position: int, count: int) -> bytes:
    """The octets of a stream from a position on."""
    start = position % 251
    whole = PATTERN * ((start + count) // len(PATTERN) + 1)
    return whole[start : start + count]


@attrs.define
class Flow:
    """One pair of ports, as the peer sees it."""

    version: int
    remote_port: int
    peer_isn: int
    our_isn: int = 0
    isn_known: bool = False
    stamp_base: int | None = None
    scale: int = 0
    edge: int | None = None  # the right edge of the window that we have offered
    conn: Connection | None = None
    accepted: bool = False
    received: int = 0
    sent: int = 0
    closed: CloseReason | None = None

    @property
    def path(self) -> Path:
        return Path(self.version, LOCAL[self.version], REMOTE[self.version], MAC, PEER_MAC)

    def frame(self, arrival: Arrival) -> bytes:
        """The frame of a segment that the peer sends."""
        places = PLACES[self.version]
        source = places[arrival.source] if arrival.source else REMOTE[self.version]
        destination = places[arrival.destination] if arrival.destination else LOCAL[self.version]
        if "land" in arrival.modifiers:
            source = destination
        segment = self._segment(arrival, source, destination)
        return self._packet(source, destination, ipv4.TCP, segment, with_options="ipoptions" in arrival.modifiers)

    def icmp_frame(self, arrival: IcmpArrival) -> bytes:
        """The frame of an ICMP error about a segment that we sent."""
        local, remote = LOCAL[self.version], REMOTE[self.version]
        quoted = pack("!HHI", LOCAL_PORT, self.remote_port, add(self.our_isn, arrival.seq)) + bytes(12)
        if self.version == 4:
            quote = ipv4.encode_ipv4(local, remote, ipv4.TCP, len(quoted), ttl=64) + quoted
            message = IcmpMessage(*_ICMP4[arrival.kind], arrival.mtu, quote)
            return self._packet(remote, local, icmp.PROTOCOL, icmp.encode_icmp(message))
        quote = ipv6.encode_ipv6(local, remote, ipv6.TCP, len(quoted), hop_limit=64) + quoted
        message = IcmpMessage(*_ICMP6[arrival.kind], arrival.mtu, quote)
        return self._packet(remote, local, icmpv6.PROTOCOL, icmpv6.encode_icmpv6(message, remote, local))

    def written(self, seg: Segment) -> WrittenSegment:
        """A segment of ours in relative numbers; what it begins is remembered."""
        self._learn(seg)
        seq = diff(seg.seq, self.our_isn)
        if bytes(seg.data) != pattern(seq - 1, len(seg.data)):
            raise Judged(f"the data of {seq}:{seq + len(seg.data)} is not what was sent there")
        return WrittenSegment(
            flag_letters(seg.flags),
            seq,
            len(seg.data),
            diff(seg.ack, self.peer_isn) if seg.flags & wire.ACK else None,
            seg.window,
            seg.urgent if seg.flags & wire.URG else None,
            written_options(seg, stamp_base=self.stamp_base or 0, sack_base=self.peer_isn),
        )

    def _segment(self, arrival: Arrival, source: bytes, destination: bytes) -> bytes:
        written = arrival.segment
        options = encode_options(written.options or (), echo_base=self.stamp_base or 0, ack_base=self.our_isn)
        seq, length = written.seq or 0, written.length or 0
        segment = bytearray(
            wire.encode_segment(
                LOCAL_PORT if "land" in arrival.modifiers else self.remote_port,
                LOCAL_PORT,
                add(self.peer_isn, seq),
                add(self.our_isn, written.ack or 0) if written.ack is not None else 0,
                flag_bits(written.flags),
                65535 if written.window is None else written.window,
                pseudo_header_sum(source, destination, ipv4.TCP, 0),
                options,
                pattern(seq - 1 + ("S" in written.flags), length),
            )
        )
        # The encoder is ours and writes no urgent pointer, as we send none.
        urgent, total = written.urgent or 0, int.from_bytes(segment[16:18], "big")
        segment[18:20] = urgent.to_bytes(2, "big")
        total = 0xFFFF - (0xFFFF - total + urgent) % 0xFFFF
        segment[16:18] = ((total + ("badsum" in arrival.modifiers)) % 0xFFFF).to_bytes(2, "big")
        return bytes(segment)

    def _packet(
        self, source: bytes, destination: bytes, protocol: int, payload: bytes, *, with_options: bool = False
    ) -> bytes:
        if self.version == 4:
            head = ipv4.encode_ipv4(source, destination, protocol, len(payload), ttl=64, fragment=ipv4.DONT_FRAGMENT)
            head = _with_nops(head) if with_options else head
            return encode_ethernet(MAC, PEER_MAC, IPV4) + head + payload
        following = protocol
        if with_options:  # destination options: six octets of padding
            following, payload = 60, bytes([protocol, 0, 1, 4, 0, 0, 0, 0]) + payload
        head = ipv6.encode_ipv6(source, destination, following, len(payload), hop_limit=64)
        return encode_ethernet(MAC, PEER_MAC, IPV6) + head + payload

    def _learn(self, seg: Segment) -> None:
        if seg.flags & wire.SYN:
            if not self.isn_known:
                self.our_isn, self.isn_known = seg.seq, True
            self.scale = decode_syn_options(seg.options).window_scale or 0
            self.edge = None
        if seg.timestamps is not None and self.stamp_base is None:
            self.stamp_base = seg.timestamps[0]
        if seg.flags & wire.ACK and not seg.flags & wire.RST:
            edge = add(seg.ack, seg.window << (0 if seg.flags & wire.SYN else self.scale))
            if self.edge is not None and diff(edge, self.edge) < 0:
                raise Judged("the right edge of our window moves left")
            self.edge = edge


def read_frame(frame: bytes, version: int) -> Segment:
    """The TCP segment in a frame of ours, judged."""
    offset = HEADER_LENGTH
    if version == 4:
        header = ipv4.decode_ipv4(frame[offset:])
        source, destination, protocol = header.source, header.destination, header.protocol
        payload = frame[offset + header.header_length : offset + header.total_length]
    else:
        packet = ipv6.decode_ipv6(frame[offset:])
        source, destination, protocol = packet.source, packet.destination, packet.protocol
        payload = frame[offset + packet.offset : offset + packet.end]
    if protocol != ipv4.TCP:
        raise Judged(f"a packet of ours is of protocol {protocol}, not TCP")
    if (partial_sum(payload) + pseudo_header_sum(source, destination, protocol, len(payload))) % 0xFFFF:
        raise Judged("a segment of ours has a wrong checksum")
    return decode_segment(memoryview(payload))


def _with_nops(head: bytes) -> bytes:
    """An IPv4 header with four NOP options more; its checksum is made anew."""
    longer = bytearray(head + bytes([NOP] * 4))
    longer[0] += 1
    longer[2:4] = (int.from_bytes(longer[2:4], "big") + 4).to_bytes(2, "big")
    longer[10:12] = bytes(2)
    longer[10:12] = (~partial_sum(longer) & 0xFFFF).to_bytes(2, "big")
    return bytes(longer)


def isn_time(digest_isn: int, wanted: int, ticks_per_second: int) -> float:
    """When the clock-driven part makes an initial sequence number of `digest_isn` at time 0 the wanted one."""
    return (((wanted - digest_isn) & MASK) + 0.5) / ticks_per_second
