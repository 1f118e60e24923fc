"""Frames in batches: order, counts, and a kernel that takes some, none or nothing any more."""

from __future__ import annotations

import ctypes
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from honeystack.net.sendmmsg import BATCH, TRIES, BatchSender
from honeystack.net.wire.runs import SuperFrame, make_run, make_super_frame, virtio_header


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    right.setblocking(False)
    with left, right:
        yield left, right


def test_frames_arrive_whole_and_in_order(ends: tuple[socket.socket, socket.socket]) -> None:
    sender = BatchSender(ends[0], 1500)
    frames = [bytes([number]) * length for number, length in enumerate((14, 60, 1518, 1))]
    sender.send(frames)
    sender.send([])
    assert [ends[1].recv(2000) for _ in frames] == frames
    assert (sender.sent, sender.dropped) == (4, 0)


def test_frames_longer_than_the_link_takes_are_not_sent(ends: tuple[socket.socket, socket.socket]) -> None:
    sender = BatchSender(ends[0], 1500)
    sender.send([bytes(1519), b"next"])
    assert ends[1].recv(2000) == b"next"
    assert (sender.sent, sender.dropped) == (1, 1)


def test_a_closed_socket_loses_and_counts(ends: tuple[socket.socket, socket.socket]) -> None:
    sender = BatchSender(ends[0], 1500)
    ends[0].close()
    sender.send([b"x"] * 3)
    assert (sender.sent, sender.dropped) == (0, 3)


class Kernel:
    """Stands for sendmmsg: each call is answered from a script, an errno as a negative number."""

    def __init__(self, *script: int) -> None:
        self.script = list(script)
        self.counts: list[int] = []

    def __call__(self, descriptor: int, headers: Any, count: int, flags: int) -> int:
        self.counts.append(count)
        answer = self.script.pop(0) if self.script else count
        if answer < 0:
            ctypes.set_errno(-answer)
            return -1
        return answer


def sender_on(
    kernel: Kernel, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> BatchSender:
    sender = BatchSender(ends[0], 1500)
    monkeypatch.setattr(sender, "_sendmmsg", kernel)
    return sender


def test_what_was_not_taken_is_offered_again(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(3, -errno.ENOBUFS, 2)
    sender = sender_on(kernel, ends, monkeypatch)
    sender.send([b"x"] * 10)
    assert kernel.counts == [10, 7, 7, 5]
    assert (sender.sent, sender.dropped) == (10, 0)


def test_a_full_queue_is_loss_after_a_few_tries(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(4, *[-errno.ENOBUFS] * TRIES)
    sender = sender_on(kernel, ends, monkeypatch)
    sender.send([b"x"] * 10)
    assert (sender.sent, sender.dropped) == (4, 6)
    sender.send([b"x"])
    assert (sender.sent, sender.dropped) == (5, 6)


def test_an_interface_that_is_down_is_not_asked_twice(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(-errno.ENETDOWN)
    sender = sender_on(kernel, ends, monkeypatch)
    sender.send([b"x"] * 10)
    assert kernel.counts == [10]
    assert sender.dropped == 10


@pytest.mark.parametrize("refusal", [errno.EMSGSIZE, errno.EINVAL, errno.EPERM])
def test_a_frame_that_is_refused_costs_itself_only(
    refusal: int, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(2, -refusal, -errno.ENOBUFS, 5, -refusal)
    sender = sender_on(kernel, ends, monkeypatch)
    sender.send([b"x"] * 10)
    assert kernel.counts == [10, 8, 7, 7, 2, 1]
    assert (sender.sent, sender.dropped) == (8, 2)


def test_every_frame_may_be_refused(ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    sender = sender_on(Kernel(*[-errno.EMSGSIZE] * 3), ends, monkeypatch)
    sender.send([b"x"] * 3)
    assert (sender.sent, sender.dropped) == (0, 3)


def test_frames_follow_a_new_mtu(ends: tuple[socket.socket, socket.socket]) -> None:
    sender = BatchSender(ends[0], 1500)
    sender.resize(9000)
    frames = [bytes([number]) * length for number, length in enumerate((9018, 60, 9000))]
    sender.send(frames)
    assert [ends[1].recv(10_000) for _ in frames] == frames
    sender.resize(576)
    sender.send([bytes(595), bytes(594)])
    assert len(ends[1].recv(10_000)) == 594
    assert (sender.sent, sender.dropped) == (4, 1)


def test_more_than_a_batch_goes_in_several_calls(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel()
    sender = sender_on(kernel, ends, monkeypatch)
    sender.send([b"x"] * (2 * BATCH + 1))
    assert kernel.counts == [BATCH, BATCH, 1]
    assert sender.sent == 2 * BATCH + 1


def super_frame(size: int = 3000) -> SuperFrame:
    header = bytes(12) + b"\x50" + bytes(7)
    return make_super_frame(bytes(34) + header, make_run(header, b"d" * size, 1000, 3), 4)


def test_a_run_goes_with_its_virtio_header_to_its_own_socket(ends: tuple[socket.socket, socket.socket]) -> None:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with left, right:
        sender, frame = BatchSender(ends[0], 1500, runs=left), super_frame()
        sender.send([b"before", frame, b"after"])
        assert right.recv(9000) == virtio_header(frame) + frame + frame.data
        assert [ends[1].recv(9000) for _ in range(2)] == [b"before", b"after"]
        assert (sender.sent, sender.dropped) == (3, 0)


def test_a_run_that_nobody_takes_is_lost_and_counted(ends: tuple[socket.socket, socket.socket]) -> None:
    sender = BatchSender(ends[0], 1500)
    sender.send([super_frame()])
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with left, right:
        full = BatchSender(ends[0], 1500, runs=left)
        full.send([super_frame(60_000)] * 50)  # more than its buffer holds
        assert full.sent + full.dropped == 50
        assert full.dropped
    closed = BatchSender(ends[0], 1500, runs=left)
    closed.send([super_frame()])
    assert (sender.dropped, closed.dropped) == (1, 1)


def test_a_queue_that_empties_slowly_is_waited_for(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = [-errno.ENOBUFS] * (TRIES - 1)
    kernel = Kernel(*full, 1, *full, 1, *full, 1)
    sender = sender_on(kernel, ends, monkeypatch)
    sender.send([b"x"] * 3)
    assert (sender.sent, sender.dropped) == (3, 0)
