"""A batch is what would have been taken one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from honeystack.net.link import ChecksumState, ReceivedFrame
from honeystack.net.slots import (
    STATUS_COPY,
    STATUS_CSUM_VALID,
    STATUS_CSUMNOTREADY,
    STATUS_GSO_TCP,
    STATUS_VLAN_VALID,
)
from honeystack.net.syn_slots import MAX_ODD, read_batch
from honeystack.net.wire.syn_batch import LONGEST, SynBatch
from tests.net.test_slots import START, Packets, filled, put


def frames_of(batch: SynBatch) -> list[ReceivedFrame]:
    return [ReceivedFrame(*batch.frame(row)) for row in range(len(batch))]


def loaded(count: int, *queue: bytes, size: int = 64) -> Any:
    """A ring where so many frames wait, each with its number."""
    ring = filled(Packets(*queue), size)
    for slot in range(count):
        put(ring, slot, slot.to_bytes(2, "big") * 30)
    return ring


def test_frames_are_taken_in_their_order_up_to_the_limit() -> None:
    ring, other = loaded(10), loaded(10)
    batch, apart = read_batch(ring, 6)
    assert frames_of(batch) == other.take(6)
    assert (apart, ring.frames, ring.at) == ([], 6, other.at)
    assert ring.memory == other.memory
    assert frames_of(read_batch(ring, 6)[0]) == other.take(6)
    assert not ring.waiting()


def test_the_end_of_the_memory_ends_a_batch() -> None:
    ring = loaded(64)
    ring.at = 60 * ring.size
    assert len(read_batch(ring, 50)[0]) == 4
    assert ring.at == 0
    assert len(read_batch(ring, 100)[0]) == 60
    assert len(read_batch(ring, 100)[0]) == 0
    assert ring.frames == 64


def test_what_the_kernel_says_of_each_goes_with_it() -> None:
    ring, other = (filled(Packets(), 8) for _ in range(2))
    for each in (ring, other):
        put(each, 0, b"one", status=STATUS_CSUM_VALID)
        put(each, 1, b"two", status=STATUS_CSUMNOTREADY | STATUS_GSO_TCP)
        put(each, 2, b"three", status=STATUS_GSO_TCP)
        put(each, 3, b"four", status=STATUS_VLAN_VALID, tag=0x6007)
        put(each, 4, b"five", status=STATUS_VLAN_VALID, tag=7, kind=0x88A8)
        put(each, 5, b"six", status=STATUS_VLAN_VALID, tag=0x6000)
    assert frames_of(read_batch(ring, 8)[0]) == other.take(8)


def test_what_fits_into_no_row_comes_apart() -> None:
    ring = loaded(6, b"x" * 1000)
    put(ring, 1, b"y" * (LONGEST + 1))
    put(ring, 2, b"x" * 150, status=STATUS_COPY, length=1000)
    put(ring, 3, b"x" * 150, length=1000)
    put(ring, 5, b"z" * LONGEST)
    batch, apart = read_batch(ring, 9)
    assert [frame.data for frame in frames_of(batch)] == [bytes(60), b"\0\4" * 30, b"z" * LONGEST]
    assert apart == [ReceivedFrame(b"y" * (LONGEST + 1)), ReceivedFrame(b"x" * 1000)]
    assert (ring.frames, ring.dropped, ring.waiting()) == (5, 1, False)
    assert ring.at == 6 * ring.size


def test_a_frame_at_another_place_comes_apart() -> None:
    ring = loaded(3)
    ring.memory[ring.size + 12 : ring.size + 14] = (START + 4).to_bytes(2, "little")
    batch, apart = read_batch(ring, 9)
    assert (len(batch), len(apart)) == (2, 1)
    assert batch.frame(1)[1] is ChecksumState.UNKNOWN


def test_many_that_fit_into_no_row_end_a_batch() -> None:
    ring = loaded(0, size=512)
    for slot in range(400):
        put(ring, slot, b"y" * (LONGEST + 1) if slot % 2 else b"plain")
    batch, apart = read_batch(ring, 400)
    assert (len(batch), len(apart)) == (MAX_ODD, MAX_ODD)
    assert ring.at == 2 * MAX_ODD * ring.size
    assert ring.waiting()


def test_no_memory_of_the_ring_is_kept() -> None:
    ring = loaded(4)
    batch, _ = read_batch(ring, 4)
    ring.memory[:] = bytes(len(ring.memory))
    assert frames_of(batch)[3].data == b"\0\3" * 30
    assert batch.rows.base is None or not np.shares_memory(batch.rows, np.frombuffer(ring.memory, np.uint8))
    ring.memory.clear()  # nobody holds on to it, or this is refused
