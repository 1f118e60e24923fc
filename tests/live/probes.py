"""One frame of each kind that a Linux kernel answers, from the peer of a cottage to its pot."""

from __future__ import annotations

import random
from ipaddress import ip_address
from struct import pack

from honeystack.net.address import Path
from honeystack.net.output import Output
from honeystack.net.wire.arp import Arp, encode_arp
from honeystack.net.wire.checksum import pseudo_header_sum
from honeystack.net.wire.ethernet import ARP, BROADCAST, encode_ethernet, multicast_mac
from honeystack.net.wire.icmp import IcmpMessage, encode_icmp
from honeystack.net.wire.icmpv6 import Neighbour, encode_icmpv6, encode_neighbour, solicited_node
from honeystack.net.wire.tcp import ACK, RST, SYN, encode_segment
from honeystack.net.wire.udp import UdpDatagram, encode_udp
from tests.live.cottage import PEER4, PEER6, POT4, POT6

ICMP, IGMP, TCP, UDP, ICMPV6 = 1, 2, 6, 17, 58
NS = 135
UNKNOWN_PROTOCOL = 253  # for experiments, RFC 3692
ALL_NODES = ip_address("ff02::1").packed


class Prober:
    """Makes the frames of each probe."""

    def __init__(self, pot_mac: bytes, peer_mac: bytes) -> None:
        self._macs = pot_mac, peer_mac
        self._four = Path(4, ip_address(PEER4).packed, ip_address(POT4).packed, peer_mac, pot_mac)
        self._six = Path(6, ip_address(PEER6).packed, ip_address(POT6).packed, peer_mac, pot_mac)

    def all(self, host_port: int) -> dict[str, list[bytes]]:
        """Each probe by its name; something of the host listens on `host_port`."""
        four, six = self._four, self._six
        nodes = self._to_group(ALL_NODES)
        return {
            "arp to all": [self._arp(BROADCAST)],
            "arp to one": [self._arp(self._macs[0])],
            "echo": self._packet(four, ICMP, encode_icmp(IcmpMessage(8, 0, 1 << 16, b"?"))),
            "echo v6": self._icmpv6(six, IcmpMessage(128, 0, 1 << 16, b"?")),
            "echo v6 to all nodes": self._icmpv6(nodes, IcmpMessage(128, 0, 1 << 16, b"?")),
            "solicitation": self._solicitation(self._to_group(solicited_node(six.remote))),
            "solicitation to one": self._solicitation(six),
            "syn to a closed port": self._tcp(four, 9, SYN),
            "syn to a closed port v6": self._tcp(six, 9, SYN),
            "syn to the host's port": self._tcp(four, host_port, SYN),
            "syn to the host's port v6": self._tcp(six, host_port, SYN),
            "ack": self._tcp(four, 9, ACK),
            "ack v6": self._tcp(six, 9, ACK),
            "datagram": self._udp(four),
            "datagram v6": self._udp(six),
            "unknown protocol": self._packet(four, UNKNOWN_PROTOCOL, b"?"),
            "unknown protocol v6": self._packet(six, UNKNOWN_PROTOCOL, b"?"),
            "timestamp": self._packet(four, ICMP, encode_icmp(IcmpMessage(13, 0, 1 << 16, bytes(12)))),
        }

    def resets(self, port: int) -> list[bytes]:
        """What ends the handshakes that the probes began."""
        return [*self._tcp(self._four, port, RST, seq=2), *self._tcp(self._six, port, RST, seq=2)]

    def _packet(self, path: Path, protocol: int, payload: bytes, ttl: int = 64) -> list[bytes]:
        output = Output(mtu=1500, ttl=64, rng=random.Random(1))
        output.packet(path, protocol, payload, ttl=ttl)
        return output.drain()

    def _to_group(self, group: bytes) -> Path:
        return self._six._replace(remote=group, remote_mac=multicast_mac(group))

    def _arp(self, destination: bytes) -> bytes:
        request = Arp(1, self._macs[1], self._four.local, bytes(6), self._four.remote)
        return encode_ethernet(destination, self._macs[1], ARP) + encode_arp(request)

    def _icmpv6(self, path: Path, message: IcmpMessage) -> list[bytes]:
        return self._packet(path, ICMPV6, encode_icmpv6(message, path.local, path.remote), 255)

    def _solicitation(self, path: Path) -> list[bytes]:
        return self._icmpv6(path, encode_neighbour(NS, Neighbour(self._six.remote, 0, self._macs[1])))

    def _tcp(self, path: Path, port: int, flags: int, *, seq: int = 1) -> list[bytes]:
        pseudo = pseudo_header_sum(path.local, path.remote, TCP, 0)
        return self._packet(path, TCP, encode_segment(40000 + port, port, seq, 1, flags, 1024, pseudo))

    def _udp(self, path: Path) -> list[bytes]:
        return self._packet(path, UDP, encode_udp(UdpDatagram(40000, 9, b"?"), path.local, path.remote))


def ethertype(frame: bytes) -> int:
    """Of a frame without a tag."""
    return int.from_bytes(frame[12:14], "big")


def mld_query(prober_mac: bytes, source: bytes) -> bytes:
    """A general query with no delay: a kernel reports its groups at once (RFC 2710)."""
    message = IcmpMessage(130, 0, 0, bytes(16))
    payload = encode_icmpv6(message, source, ALL_NODES)
    options = bytes([ICMPV6, 0, 5, 2, 0, 0, 1, 0])  # hop-by-hop with the router alert
    header = pack("!IHBB", 6 << 28, len(options) + len(payload), 0, 1) + source + ALL_NODES
    return encode_ethernet(multicast_mac(ALL_NODES), prober_mac, 0x86DD) + header + options + payload
