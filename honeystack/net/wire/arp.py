"""ARP for IPv4 over Ethernet (RFC 826)."""

from __future__ import annotations

from struct import pack, unpack_from
from typing import Final, NamedTuple

from honeystack.errors import Malformed
from honeystack.net.wire.checksum import Octets

LENGTH: Final = 28
REQUEST: Final = 1
REPLY: Final = 2
ETHERNET_IPV4: Final = b"\x00\x01\x08\x00\x06\x04"  # hardware Ethernet, protocol IPv4, and their address lengths
IEEE802_IPV4: Final = b"\x00\x06" + ETHERNET_IPV4[2:]  # the same by another name (RFC 1122 §2.3.3 has both)


class Arp(NamedTuple):
    """One ARP packet; addresses packed."""

    operation: int
    sender_mac: bytes
    sender: bytes
    target_mac: bytes
    target: bytes


def decode_arp(data: Octets) -> Arp:
    """The packet at the beginning of `data`; what follows is padding."""
    if len(data) < LENGTH:
        raise Malformed(f"an ARP packet of {len(data)} bytes is cut off")
    if bytes(data[:6]) not in (ETHERNET_IPV4, IEEE802_IPV4):
        raise Malformed("an ARP packet for other hardware or another protocol")
    return Arp(*unpack_from("!H6s4s6s4s", data, 6))


def encode_arp(arp: Arp) -> bytes:
    return ETHERNET_IPV4 + pack("!H6s4s6s4s", *arp)
