"""What a link makes of a run: the pieces, as the kernel's GSO cuts them."""

from __future__ import annotations

from honeystack.net.address import Path
from honeystack.net.tcp.seq import add
from honeystack.net.wire.checksum import partial_sum, pseudo_header_sum
from honeystack.net.wire.runs import Run
from honeystack.net.wire.tcp import FIN, PSH


def cut(path: Path, segment: bytes) -> list[bytes]:
    """The whole segments that go out for one that TCP has sent."""
    if not isinstance(segment, Run):
        return [segment]
    length = len(segment) + len(segment.data)
    pseudo = pseudo_header_sum(path.local, path.remote, 6, length)
    assert (int.from_bytes(segment[16:18], "big") - pseudo) % 0xFFFF == 0, "the pseudo-header's sum is wrong"
    assert len(segment.data) == segment.size * segment.pieces
    return [_piece(path, segment, start) for start in range(0, len(segment.data), segment.size)]


def _piece(path: Path, run: Run, start: int) -> bytes:
    data = run.data[start : start + run.size]
    header = bytearray(run)
    header[4:8] = add(int.from_bytes(run[4:8], "big"), start).to_bytes(4, "big")
    if start + len(data) < len(run.data):
        header[13] &= ~(FIN | PSH)
    header[16:18] = bytes(2)
    length = len(header) + len(data)
    total = partial_sum(bytes(header) + data) + pseudo_header_sum(path.local, path.remote, 6, length)
    header[16:18] = (~(total % 0xFFFF) & 0xFFFF).to_bytes(2, "big")
    return bytes(header) + data
