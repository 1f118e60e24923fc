"""Runs: several full segments of one connection in one, which the link cuts (generic segmentation offload).

A run has one header and the data of many segments. Whoever cuts it counts sequence number, IPv4 identification and
lengths on, leaves FIN and PSH to the last piece, and fills in each piece's checksum; the run's own checksum field holds
the sum of the pseudo-header only. Linux calls this GSO, and takes it with a virtio header before the frame.
"""

from __future__ import annotations

from struct import Struct

MAX_RUN = 65_000  # bytes of data: with all headers it fits the 16-bit lengths of IP

CHECKSUM_AT = 16  # of the checksum in a TCP header
_VIRTIO = Struct("=BBHHHH")  # struct virtio_net_hdr: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
_NEEDS_CSUM, _TCPV4, _TCPV6 = 1, 1, 4


class Run(bytes):
    """The TCP header of a run, and its data apart, so that nothing has to be copied together."""

    data = b""
    size = 0  # bytes of data in each piece; the last may have fewer
    pieces = 1
    markable = False  # as MarkableSegment


class SuperFrame(bytes):
    """The headers of a frame around a run, from Ethernet on, and the run's data; TCP's begins at `offset`."""

    data = b""
    size = 0
    offset = 0
    version = 4


def make_run(header: bytes, data: bytes, size: int, pieces: int) -> Run:
    run = Run(header)
    run.data, run.size, run.pieces = data, size, pieces
    return run


def make_super_frame(headers: bytes, run: Run, version: int) -> SuperFrame:
    frame = SuperFrame(headers)
    frame.data, frame.size, frame.offset, frame.version = run.data, run.size, len(headers) - len(run), version
    return frame


def virtio_header(frame: SuperFrame) -> bytes:
    """What PACKET_VNET_HDR wants before a frame that the kernel is to cut."""
    offset = frame.offset
    header_length = offset + (frame[offset + 12] >> 4 << 2)
    kind = _TCPV4 if frame.version == 4 else _TCPV6
    return _VIRTIO.pack(_NEEDS_CSUM, kind, header_length, frame.size, offset, CHECKSUM_AT)
