"""What the layers above want to know of a received frame and its IP header, the same for IPv4 and IPv6."""

from __future__ import annotations

import enum
from typing import NamedTuple

from honeystack.net.address import Path
from honeystack.net.wire.checksum import Octets


class IpFacts(NamedTuple):
    """The facts of one received IP header that upper layers use, fingerprints above all."""

    ttl: int  # or hop limit
    ident: int  # IPv4 identification; 0 for IPv6, which has none outside fragments
    dont_fragment: bool  # True for IPv6, which never fragments on the way
    tos: int  # or traffic class


class ChecksumState(enum.Enum):
    """What is known about a received frame's upper-layer checksum (TP_STATUS_CSUM*)."""

    UNKNOWN = 0  # verify it
    VALID = 1  # verified by the kernel or the device
    PARTIAL = 2  # not filled in: the frame never left this machine, and is sound


class IcmpErrorKind(enum.Enum):
    """What an ICMP error about something that we sent means for the connection that it quotes (RFC 5461, RFC 1191)."""

    SOFT = "soft"  # network or host unreachable, time exceeded, with IPv4 a parameter problem: may pass
    HARD = "hard"  # protocol or port unreachable, administratively prohibited, with IPv6 a parameter problem
    PACKET_TOO_BIG = "packet-too-big"  # the MTU that fits comes with it


class IpPacket(NamedTuple):
    """One whole IP packet for us, its header read; `path` leads back to its sender."""

    path: Path
    protocol: int
    octets: Octets  # from the IP header to the packet's end
    offset: int  # where the upper-layer header begins
    facts: IpFacts
    unicast: bool  # to one of our addresses, in a frame to our own MAC
    verify: bool  # the upper-layer checksum is to be verified
    protocol_pointer: int = 9  # where the byte is that names the protocol

    @property
    def payload(self) -> memoryview:
        """The upper-layer header and what it carries."""
        return memoryview(self.octets)[self.offset :]
