"""Which local ports a `[[port]]` means: "tcp/80", "udp/8000-8100", "tcp/203.0.113.4:81", "tcp/any", and "tcp/0"."""

from __future__ import annotations

import ipaddress
from typing import Literal, NamedTuple

from honeystack.errors import ConfigError

FORMS = 'write "tcp/80", "tcp/8000-8100", "udp/53", "tcp/203.0.113.4:81", "tcp/[2001:db8::1]:81" or "tcp/any"'
Transport = Literal["tcp", "udp"]
_TRANSPORTS: dict[str, Transport] = {"tcp": "tcp", "udp": "udp", "6": "tcp", "17": "udp"}


class PortSpec(NamedTuple):
    """Local ports of one transport, both ends included, on one local address or on all (None)."""

    transport: Transport
    address: str | None
    first: int
    last: int

    @property
    def is_fallback(self) -> bool:
        """Whether this is port 0, which carries the certificate of every port that has none of its own."""
        return self.last == 0

    @property
    def is_any(self) -> bool:
        """Whether this is every port that nothing else in the config names."""
        return (self.first, self.last) == (1, 65535)

    def covers(self, transport: str, address: str, port: int) -> bool:
        """Whether a local endpoint is among these ports."""
        return self.transport == transport and self.first <= port <= self.last and self.address in (None, address)

    def clashes(self, other: PortSpec) -> bool:
        """Whether both claim the same port; "any" yields to named ports, all addresses yield to named ones."""
        same = self.transport == other.transport and self.address == other.address and self.is_any == other.is_any
        return same and self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        ports = "any" if self.is_any else str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        if self.address is None:
            return f"{self.transport}/{ports}"
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.transport}/{address}:{ports}"


def parse_port(text: str) -> PortSpec:
    """Parse one port specification. Raises ConfigError with what would be right."""
    word, slash, rest = text.strip().partition("/")
    transport = _TRANSPORTS.get(word.lower())
    if not slash and (transport is None or word.isdecimal()):
        port = word if _is_number(word) else "80"
        raise ConfigError(f'{text!r} names no transport: write "tcp/{port}" or "udp/{port}"')
    if transport is None:
        raise ConfigError(f"{word!r} is no transport: write tcp or udp")
    address, colon, ports = rest.rpartition(":")
    first, last = _parse_ports(ports, text)
    return PortSpec(transport, _parse_address(address, text) if colon and address else None, first, last)


def find(specs: list[PortSpec], transport: str, address: str, port: int) -> PortSpec | None:
    """The specification that a local endpoint falls under: the most particular one that covers it."""
    covering = [spec for spec in specs if not spec.is_fallback and spec.covers(transport, address, port)]
    return min(covering, key=lambda spec: (spec.is_any, spec.address is None), default=None)


def _parse_ports(ports: str, text: str) -> tuple[int, int]:
    if ports.lower() in ("any", "*"):
        return 1, 65535
    first, dash, last = ports.partition("-")
    if not _is_number(first) or (dash and not _is_number(last)):
        raise ConfigError(f"{text!r} is no port: {FORMS}")
    low, high = int(first), int(last or first)
    if not low <= high <= 65535 or (low == 0 and high > 0):
        raise ConfigError(f"{text!r}: ports go from 1 to 65535, the lower one first")
    return low, high


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5


def _parse_address(text: str, whole: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise ConfigError(f"{bare!r} is no IP address: {FORMS}") from None
    if address.version == 6 and bare == text:
        raise ConfigError(f"{whole!r}: an IPv6 address stands in brackets: [{bare}]:port")
    if address.is_unspecified:
        raise ConfigError(f"{whole!r}: leave the address out to mean all of them")
    return str(address)
