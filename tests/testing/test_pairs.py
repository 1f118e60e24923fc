"""The pump of two pure stacks: time, order, and 50 bad wires that TCP has to overcome."""

from __future__ import annotations

import random
from collections import deque
from ipaddress import ip_address

import pytest

from honeystack.net.address import AddressSet, Path
from honeystack.net.notices import Accepted, BoundReached, Notice
from honeystack.net.settings import StackSettings
from honeystack.net.stack import Stack
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.state import State
from honeystack.testing import Impairment, StackPair

MACS = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
ENDS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
LOSSY = Impairment(loss=0.05, delay=0.01, jitter=0.005, reorder=0.02)


class Echoing:
    """Sends each frame back `left` times."""

    def __init__(self, left: int = 0, deadline: float | None = None) -> None:
        self.left = left
        self.out: list[bytes] = []
        self.deadline = deadline
        self.timeouts: list[float] = []
        self.notices: deque[Notice] = deque()

    def receive_frame(self, frame: bytes, now: float) -> None:
        self.notices.append(BoundReached("frame", len(frame), None))
        if self.left:
            self.left -= 1
            self.out.append(frame)

    def handle_timeout(self, now: float) -> None:
        self.timeouts.append(now)
        self.deadline = None

    def poll_transmit(self, now: float) -> list[bytes]:
        out, self.out = self.out, []
        return out

    def poll_notice(self) -> Notice | None:
        return self.notices.popleft() if self.notices else None

    def poll_timeout(self) -> float | None:
        return self.deadline


def test_frames_go_to_and_fro_until_nothing_happens() -> None:
    left, right = Echoing(3), Echoing(3)
    pair = StackPair(left, right)
    left.out.append(b"ball")
    pair.settle()
    assert (len(pair.frames[0]), len(pair.frames[1])) == (4, 3)
    assert len(pair.notices[1]) == 4
    assert pair.now == 1.0
    assert not pair.advance()


def test_time_jumps_to_what_comes_next() -> None:
    left, right = Echoing(deadline=5.0), Echoing()
    pair = StackPair(left, right, Impairment(delay=2.0))
    left.out.append(b"ball")
    assert pair.advance()
    assert pair.now == 3.0
    assert pair.advance()
    assert left.timeouts == [5.0]
    assert not pair.advance()


def test_what_never_happens_is_told() -> None:
    with pytest.raises(AssertionError, match="not done"):
        StackPair(Echoing(), Echoing()).run_until(lambda: False)
    with pytest.raises(AssertionError, match="not done"):
        StackPair(Echoing(deadline=500.0), Echoing()).run_until(lambda: False, bound=100)


class Transfer:
    """A client and a server that each send `data`, read everything and close."""

    def __init__(self, version: int, data: bytes, impairment: Impairment, seed: int) -> None:
        addresses = [ip_address(end) for end in ENDS[version]]
        client, server = [
            Stack(StackSettings(mac, AddressSet([address]), secret=bytes(32)), rng=random.Random(seed))
            for mac, address in zip(MACS, addresses, strict=True)
        ]
        server.tcp.listen(None)
        self.pair = StackPair(client, server, impairment, seed=seed)
        path = Path(version, addresses[0].packed, addresses[1].packed, *MACS)
        self.ends: list[Connection] = [client.tcp.connect(path, 80, 40000, self.pair.now)]
        self.left = {0: data, 1: data}
        self.got = {0: bytearray(), 1: bytearray()}

    def turn(self) -> bool:
        """Do what the users can do now; whether both have read to the end."""
        for notice in self.pair.notices[1]:
            if isinstance(notice, Accepted):
                self.ends.append(notice.connection)
        self.pair.notices[1].clear()
        for side, connection in enumerate(self.ends):
            self.got[side] += connection.receive(1 << 20, self.pair.now)
            if self.left[side] and connection.state >= State.ESTABLISHED:
                self.left[side] = self.left[side][connection.send(self.left[side], self.pair.now) :]
                if not self.left[side]:
                    connection.close(self.pair.now)
        self.pair.settle()
        return len(self.ends) == 2 and all(c.eof_received and not c.readable for c in self.ends)


@pytest.mark.parametrize("seed", range(50))
def test_a_transfer_over_a_bad_wire_arrives_whole(seed: int) -> None:
    data = random.Random(seed).randbytes(100_000)
    transfer = Transfer(4 if seed % 2 else 6, data, LOSSY, seed)
    transfer.pair.run_until(transfer.turn)
    assert transfer.got[0] == transfer.got[1] == data
    transfer.pair.run_until(lambda: not any(stack.tcp.connections for stack in transfer.pair.stacks))
