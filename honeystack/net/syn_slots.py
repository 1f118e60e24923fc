"""SYNs read from their slots as one batch. Needs numpy.

What is not as usual in a slot (a frame that was cut, or has more bytes than a row) is read by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from honeystack.net.link import ChecksumState, ReceivedFrame
from honeystack.net.slots import (
    STATUS_CSUM_VALID,
    STATUS_CSUMNOTREADY,
    STATUS_GSO_TCP,
    STATUS_USER,
    STATUS_VLAN_VALID,
    Slots,
)
from honeystack.net.wire.ethernet import VLAN_TAG, vlan_of
from honeystack.net.wire.syn_batch import FRAME_AT, LONGEST, NO_TAG, ROW, SynBatch

START = 66  # where the kernel puts an Ethernet frame into a slot: its network header comes to 80
STATUS, LENGTH, KEPT, PLACE, TAG = 0, 1, 2, 3, 6  # 32-bit words of the kernel's header
MAX_ODD = 128  # frames that are read by themselves; the batch ends with them


def read_batch(slots: Slots, limit: int) -> tuple[SynBatch, list[ReceivedFrame]]:
    """Up to `limit` of those that wait, and apart those that fit into no row; their slots go back to the kernel."""
    memory = np.frombuffer(slots.memory, np.uint8).reshape(-1, slots.size)
    first = slots.at // slots.size
    memory = memory[first : first + limit]
    words = memory.view(np.uint32)[:, : TAG + 1]
    words = words[: _leading(words[:, STATUS] & STATUS_USER != 0)].copy()
    kept = words[:, KEPT]
    odd = (kept != words[:, LENGTH]) | (kept > LONGEST) | (words.view(np.uint16)[:, 2 * PLACE] != START)
    count = len(words)
    strange = np.flatnonzero(odd)[:MAX_ODD]
    if len(strange) == MAX_ODD:
        count = int(strange[-1]) + 1
        words, odd = words[:count], odd[:count]
    rows = memory[:count, START - FRAME_AT : START - FRAME_AT + ROW][~odd]
    batch = _batch(rows, words[~odd])
    frames: list[ReceivedFrame] = []
    for place in strange.tolist():
        slots.at = (first + place) * slots.size
        frames += slots.take(1)
    memory.view(np.uint32)[:count, STATUS] = 0
    slots.at = (first + count) * slots.size % slots.end
    slots.frames += len(batch)
    return batch, frames


def _leading(waiting: NDArray[np.bool_]) -> int:
    """How many come before the first slot that is still the kernel's."""
    return len(waiting) if waiting.all() else int(waiting.argmin())


def _batch(rows: NDArray[np.uint8], words: NDArray[np.uint32]) -> SynBatch:
    status = words[:, STATUS]
    states = np.where(status & (STATUS_CSUM_VALID | STATUS_GSO_TCP), ChecksumState.VALID.value, 0)
    states = np.where(status & STATUS_CSUMNOTREADY, ChecksumState.PARTIAL.value, states)
    tags = np.full(len(rows), NO_TAG, np.int64)
    for place in np.flatnonzero(status & STATUS_VLAN_VALID).tolist():
        control, kind = (int(half) for half in words[place, TAG : TAG + 1].view(np.uint16))
        tag = vlan_of(control, kind or VLAN_TAG)
        tags[place] = NO_TAG if tag is None else tag
    return SynBatch(rows, words[:, LENGTH].astype(np.int64), states, tags)
