"""The recorded hellos, and a builder of hellos for what no recording has."""

from __future__ import annotations

import functools
import json
import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from honeystack.tls.hello import ALPN, GROUPS, POINT_FORMATS, SERVER_NAME, SIGNATURE_ALGORITHMS, SUPPORTED_VERSIONS


@functools.cache
def vectors() -> list[dict[str, Any]]:
    """1 226 hellos with what tshark and the JA4 tools make of them; `wire_hex` of tls and sslv2, else `hello_hex`."""
    path = Path(__file__).with_name("hellos.jsonl.xz")
    return [json.loads(line) for line in lzma.decompress(path.read_bytes()).splitlines()]


def vectors_of(*kinds: str) -> list[dict[str, Any]]:
    return [vector for vector in vectors() if vector["kind"] in kinds]


def shorts(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def vector(data: bytes, width: int = 2) -> bytes:
    return len(data).to_bytes(width, "big") + data


def extension(kind: int, data: bytes) -> bytes:
    return shorts(kind) + vector(data)


def body(
    *,
    version: int = 0x0303,
    session_id: bytes = b"",
    suites: Sequence[int] = (0xC02F, 0x1301),
    compressions: bytes = b"\0",
    extensions: bytes | None = None,
) -> bytes:
    end = b"" if extensions is None else vector(extensions)
    return (
        shorts(version)
        + bytes(range(32))
        + vector(session_id, 1)
        + vector(shorts(*suites))
        + vector(compressions, 1)
        + end
    )


def message(body: bytes, kind: int = 1) -> bytes:
    return bytes([kind]) + vector(body, 3)


def record(data: bytes, kind: int = 22, version: int = 0x0301) -> bytes:
    return bytes([kind]) + shorts(version) + vector(data)


def records(data: bytes, size: int) -> bytes:
    """The data in records of a size."""
    return b"".join(record(data[at : at + size]) for at in range(0, len(data), size))


def full_extensions(
    *,
    name: bytes = b"a.example",
    alpn: Sequence[bytes] = (b"h2", b"http/1.1"),
    versions: Sequence[int] = (0x0A0A, 0x0304, 0x0303),
    groups: Sequence[int] = (0x1A1A, 29, 23),
) -> bytes:
    return (
        extension(SERVER_NAME, vector(b"\0" + vector(name)))
        + extension(GROUPS, vector(shorts(*groups)))
        + extension(POINT_FORMATS, vector(b"\0\1", 1))
        + extension(SIGNATURE_ALGORITHMS, vector(shorts(0x0403, 0x0804)))
        + extension(ALPN, vector(b"".join(vector(protocol, 1) for protocol in alpn)))
        + extension(SUPPORTED_VERSIONS, vector(shorts(*versions), 1))
    )


def sslv2(
    *,
    version: int = 0x0301,
    kinds: Sequence[int] = (0x00002F, 0x010080),
    session: bytes = b"",
    challenge: bytes = bytes(16),
) -> bytes:
    packet = b"\1" + shorts(version, 3 * len(kinds), len(session), len(challenge))
    packet += b"".join(kind.to_bytes(3, "big") for kind in kinds) + session + challenge
    return shorts(0x8000 | len(packet)) + packet
