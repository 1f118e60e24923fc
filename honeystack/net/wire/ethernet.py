"""Ethernet II frames, with at most one VLAN tag in front of the EtherType (IEEE 802.3, 802.1Q).

A tag is one number: its 16 bits of priority and VLAN, and above them its own EtherType where that is not 802.1Q's. One
of VLAN 0 tells a priority and no VLAN: such a frame is as one without a tag.
"""

from __future__ import annotations

from struct import pack
from typing import Final, NamedTuple

from honeystack.errors import Malformed

HEADER_LENGTH: Final = 14
BROADCAST: Final = b"\xff" * 6

IPV4: Final = 0x0800
ARP: Final = 0x0806
VLAN_TAG: Final = 0x8100
VLAN_ID: Final = 0x0FFF  # the part of a tag that names the VLAN
IPV6: Final = 0x86DD
RESERVED_VLAN: Final = 0x0FFF  # of which no frame may be (IEEE 802.1Q §9.6)
FIRST_ETHERTYPE: Final = 0x0600  # what is lower is a length: an 802.3 frame with an LLC header


class EthernetHeader(NamedTuple):
    """One frame's header; `offset` is where the payload begins."""

    destination: bytes
    source: bytes
    ethertype: int  # below FIRST_ETHERTYPE: the length of an LLC payload
    vlan: int | None
    offset: int


def decode_ethernet(frame: bytes, vlan: int | None = None) -> EthernetHeader:
    """The frame's header; `vlan` is a tag that the kernel has stripped already, and then none is looked for."""
    if len(frame) < HEADER_LENGTH:
        raise Malformed(f"a frame of {len(frame)} bytes has no Ethernet header")
    ethertype, offset = int.from_bytes(frame[12:14], "big"), HEADER_LENGTH
    if ethertype == VLAN_TAG and vlan is None:
        if len(frame) < HEADER_LENGTH + 4:
            raise Malformed("a VLAN tag is cut off")
        vlan = vlan_of(int.from_bytes(frame[14:16], "big"), VLAN_TAG)
        ethertype, offset = int.from_bytes(frame[16:18], "big"), HEADER_LENGTH + 4
    return EthernetHeader(frame[:6], frame[6:12], ethertype, vlan, offset)


def encode_ethernet(destination: bytes, source: bytes, ethertype: int, vlan: int | None = None) -> bytes:
    """The header to put before a payload."""
    if vlan is None:
        return destination + source + pack("!H", ethertype)
    return destination + source + pack("!HHH", vlan >> 16 or VLAN_TAG, vlan & 0xFFFF, ethertype)


def vlan_of(control: int, ethertype: int) -> int | None:
    """A tag's number from its two halves; None where it names no VLAN."""
    if not control & VLAN_ID:
        return None
    return control if ethertype == VLAN_TAG else ethertype << 16 | control


def is_reserved(vlan: int | None) -> bool:
    """Whether a tag names the VLAN that there is not."""
    return vlan is not None and vlan & VLAN_ID == RESERVED_VLAN


def multicast_mac(group: bytes) -> bytes:
    """The address that an IPv4 or IPv6 multicast group's frames go to (RFC 1112 §6.4, RFC 2464 §7)."""
    if len(group) == 4:
        return b"\x01\x00\x5e" + bytes([group[1] & 0x7F]) + group[2:]
    return b"\x33\x33" + group[-4:]
