"""The secrets of connections, as OpenSSL logs them, until somebody asks for them by the random of the hello.

Lines are those of the NSS key log format: a label, the client's random, and the secret, each in hex.
"""

from __future__ import annotations

from collections import OrderedDict

CONNECTIONS = 1024  # remembered
LINES = 16  # of a connection: one for TLS 1.2, five for 1.3
_RANDOM_BYTES = 32


class KeyLog:
    """Inputs: `expect`, `take`. Output: `secrets_of`. Only what is expected is kept."""

    def __init__(self) -> None:
        self._lines: OrderedDict[bytes, list[bytes]] = OrderedDict()

    def expect(self, client_random: bytes) -> None:
        """The lines of a connection shall be kept; of too many the oldest are forgotten."""
        if len(self._lines) >= CONNECTIONS:
            self._lines.popitem(last=False)
        self._lines[_key(client_random)] = []

    def take(self, line: bytes) -> None:
        """A line from OpenSSL."""
        parts = line.split()
        lines = self._lines.get(parts[1].lower()) if len(parts) == 3 else None
        if lines is not None and len(lines) < LINES:
            lines.append(line)

    def secrets_of(self, client_random: bytes) -> bytes:
        """The lines of a connection, which are then forgotten."""
        return b"".join(line + b"\n" for line in self._lines.pop(_key(client_random), []))


def _key(client_random: bytes) -> bytes:
    # The challenge of an SSLv2 hello is shorter and is filled with zeros before it (RFC 5246 appendix E.2).
    return client_random[-_RANDOM_BYTES:].rjust(_RANDOM_BYTES, b"\0").hex().encode()
