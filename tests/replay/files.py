"""Captures for the tests of the replay: a peer and a server that speak TCP, frame by frame, with times."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path
from struct import pack

import attrs

from honeystack.net.wire import ipv4, ipv6
from honeystack.net.wire.checksum import pseudo_header_sum
from honeystack.net.wire.ethernet import IPV4, IPV6, encode_ethernet
from honeystack.net.wire.tcp import ACK, FIN, PSH, SYN, encode_segment, syn_options, timestamp_option
from honeystack.net.wire.udp import UdpDatagram, encode_udp
from honeystack.replay.captures import Recorded

SERVER_MAC, PEER_MAC = b"\x02\0\0\0\0\x0a", b"\x02\0\0\0\0\x0b"
SERVER, PEER = "192.0.2.1", "192.0.2.2"
SERVER6, PEER6 = "2001:db8::1", "2001:db8::2"
BEGAN = 1_700_000_000_123_456_000  # nanoseconds since 1970
MILLISECOND = 1_000_000


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def frame(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    """An IP packet in its frame; the server's MAC is that of SERVER."""
    from_server = source in (SERVER, SERVER6)
    macs = (PEER_MAC, SERVER_MAC) if from_server else (SERVER_MAC, PEER_MAC)
    ours, theirs = packed(source), packed(destination)
    if len(ours) == 4:
        header = ipv4.encode_ipv4(ours, theirs, protocol, len(payload), ttl=64)
        return encode_ethernet(*macs, IPV4) + header + payload
    return encode_ethernet(*macs, IPV6) + ipv6.encode_ipv6(ours, theirs, protocol, len(payload), hop_limit=64) + payload


def udp(data: bytes, port: int = 53, *, source: str = PEER, destination: str = SERVER) -> bytes:
    datagram = encode_udp(UdpDatagram(40000, port, data), packed(source), packed(destination))
    return frame(source, destination, 17, datagram)


def tcp(
    flags: int,
    seq: int,
    ack: int = 0,
    data: bytes = b"",
    *,
    options: bytes = b"",
    by_server: bool = False,
    port: int = 7,
    peer_port: int = 40000,
    server: str = SERVER,
    peer: str = PEER,
) -> bytes:
    """One segment between the two."""
    source, destination = (server, peer) if by_server else (peer, server)
    ports = (port, peer_port) if by_server else (peer_port, port)
    pseudo = pseudo_header_sum(packed(source), packed(destination), 6, 0)
    segment = encode_segment(*ports, seq, ack, flags, 64240, pseudo, options=options, data=data)
    return frame(source, destination, 6, segment)


@attrs.define
class Recording:
    """Writes down a conversation, a millisecond for each frame."""

    port: int = 7
    peer_port: int = 40000
    server: str = SERVER
    peer: str = PEER
    stamps: bool = True
    peer_seq: int = 1000
    server_seq: int = 5_000_000
    at: int = BEGAN
    frames: list[Recorded] = attrs.field(factory=list)

    def shake_hands(self) -> None:
        self._put(SYN)
        self._put(SYN | ACK, by_server=True)
        self._put(ACK)

    def says(self, data: bytes, *, answer: bytes = b"") -> None:
        """The peer says something; the server acknowledges or answers, and the answer is acknowledged."""
        self._put(PSH | ACK, data)
        self._put(PSH | ACK, answer, by_server=True)
        if answer:
            self._put(ACK)

    def part(self) -> None:
        """The peer closes first, then the server."""
        self._put(FIN | ACK)
        self._put(FIN | ACK, by_server=True)
        self._put(ACK)

    def pause(self, seconds: float) -> None:
        self.at += round(seconds * 1e9)

    def _put(self, flags: int, data: bytes = b"", *, by_server: bool = False) -> None:
        seq, ack = (self.server_seq, self.peer_seq) if by_server else (self.peer_seq, self.server_seq)
        made = tcp(
            flags,
            seq % 2**32,
            ack % 2**32 if flags & ACK else 0,
            data,
            options=self._options(flags, by_server),
            by_server=by_server,
            port=self.port,
            peer_port=self.peer_port,
            server=self.server,
            peer=self.peer,
        )
        self.frames.append(Recorded(self.at, made))
        self.at += MILLISECOND
        moved = len(data) + bool(flags & (SYN | FIN))
        if by_server:
            self.server_seq += moved
        else:
            self.peer_seq += moved

    def _options(self, flags: int, by_server: bool) -> bytes:
        tick = self.at // MILLISECOND % 2**31
        stamps = (tick, 0 if flags == SYN else 77) if self.stamps else None
        if flags & SYN:
            return syn_options(1460, window_scale=7, sack=True, timestamps=stamps)
        return b"" if stamps is None else timestamp_option(*stamps)


def pcap(frames: Iterable[Recorded | bytes], *, link_type: int = 1) -> bytes:
    """A file of microseconds; frames without a time are a millisecond apart."""
    return pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type) + b"".join(_records(frames))


def _records(frames: Iterable[Recorded | bytes]) -> Iterator[bytes]:
    for number, one in enumerate(frames):
        at, data = (BEGAN + number * MILLISECOND, one) if isinstance(one, bytes) else one[:2]
        yield pack("<IIII", at // 10**9, at % 10**9 // 1000, len(data), len(data)) + data


def write(folder: Path, frames: Iterable[Recorded | bytes], name: str = "file.pcap", *, link_type: int = 1) -> Path:
    path = folder / name
    path.write_bytes(pcap(frames, link_type=link_type))
    return path
