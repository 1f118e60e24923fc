"""SYNs of many peers, plain and hostile, for the tests of those who take them by the hundred."""

from __future__ import annotations

import random
from collections.abc import Sequence
from struct import pack
from typing import Any

from honeystack.net.address import Path
from honeystack.net.limits import Limits
from honeystack.net.stack import Stack
from honeystack.net.wire.checksum import pseudo_header_sum
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.syn_batch import SynBatch
from honeystack.net.wire.tcp import SYN, encode_segment, syn_options
from tests.net.frames import OUR_MAC, PATHS, every_notice, ip_frame, make_stack, syn_frame

Received = tuple[bytes, ChecksumState, int | None]

LINUX = syn_options(1460, window_scale=7, sack=True, timestamps=(0xFFFF_FFF0, 0))
OPTIONS = [
    b"",
    b"\x02\x04\x05\xb4",
    LINUX,
    syn_options(1400, window_scale=None, sack=True, timestamps=(5, 9)),
    syn_options(8960, window_scale=14, sack=False, timestamps=(1, 0)),
    syn_options(536, window_scale=3, sack=True, timestamps=None),
    b"\x02\x04\x05\xb4\x01\x03\x03\x06\x01\x01\x08\x0a\0\0\0\7\0\0\0\0\x04\x02\0\0",  # as macOS has it
]
ODD_OPTIONS = [
    b"\x02\x04\x00\x00",
    b"\x02\x04\x00\x2f",
    b"\x02\x04\x05\xb4\x02\x04\x05\xb4",
    b"\x03\x03\x0f\x01",
    b"\x02\x03\x05\x01",
    b"\x04\x03\x01\x01",
    b"\x08\x0a\0\0",
    b"\x22\x02\x01\x01",
    b"\x13\x12" + bytes(16) + b"\x01\x01",
    b"\x01" * 40,
    b"\x00" * 4,
    b"\x01\x01\x01\x02",
]


def syn(path: Path, remote_port: int, local_port: int, seq: int = 1, options: bytes = b"", flags: int = SYN) -> bytes:
    """One frame."""
    pseudo = pseudo_header_sum(path.remote, path.local, 6, 0)
    return ip_frame(path, 6, encode_segment(remote_port, local_port, seq, 0, flags, 64240, pseudo, options))


def peer(rng: random.Random, version: int) -> Path:
    """A path from somewhere."""
    if version == 4:
        return PATHS[4]._replace(remote=b"\xc6\x12" + rng.randbytes(2))
    return PATHS[6]._replace(remote=b"\x20\x01\x0d\xb8\x77" + rng.randbytes(11))


def plain(count: int, version: int, seed: int = 1) -> list[Received]:
    """SYNs as honest stacks and floods send them, each of another peer."""
    rng = random.Random(seed)
    return [
        (
            syn(peer(rng, version), rng.randrange(1, 65536), 80, rng.getrandbits(32), rng.choice(OPTIONS)),
            ChecksumState.UNKNOWN,
            None,
        )
        for _ in range(count)
    ]


def hostile(rng: random.Random) -> Received:
    """One that may be anything."""
    path = peer(rng, rng.choice([4, 6]))
    remote = {
        4: [b"\0\1\2\3", b"\x7f\0\0\1", b"\xe0\0\0\1", b"\xff" * 4, b"\x0a\0\0\1", b"\x0a\x09\1\1", path.remote],
        6: [bytes(16), bytes(10) + b"\xff\xff" + bytes(4), b"\xff\2" + bytes(14), PATHS[6].local, path.remote],
    }[path.version]
    local = rng.choice([path.local, path.local, {4: b"\x0a\x09\7\7", 6: b"\xfe\x80" + bytes(13) + b"\1"}[path.version]])
    strange = rng.choice([path.local, {4: b"\x0b\0\0\1", 6: b"\x20\1" + bytes(14)}[path.version]])
    path = path._replace(
        remote=rng.choice([path.remote, path.remote, rng.choice(remote)]),
        local=rng.choice([local, local, strange]),
        local_mac=rng.choice([OUR_MAC] * 8 + [b"\xff" * 6, b"\2" * 6]),
        remote_mac=rng.choice([path.remote_mac] * 8 + [b"\1" * 6, OUR_MAC]),
    )
    flags = rng.choice([SYN] * 6 + [SYN | 0xC0, SYN | 8, SYN | 0x20, SYN | 0x10, 0])
    options = rng.choice(OPTIONS + ODD_OPTIONS + [rng.randbytes(rng.randrange(0, 11) * 4)])
    frame = syn(
        path, rng.choice([1, 40000, 65535]), rng.choice([80, 80, 80, 22, 81, 0]), rng.getrandbits(32), options, flags
    )
    if rng.random() < 0.3:
        place = rng.randrange(12, len(frame))
        frame = frame[:place] + bytes([rng.getrandbits(8)]) + frame[place + 1 :]
    if rng.random() < 0.2:
        frame += bytes(rng.randrange(1, 12))
    if rng.random() < 0.1:
        frame = frame[: rng.randrange(14, len(frame))]
    state = rng.choice([ChecksumState.UNKNOWN] * 3 + [ChecksumState.VALID, ChecksumState.PARTIAL])
    return frame, state, rng.choice([None] * 8 + [0x6007])


def flooded(**settings: Any) -> Stack:
    """A stack whose table of handshakes is full."""
    limits = settings.pop("limits", Limits(half_open=1))
    stack = make_stack(limits=limits, **settings)
    stack.receive_frame(syn_frame(PATHS[4], remote_port=1), 1.0)
    stack.poll_transmit(1.0)
    every_notice(stack)
    return stack


def one_by_one(stack: Stack, frames: Sequence[Received], now: float = 5.0) -> list[bytes]:
    """What is answered to frames that come one by one."""
    for data, checksum, vlan in frames:
        stack.receive_frame(data, now, checksum=checksum, vlan=vlan)
    return sorted(stack.poll_transmit(now))


def together(stack: Stack, frames: Sequence[Received], now: float = 5.0) -> list[bytes]:
    """What is answered to the same frames as a batch."""
    blocks = stack.receive_syns(SynBatch.of(frames), now)
    return sorted([frame for block in blocks for frame in block.frames()] + stack.poll_transmit(now))


def fragment_field(frame: bytes, field: int) -> bytes:
    """An IPv4 frame with another fragment field; the header's checksum is wrong then."""
    return frame[:20] + pack("!H", field) + frame[22:]
