"""Every truncation and every bit flip of a legal exchange is contained and counted; who stands by is unharmed."""

from __future__ import annotations

import itertools

import pytest

from honeystack.net.address import Path
from honeystack.net.notices import Accepted, Anomaly, Closed
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST
from tests.net.frames import FATES, both, every_notice, make_stack, notices, syn_frame
from tests.net.test_conduct import piece, sequence_of_syn_ack, shake_hands


class Bystander:
    """A stack with a living connection that is to survive, and exchanges beside it that go wrong."""

    def __init__(self, path: Path) -> None:
        self.stack, self.path, self.frames = make_stack(), path, 2
        self.ack = shake_hands(self.stack, path, 60000)
        (accepted,) = (notice for notice in notices(self.stack) if isinstance(notice, Accepted))
        self.connection = accepted.connection
        self.ports = itertools.count(1)

    def give(self, frame: bytes, state: ChecksumState = ChecksumState.UNKNOWN) -> None:
        self.stack.receive_frame(frame, 2.0, checksum=state)
        self.frames += 1

    def exchange(self, stop: int) -> bytes:
        """Play a legal exchange from a new port up to a frame, which is returned instead of given."""
        port = next(self.ports) % 50_000 + 1
        frame, ack = syn_frame(self.path, remote_port=port), 0
        for number in range(stop):
            self.give(frame)
            if number == 0:
                ack = sequence_of_syn_ack(self.stack, self.path, 2.0) + 1
            self.stack.poll_transmit(2.0)
            follow = [(ACK, 0, b""), (ACK | PSH, 0, b"data"), (ACK | FIN, 4, b""), (RST | ACK, 5, b"")][number]
            frame = piece(self.path, follow[0], 1001 + follow[1], ack, follow[2], port)
        return frame

    def check(self) -> None:
        statistics = self.stack.statistics()
        assert statistics["frames_in"] == self.frames == sum(statistics[name] for name in FATES)
        assert statistics["faults"] == 0
        self.stack.poll_transmit(2.0)
        notices(self.stack)
        self.give(piece(self.path, ACK | PSH, 1001, self.ack, b"still here", 60000))
        assert self.connection.receive(100, 2.0) == b"still here"


@both
@pytest.mark.parametrize("stop", range(5), ids=["SYN", "ACK", "data", "FIN", "RST"])
def test_an_exchange_may_be_cut_at_any_byte(path: Path, stop: int) -> None:
    scene = Bystander(path)
    for length in range(len(scene.exchange(stop))):
        scene.give(scene.exchange(stop)[:length])
    scene.check()


@both
@pytest.mark.parametrize("state", [ChecksumState.UNKNOWN, ChecksumState.VALID])
@pytest.mark.parametrize("stop", range(5), ids=["SYN", "ACK", "data", "FIN", "RST"])
def test_every_bit_flip(path: Path, stop: int, state: ChecksumState) -> None:
    scene = Bystander(path)
    for bit in range(len(scene.exchange(stop)) * 8):
        frame = bytearray(scene.exchange(stop))
        frame[bit // 8] ^= 1 << bit % 8
        scene.give(bytes(frame), state)
        scene.stack.poll_transmit(2.0)
        for notice in every_notice(scene.stack):
            assert not (isinstance(notice, Closed) and notice.connection is scene.connection)
            assert not isinstance(notice, Anomaly) or notice.path.version == path.version
    scene.check()
