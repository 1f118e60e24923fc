"""Captured frames out of files, one file after the other; damage is told with its file and place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import attrs

from honeystack.errors import CaptureError, Malformed
from honeystack.net.wire import pcap, pcapng_blocks
from honeystack.net.wire.capture import (
    LINKTYPE_ETHERNET,
    LINKTYPE_IPV4,
    LINKTYPE_IPV6,
    LINKTYPE_RAW,
    CapturedPacket,
    Source,
)
from honeystack.net.wire.ethernet import HEADER_LENGTH, IPV4, IPV6, VLAN_TAG, vlan_of

SERVICE_TAG = 0x88A8  # IEEE 802.1ad; the kernel strips it as it does that of 802.1Q
NO_MAC = bytes(6)  # of packets that were captured without their Ethernet header
BEGINNINGS = {
    b"\x34\xcd\xb2\xa1": "a pcap file of a modified format: write it anew with `editcap -F pcapng`",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"\xfd7zXZ\0"[:4]: "compressed with xz: unpack it first",
}
ANY = "cooked frames of `tcpdump -i any`: capture on one interface, as in `tcpdump -i eth0`"
OTHERS = {0: "BSD loopback", 105: "802.11", 127: "802.11 with radiotap", 113: ANY, 276: ANY, 220: "USB"}


class Recorded(NamedTuple):
    """One frame, beginning at its Ethernet header; a VLAN tag is taken out, as the kernel does for packet sockets."""

    at: int  # nanoseconds since 1970
    frame: bytes
    vlan: int | None = None


@attrs.define
class Remarks:
    """What was odd in the files and did not end the reading."""

    cut: int = 0  # packets that were not captured whole, and are left out
    first_cut: str = ""  # where the first of them stands
    backwards: int = 0  # packets that are dated before those ahead of them


def read_captures(paths: Sequence[Path], remarks: Remarks) -> Iterator[Recorded]:
    """All frames in the order of the files. Raises CaptureError where a file is damaged, after what comes before."""
    latest: int | None = None
    for path in paths:
        for packet in _packets(path):
            if len(packet.data) < packet.length:
                remarks.cut += 1
                remarks.first_cut = remarks.first_cut or _cut(path, packet)
                continue
            if latest is not None and packet.at < latest:
                remarks.backwards += 1
            latest = packet.at if latest is None else max(latest, packet.at)
            yield _recorded(path, packet)


def _cut(path: Path, packet: CapturedPacket) -> str:
    return f"{path}: at byte {packet.offset}: {len(packet.data)} of {packet.length} bytes are there"


def _packets(path: Path) -> Iterator[CapturedPacket]:
    source = Source(lambda count: b"")
    try:
        with path.open("rb") as file:
            source = Source(file.read)
            yield from _decoded(source)
    except OSError as error:
        raise CaptureError(f"{path} cannot be read: {error.strerror}") from error
    except Malformed as damage:
        raise CaptureError(f"{path}: at byte {source.record}: {damage}") from damage


def _decoded(source: Source) -> Iterator[CapturedPacket]:
    magic = source.take(4, "its first four bytes, which say what it is")
    if magic in pcap.MAGIC:
        return pcap.decode_pcap(source, magic)
    if magic == pcapng_blocks.MAGIC:
        return pcapng_blocks.decode_pcapng(source, magic)
    known = (BEGINNINGS[magic[:size]] for size in (4, 2) if magic[:size] in BEGINNINGS)
    raise Malformed(f"neither pcap nor pcapng but {next(known, f'something that begins with {magic.hex()}')}")


def _recorded(path: Path, packet: CapturedPacket) -> Recorded:
    kind, data = packet.link_type, packet.data
    if kind == LINKTYPE_ETHERNET:
        return untagged(packet.at, data)
    if kind in (LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6):
        ethertype = IPV6 if data[:1] and data[0] >> 4 == 6 else IPV4
        return Recorded(packet.at, NO_MAC + NO_MAC + ethertype.to_bytes(2, "big") + data)
    name = f" ({OTHERS[kind]})" if kind in OTHERS else ""
    raise CaptureError(
        f"{path}: at byte {packet.offset}: a packet of link type {kind}{name}; Ethernet and bare IP can be replayed"
    )


def untagged(at: int, data: bytes) -> Recorded:
    """A frame whose VLAN tag, if it has one, is beside it."""
    ethertype = int.from_bytes(data[12:14], "big")
    if ethertype not in (VLAN_TAG, SERVICE_TAG) or len(data) < HEADER_LENGTH + 4:
        return Recorded(at, data)
    return Recorded(at, data[:12] + data[16:], vlan_of(int.from_bytes(data[14:16], "big"), ethertype))
