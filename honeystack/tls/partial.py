"""What there is of a ClientHello that did not become whole, or whose lengths do not fit: it tells more than nothing."""

from __future__ import annotations

from honeystack.tls.hello import CLIENT_HELLO, ClientHello, parse_hello

_RANDOM_ENDS = 4 + 34  # in the message: behind its header, version and random (RFC 8446 §4.1.2)


def parse_part(message: bytes) -> ClientHello | None:
    """Parse the start of a handshake message; None where its random has not come yet, or where it is no hello.

    The suites are those that are there, the extensions those that are there whole.
    """
    if len(message) < _RANDOM_ENDS or message[0] != CLIENT_HELLO:
        return None
    session_id, at = _present(message, _RANDOM_ENDS, 1)
    suites, at = _present(message, at, 2)
    compressions, at = _present(message, at, 1)
    block, _ = _present(message, at, 2)
    body = message[4:_RANDOM_ENDS] + _vector(session_id, 1) + _vector(suites, 2) + _vector(compressions, 1)
    # With lengths that are all ours, nothing is left that would not parse.
    return parse_hello(bytes([CLIENT_HELLO]) + _vector(body + _vector(_whole_extensions(block), 2), 3))


def _present(data: bytes, at: int, width: int) -> tuple[bytes, int]:
    """Of a vector what is there, and where it would end."""
    start = at + width
    if start > len(data):
        return b"", start
    end = start + int.from_bytes(data[at:start], "big")
    return data[start:end], end


def _whole_extensions(block: bytes) -> bytes:
    at = 0
    while at + 4 <= len(block):
        end = at + 4 + int.from_bytes(block[at + 2 : at + 4], "big")
        if end > len(block):
            break
        at = end
    return block[:at]


def _vector(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data
