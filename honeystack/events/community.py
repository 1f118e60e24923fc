"""Community ID v1: one text for both directions of a flow, the same in Zeek, Suricata, Arkime and here.

The id is "1:" and the base64 of SHA-1 over seed, lower address, higher address, protocol, a zero byte and, where the
protocol has them, the two ports. ICMP's type and code stand where the ports stand.
"""

from __future__ import annotations

import ipaddress
import struct
from binascii import b2a_base64
from functools import lru_cache
from hashlib import sha1

_PORTS = struct.Struct("!BBHH").pack
TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58

PROTOCOL_NUMBERS = {
    "icmp": ICMP,
    "igmp": 2,
    "tcp": TCP,
    "udp": UDP,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": ICMPV6,
    "icmp6": ICMPV6,
    "ospf": 89,
    "pim": 103,
    "vrrp": 112,
    "sctp": SCTP,
}

# A request's type stands for its answer's and the reverse, so that both have one id; from the specification.
_ICMP_REQUESTS = {8: 0, 13: 14, 15: 16, 17: 18, 10: 9}
_ICMPV6_REQUESTS = {128: 129, 133: 134, 135: 136, 130: 131, 144: 145, 139: 140}
_PAIRS = {
    protocol: {**requests, **{answer: request for request, answer in requests.items()}}
    for protocol, requests in ((ICMP, _ICMP_REQUESTS), (ICMPV6, _ICMPV6_REQUESTS))
}


def protocol_number(name: str) -> int | None:
    """The IP protocol's number for its lower-case name or decimal text; None for what is no IP protocol, as ARP."""
    if name.isdecimal() and len(name) <= 3 and int(name) <= 255:
        return int(name)
    return PROTOCOL_NUMBERS.get(name)


def community_id(
    protocol: int,
    source: str,
    destination: str,
    source_port: int | None = None,
    destination_port: int | None = None,
    *,
    seed: int = 0,
) -> str:
    """The Community ID of a flow of an IP protocol between two addresses.

    For ICMP and ICMPv6 the ports are the message's type and code. Without both ports the id is that of the addresses.
    """
    lower, higher = _packed(source), _packed(destination)
    if source_port is None or destination_port is None:
        lower, higher = min(lower, higher), max(lower, higher)
        return _digest(struct.pack("!H", seed) + lower + higher + struct.pack("!BB", protocol, 0))
    first, second, one_way = _ports(protocol, source_port, destination_port)
    if not one_way and (lower, first) > (higher, second):
        lower, higher, first, second = higher, lower, second, first
    return _digest(struct.pack("!H", seed) + lower + higher + _PORTS(protocol, 0, first, second))


def _ports(protocol: int, source_port: int, destination_port: int) -> tuple[int, int, bool]:
    """The two numbers in the ports' place, and whether the flow has one direction only."""
    pairs = _PAIRS.get(protocol)
    if pairs is None:
        return source_port, destination_port, False
    answer = pairs.get(source_port)
    if answer is None:
        return source_port, destination_port, True
    return source_port, answer, False


@lru_cache(4096)  # parsing an address costs more than all the rest, and few come in very many events
def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address.partition("%")[0]).packed


def _digest(data: bytes) -> str:
    return "1:" + b2a_base64(sha1(data, usedforsecurity=False).digest(), newline=False).decode()
