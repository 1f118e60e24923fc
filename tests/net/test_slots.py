"""What of the kernel's slots can be tried without a kernel; tests/live/test_ring.py does the rest."""

from __future__ import annotations

import socket
from struct import pack
from typing import Any

import pytest

from honeystack.net import slots
from honeystack.net.link import ChecksumState, ReceivedFrame
from honeystack.net.slots import HEADER, STATUS_COPY, STATUS_USER, STATUS_VLAN_VALID, Slots, make_slots

SIZE, START = 256, 66


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (slots.STATUS_USER, ChecksumState.UNKNOWN),
        (slots.STATUS_USER | slots.STATUS_CSUM_VALID, ChecksumState.VALID),
        (slots.STATUS_USER | slots.STATUS_GSO_TCP, ChecksumState.VALID),
        (slots.STATUS_USER | slots.STATUS_CSUMNOTREADY | slots.STATUS_GSO_TCP, ChecksumState.PARTIAL),
    ],
)
def test_the_status_tells_of_the_checksum(status: int, state: ChecksumState) -> None:
    assert slots.checksum_state(status) is state


def left_behind(*slots: bool) -> Any:
    """A ring as its last reader left it: which slots hold frames that nobody has read."""
    ring: Any = object.__new__(Slots)
    ring.memory = bytearray(len(slots) * SIZE)
    ring.size, ring.end, ring.at, ring.dropped = SIZE, len(ring.memory), 0, 0
    for number, filled in enumerate(slots):
        ring.memory[number * SIZE] = STATUS_USER if filled else 0
    return ring


@pytest.mark.parametrize(
    ("slots", "place"),
    [((0, 0, 1, 1), 2), ((1, 0, 0, 1), 3), ((1, 1, 0, 0), 0), ((0, 1, 0, 0), 1)],
    ids=["at the end", "over the end", "at the beginning", "one"],
)
def test_a_ring_is_taken_over_where_its_last_reader_stopped(slots: tuple[bool, ...], place: int) -> None:
    ring = left_behind(*slots)
    assert ring.find_place()
    assert ring.at == place * SIZE


def test_an_empty_ring_does_not_tell_where_the_kernel_is() -> None:
    ring = left_behind(False, False)
    assert not ring.find_place()


def test_a_ring_that_is_full_of_old_frames_is_given_up() -> None:
    ring = left_behind(True, True, True)
    assert not ring.find_place()
    assert ring.dropped == 3
    assert not any(ring.memory)


class Packets:
    """Stands for a packet socket: keeps the options that are set, has whole frames in its queue."""

    def __init__(self, *queue: bytes, privileged: bool = True) -> None:
        self.queue = list(queue)
        self.privileged = privileged
        self.options: dict[int, Any] = {}
        self.asked = 0

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        if option == slots.SO_RCVBUFFORCE and not self.privileged:
            raise PermissionError
        self.options[option] = value

    def getsockopt(self, level: int, option: int, size: int = 4) -> Any:
        self.asked += 1
        return pack("=II", 10, 3) if size == 8 else 0

    def recv(self, size: int) -> bytes:
        if not self.queue:
            raise BlockingIOError
        return self.queue.pop(0)[:size]

    def recv_into(self, buffer: bytearray, size: int) -> int:
        data = self.recv(size)
        buffer[: len(data)] = data
        return len(data)


def filled(packets: Packets, count: int = 4) -> Any:
    """Slots in plain memory, all of them the kernel's."""
    ring = left_behind(*([False] * count))
    ring._packets, ring._copy, ring._adrift, ring.frames = packets, bytearray(1 << 16), False, 0
    return ring


def put(ring: Any, slot: int, data: bytes, *, status: int = 0, length: int | None = None, **fields: int) -> None:
    """What the kernel does when a frame arrives."""
    at = slot * SIZE
    when, tag, kind = (fields.get(name, 0) for name in ("when", "tag", "kind"))
    ring.memory[at + START : at + START + len(data)] = data
    length = len(data) if length is None else length
    HEADER.pack_into(ring.memory, at, STATUS_USER | status, length, len(data), START, START + 14, 1, when, tag, kind)


def test_frames_are_taken_in_turn_and_their_slots_given_back() -> None:
    ring, stamps = filled(Packets()), []
    for slot, data in enumerate([b"one", b"two", b"three"]):
        put(ring, slot, data, when=slot)
    assert [frame.data for frame in ring.take(2, stamps)] == [b"one", b"two"]
    assert (stamps, ring.waiting(), ring.crowded(1), ring.crowded(2)) == ([10**9, 10**9 + 1], True, True, False)
    put(ring, 3, b"four")
    put(ring, 0, b"five")
    assert [frame.data for frame in ring.take(9)] == [b"three", b"four", b"five"]
    assert not ring.waiting()
    assert ring.frames == 5


def test_what_does_not_fit_follows_whole_or_is_lost() -> None:
    ring = filled(Packets(b"x" * 1000, b"of another length"))
    for slot, status in enumerate((STATUS_COPY, STATUS_COPY, STATUS_COPY, 0)):
        put(ring, slot, b"x" * 100, status=status, length=1000)
    assert ring.take(9) == [ReceivedFrame(b"x" * 1000)]
    assert (ring.frames, ring.dropped) == (1, 3)


def test_a_tag_that_the_kernel_took_away_is_told() -> None:
    ring = filled(Packets())
    put(ring, 0, b"plain", tag=0x6007)
    put(ring, 1, b"tagged", status=STATUS_VLAN_VALID, tag=0x6007)
    put(ring, 2, b"of a provider", status=STATUS_VLAN_VALID, tag=7, kind=0x88A8)
    assert [frame.vlan for frame in ring.take(9)] == [None, 0x6007, 0x88A8_0007]


def test_an_error_is_taken_back_when_nothing_came() -> None:
    packets = Packets()
    assert filled(packets).take(9) == []
    assert packets.asked == 1


def test_a_ring_taken_over_empty_goes_where_the_first_frame_is() -> None:
    ring = filled(Packets())
    ring._adrift = True
    assert ring.waiting()  # who asks is to look
    put(ring, 2, b"here")
    assert ring.take(9) == []
    assert [frame.data for frame in ring.take(9)] == [b"here"]
    assert not ring.waiting()


def test_what_a_last_reader_left_in_the_queue_is_thrown_away() -> None:
    packets = Packets(b"one", b"two")
    filled(packets).empty_queue()
    assert packets.queue == []


def test_the_kernels_losses_are_added_up() -> None:
    ring = filled(Packets())
    ring.count_drops()
    ring.count_drops()
    assert ring.dropped == 6


@pytest.mark.parametrize("privileged", [True, False])
def test_a_ring_is_asked_for_in_blocks(privileged: bool) -> None:
    packets: Any = Packets(privileged=privileged)
    make_slots(packets, 2048, SIZE, copies=1000)
    assert packets.options[slots.PACKET_RX_RING] == pack("=IIII", slots.BLOCK, 2, SIZE, 2048)
    assert packets.options[slots.SO_RCVBUFFORCE if privileged else socket.SO_RCVBUF] == 1000
