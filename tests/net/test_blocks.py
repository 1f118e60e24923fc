"""Blocks go out frame by frame as they lie in memory."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest

from honeystack.net.blocks import MESSAGES, BlockMessages
from honeystack.net.sendmmsg import BatchSender
from honeystack.net.wire.syn_acks import FrameBlock


def block(count: int) -> FrameBlock:
    rows = np.arange(count * 76, dtype=np.uint64).astype(np.uint8).reshape(count, 76)
    return FrameBlock(rows, 58 + np.arange(count, dtype=np.int64) % 3 * 4)


@pytest.fixture
def pair() -> Any:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def drained(theirs: socket.socket) -> list[bytes]:
    found = []
    try:
        while True:
            found.append(theirs.recv(200))
    except BlockingIOError:
        return found


def send(sender: BatchSender, messages: BlockMessages, frames: FrameBlock) -> None:
    for start, count in messages.of(frames):
        sender.send_messages(start, count)


def test_each_frame_is_sent_with_its_length(pair: Any) -> None:
    ours, theirs = pair
    sender, messages = BatchSender(ours, 1500), BlockMessages()
    for count in (5, 1, 8):
        send(sender, messages, block(count))
        assert drained(theirs) == block(count).frames()
    assert (sender.sent, sender.dropped) == (14, 0)


def test_what_is_not_taken_is_counted_as_lost(pair: Any) -> None:
    ours, theirs = pair
    sender = BatchSender(ours, 1500)
    theirs.close()
    send(sender, BlockMessages(), block(3))
    assert (sender.sent, sender.dropped) == (0, 3)


def test_more_than_one_call_takes_go_in_several() -> None:
    frames, found = block(2 * MESSAGES + 7), []
    messages = BlockMessages()
    for start, count in messages.of(frames):
        first = int(messages._vectors[0, 0]) - frames.rows.ctypes.data
        found.append((start, first // 76, first % 76, count))
    assert [each[1:] for each in found] == [(0, 2, MESSAGES), (MESSAGES, 2, MESSAGES), (2 * MESSAGES, 2, 7)]
    assert len({start for start, *_ in found}) == 1
