"""Who talks to whom: endpoints, flows, link paths and sets of addresses.

On the hot path addresses stay packed bytes (4 or 16) as they stand in the frame; text is made for events only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import attrs

from honeystack.errors import ConfigError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Endpoint(NamedTuple):
    """An address and a port, as people write them: Endpoint("203.0.113.4", 80)."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Flow(NamedTuple):
    """One conversation's identity for people and events. Local is us, remote is the peer."""

    protocol: str  # "tcp", "udp", "icmp", …
    local: Endpoint
    remote: Endpoint
    local_mac: str | None = None
    remote_mac: str | None = None


class Path(NamedTuple):
    """How a frame to one peer is addressed, all packed; learned from the frame that the peer sent."""

    version: int  # 4 or 6
    local: bytes  # our IP address
    remote: bytes  # the peer's IP address
    local_mac: bytes  # 6 bytes
    remote_mac: bytes  # 6 bytes: the peer's, or its gateway's
    vlan: int | None = None  # the tag that the frame carried, and that answers carry (net.wire.ethernet)
    options: bytes = b""  # IPv4 options that answers carry, a multiple of four bytes


def mac_text(mac: bytes) -> str:
    """aa:bb:cc:dd:ee:ff"""
    return mac.hex(":")


def address_text(packed: bytes) -> str:
    """The canonical text of a packed IPv4 or IPv6 address."""
    return str(ipaddress.ip_address(packed))


def source_text(address: str) -> str:
    """What one source has of addresses, as the key for its share: an IPv4 address, or an IPv6 /64 in hex."""
    return address if "." in address else ipaddress.ip_address(address.partition("%")[0]).packed[:8].hex()


def flow_of(protocol: str, path: Path, local_port: int, remote_port: int) -> Flow:
    """A path and its ports as text."""
    return Flow(
        protocol,
        Endpoint(address_text(path.local), local_port),
        Endpoint(address_text(path.remote), remote_port),
        mac_text(path.local_mac),
        mac_text(path.remote_mac),
    )


class AddressSet:
    """A set of IPv4 and IPv6 prefixes, asked by packed address; a prefix costs the same whatever its size."""

    __slots__ = ("_hosts", "_networks", "_prefixes")

    def __init__(self, networks: Iterable[IPNetwork | IPAddress | str] = ()) -> None:
        self._networks = [ipaddress.ip_network(str(network), strict=False) for network in networks]
        self._hosts = {n.network_address.packed for n in self._networks if n.prefixlen == n.max_prefixlen}
        self._prefixes = [
            (n.max_prefixlen // 8, int(n.netmask), int(n.network_address))
            for n in self._networks
            if n.prefixlen != n.max_prefixlen
        ]

    def __contains__(self, packed: bytes) -> bool:
        if packed in self._hosts:
            return True
        if not self._prefixes:
            return False
        size, value = len(packed), int.from_bytes(packed, "big")
        return any(size == width and value & mask == base for width, mask, base in self._prefixes)

    def __iter__(self) -> Iterator[IPNetwork]:
        return iter(self._networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __repr__(self) -> str:
        return f"AddressSet({[str(network) for network in self._networks]})"


class PortRange(NamedTuple):
    """Local ports of one protocol, both ends included; `protocol` None means TCP and UDP."""

    protocol: int | None  # IP protocol number
    first: int
    last: int

    def covers(self, protocol: int, port: int) -> bool:
        """Whether a port of an IP protocol lies in the range."""
        return self.first <= port <= self.last and self.protocol in (None, protocol)


PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17}


def parse_port_range(text: str) -> PortRange:
    """Parse "tcp/22", "udp/123", "456", "6/8022" or "tcp/8000-8010". Raises ConfigError with what would be right."""
    protocol, slash, ports = text.strip().rpartition("/")
    first, dash, last = ports.partition("-")
    number = PROTOCOL_NUMBERS.get(protocol.lower()) if slash else None
    if slash and number is None:
        if not (protocol.isdecimal() and int(protocol) in PROTOCOL_NUMBERS.values()):
            raise ConfigError(f"{protocol!r} is no protocol that has ports: write tcp, udp, 6 or 17")
        number = int(protocol)
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise ConfigError(f"{text!r} is no port: write tcp/22, udp/123, 456, 6/8022 or tcp/8000-8010")
    low, high = int(first), int(last or first)
    if not 0 <= low <= high <= 65535:
        raise ConfigError(f"{text!r}: ports go from 0 to 65535, the lower one first")
    return PortRange(number, low, high)


@attrs.frozen
class Exclusions:
    """What is left to the host: local ports and remote addresses."""

    ports: tuple[PortRange, ...] = ()
    addresses: AddressSet = attrs.field(factory=AddressSet)

    def __bool__(self) -> bool:
        return bool(self.ports) or bool(self.addresses)

    def excludes(self, protocol: int, local_port: int, remote: bytes) -> bool:
        """Whether a packet of an IP protocol to a local port from a packed remote address is the host's."""
        return remote in self.addresses or any(ports.covers(protocol, local_port) for ports in self.ports)
