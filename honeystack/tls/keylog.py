"""The secrets of connections, as OpenSSL logs them, until somebody asks for them by the random of the hello.

Lines are those of the NSS key log format: a label, the client's random, and the secret, each in hex.
"""

from __future__ import annotations

from collections import OrderedDict

LINES = 16  # of a connection: one for TLS 1.2, five for 1.3
_RANDOM_BYTES = 32


class Expected:
    """One connection's lines. Who sends the random of another gets the lines of both, its own last: those count."""

    __slots__ = ("key", "others", "own")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.own: list[bytes] = []  # since it was expected, until another with its random was
        self.others: list[bytes] = []


class KeyLog:
    """Inputs: `expect`, `take`. Output: `secrets_of`. Only what is expected is kept, of so many `connections`."""

    def __init__(self, connections: int) -> None:
        self._limit = connections
        self._all: OrderedDict[Expected, None] = OrderedDict()
        self._of_random: dict[bytes, list[Expected]] = {}

    def expect(self, client_random: bytes) -> Expected:
        """The lines of a connection shall be kept; of too many the oldest are forgotten."""
        if len(self._all) >= self._limit:
            self._forget(next(iter(self._all)))
        expected = Expected(_key(client_random))
        self._all[expected] = None
        self._of_random.setdefault(expected.key, []).append(expected)
        return expected

    def take(self, line: bytes) -> None:
        """A line from OpenSSL, which says of whom it is by the random alone."""
        parts = line.split()
        sharers = self._of_random.get(parts[1].lower(), []) if len(parts) == 3 else []
        for expected in sharers:
            lines = expected.own if expected is sharers[-1] else expected.others
            if len(lines) < LINES:
                lines.append(line)

    def secrets_of(self, expected: Expected) -> bytes:
        """The lines of a connection, which are then forgotten."""
        self._forget(expected)
        return b"".join(line + b"\n" for line in expected.others + expected.own)

    def _forget(self, expected: Expected) -> None:
        if expected not in self._all:
            return
        del self._all[expected]
        sharers = self._of_random[expected.key]
        sharers.remove(expected)
        if not sharers:
            del self._of_random[expected.key]


def _key(client_random: bytes) -> bytes:
    # The challenge of an SSLv2 hello is shorter and is filled with zeros before it (RFC 5246 appendix E.2).
    return client_random[-_RANDOM_BYTES:].rjust(_RANDOM_BYTES, b"\0").hex().encode()
