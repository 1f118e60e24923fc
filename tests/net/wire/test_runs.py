"""Runs and the virtio header that has the kernel cut them."""

from __future__ import annotations

from struct import unpack

import pytest

from honeystack.net.wire.runs import make_run, make_super_frame, virtio_header


@pytest.mark.parametrize(("version", "offset", "kind"), [(4, 34, 1), (6, 54, 4)])
def test_the_virtio_header_says_where_tcp_is_and_how_to_cut(version: int, offset: int, kind: int) -> None:
    header = bytes(12) + b"\x80" + bytes(19)  # a data offset of 32 bytes
    run = make_run(header, bytes(3000), 1448, 3)
    frame = make_super_frame(bytes(offset) + header, run, version)
    assert (frame.data, frame.size, frame.offset) == (run.data, 1448, offset)
    # struct virtio_net_hdr: NEEDS_CSUM, the kind, then hdr_len, gso_size, csum_start and csum_offset
    assert unpack("=BBHHHH", virtio_header(frame)) == (1, kind, offset + 32, 1448, offset, 16)
