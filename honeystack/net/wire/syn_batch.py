"""Many SYNs at once: frames in the rows of an array, and their fields as columns of it. Needs numpy.

Here is only what is plain: Ethernet without a tag, IPv4 without options or IPv6 without extension headers, a TCP header
that is sound, with options that are in order and of the kinds that stacks send, and no data. All else is left to those
who look at one frame at a time; so no field here can be wrong, and none has to be judged twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.syn_options import read_options
from honeystack.net.wire.tcp import ACK, FIN, HEADER_LENGTH, PSH, RST, SYN, URG

Column: TypeAlias = NDArray[np.int64]
Choice: TypeAlias = NDArray[np.bool_]

ROW: Final = 128  # bytes of a row
FRAME_AT: Final = 2  # where its frame begins, so that IP and TCP headers lie in whole words
LONGEST: Final = ROW - FRAME_AT  # bytes of a frame
TCP: Final = 6
TCP_AT: Final = {4: 9, 6: 14}  # the word where the TCP header begins, by the version of IP
ADDRESSES_AT: Final = {4: 7, 6: 6}
STATES: Final = tuple(ChecksumState)
NO_TAG: Final = -1


class SynBatch:
    """Frames that came together: rows of bytes, their lengths, tags, and what is known of their checksums."""

    __slots__ = ("lengths", "rows", "states", "tags")

    def __init__(self, rows: NDArray[np.uint8], lengths: Column, states: Column, tags: Column) -> None:
        self.rows = rows
        self.lengths = lengths
        self.states = states  # indices in STATES
        self.tags = tags

    @classmethod
    def of(cls, frames: Sequence[tuple[bytes, ChecksumState, int | None]]) -> SynBatch:
        """Frames that are not longer than LONGEST, as a link gives them."""
        rows = np.zeros((len(frames), ROW), np.uint8)
        for row, (data, _, _) in zip(rows, frames, strict=True):
            row[FRAME_AT : FRAME_AT + len(data)] = np.frombuffer(data, np.uint8)
        lengths = [len(data) for data, _, _ in frames]
        tags = [NO_TAG if tag is None else tag for _, _, tag in frames]
        columns = (lengths, [state.value for _, state, _ in frames], tags)
        return cls(rows, *(np.array(column, np.int64) for column in columns))

    def __len__(self) -> int:
        return len(self.rows)

    def after(self, row: int) -> SynBatch:
        """The batch from this row on."""
        return self if row == 0 else SynBatch(self.rows[row:], self.lengths[row:], self.states[row:], self.tags[row:])

    def frame(self, row: int) -> tuple[bytes, ChecksumState, int | None]:
        """One of the frames, as a link gives it."""
        tag, length = int(self.tags[row]), int(self.lengths[row])
        data = self.rows[row, FRAME_AT : FRAME_AT + length].tobytes()
        return data, STATES[self.states[row]], None if tag == NO_TAG else tag


class Syns(NamedTuple):
    """Plain SYNs of one version of IP, by columns; `places` are their rows in the batch."""

    version: int
    places: Column
    words: NDArray[np.uint32]  # big-endian; a row is a frame behind two bytes
    ports: Column  # the peer's in the high half
    sequence: Column
    mss: Column  # 0: none
    scale: Column  # -1: none
    sack: Choice
    timestamp: Column  # -1: none

    def __len__(self) -> int:
        return len(self.places)

    @property
    def local_ports(self) -> Column:
        return self.ports & 0xFFFF

    def word(self, number: int) -> Column:
        """One of the 32-bit words of each row."""
        return self.words[:, number].astype(np.int64)

    def octets(self, start: int, end: int) -> NDArray[np.uint8]:
        """Some bytes of each frame, by their places in a row."""
        return np.ascontiguousarray(self.words.view(np.uint8)[:, start:end])

    def where(self, chosen: Choice) -> Syns:
        """Those that are chosen."""
        if chosen.all():
            return self
        return Syns(
            self.version,
            self.places[chosen],
            self.words[chosen],
            self.ports[chosen],
            self.sequence[chosen],
            self.mss[chosen],
            self.scale[chosen],
            self.sack[chosen],
            self.timestamp[chosen],
        )


def plain_syns(batch: SynBatch, version: int) -> Syns:
    """The plain SYNs of a batch whose IP has this version."""
    words: NDArray[np.uint32] = batch.rows.view(">u4")
    first, kind = words[:, 4] >> 24, words[:, 3] & 0xFFFF
    looks = (kind == 0x0800) & (first == 0x45) if version == 4 else (kind == 0x86DD) & (first >> 4 == 6)
    places = np.flatnonzero(looks & (batch.tags == NO_TAG))
    if len(places) < len(batch):
        words = words[places]
        if not len(places):
            return _none_of(version, words)
    at = TCP_AT[version]
    columns = words[:, : at + 5].T.astype(np.int64, order="C")  # one after the other, so that sums run along memory
    sizes = columns[at + 3] >> 28 << 2
    sound = _is_sound4(columns, sizes) if version == 4 else _is_sound6(columns, sizes)
    sound &= columns[at + 3] >> 16 & (FIN | SYN | RST | PSH | ACK | URG) == SYN
    sound &= (sizes >= HEADER_LENGTH) & (4 * at - FRAME_AT + sizes <= batch.lengths[places])
    options = read_options(words.view(np.uint8), 4 * at + HEADER_LENGTH, sizes - HEADER_LENGTH, sound)
    sound &= options.in_order
    sound &= (batch.states[places] != 0) | _sums_up(columns, words, at, sizes)
    return Syns(version, places, words, columns[at], columns[at + 1], *options[1:]).where(sound)


def _none_of(version: int, words: NDArray[np.uint32]) -> Syns:
    nothing: Column = np.zeros(0, np.int64)
    return Syns(version, nothing, words, nothing, nothing, nothing, nothing, nothing != 0, nothing)


def _is_sound4(columns: Column, sizes: Column) -> Choice:
    """The IPv4 header: whole packets of TCP that end where their header says (RFC 791)."""
    sound: Choice = (columns[4] & 0xFFFF == 20 + sizes) & (columns[5] & 0xBFFF == 0) & (columns[6] >> 16 & 0xFF == TCP)
    sound &= columns[4:9].sum(axis=0) % 0xFFFF == 0
    return sound


def _is_sound6(columns: Column, sizes: Column) -> Choice:
    """The IPv6 header, followed by TCP (RFC 8200 §3)."""
    sound: Choice = (columns[5] >> 16 == sizes) & (columns[5] >> 8 & 0xFF == TCP)
    return sound


def _sums_up(columns: Column, words: NDArray[np.uint32], at: int, sizes: Column) -> Choice:
    """Whether the TCP checksum holds: 2**16 ≡ 1 (mod 65535), so that words of any width may be added (RFC 1071)."""
    addresses = ADDRESSES_AT[4] if at == TCP_AT[4] else ADDRESSES_AT[6]
    total = columns[addresses : at + 5].sum(axis=0) + TCP + sizes
    for number in range(HEADER_LENGTH, int(sizes.max(initial=0)), 4):
        total += np.where(sizes > number, words[:, at + number // 4], 0)
    holds: Choice = total % 0xFFFF == 0
    return holds
