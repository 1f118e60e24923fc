"""UDP: listening, and that nothing here amplifies or loops."""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.address import Path
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached, Datagram, Notice, Scanned
from honeystack.net.output import Output
from honeystack.net.udp import MAX_ECHOES, WINDOW, Udp
from honeystack.net.wire.ipv4 import decode_ipv4
from honeystack.net.wire.udp import UdpDatagram, decode_udp, encode_udp
from tests.net.frames import PATH4, PATH6, PATHS, packed, received


class Bench:
    def __init__(self, **limits: int) -> None:
        self.output = Output(mtu=1500, ttl=64, rng=random.Random(1))
        self.notices: deque[Notice] = deque()
        self.udp = Udp(self.output, self.notices, Limits(**limits))
        self.udp.listen(None)

    def receive(
        self,
        data: bytes = b"question",
        *,
        now: float = 0.0,
        path: Path = PATH4,
        local_port: int = 5000,
        remote_port: int = 40000,
        unicast: bool = True,
    ) -> Datagram | None:
        """Give a datagram to the house; the notice it makes."""
        segment = encode_udp(UdpDatagram(remote_port, local_port, data), path.remote, path.local)
        self.udp.receive(received(path, 17, segment, unicast=unicast), now)
        datagrams = [notice for notice in self.notices if isinstance(notice, Datagram)]
        self.notices.clear()
        return datagrams[-1] if datagrams else None

    def send(self, data: bytes, *, now: float = 0.0, path: Path = PATH4, port: int = 40000) -> bool:
        return self.udp.send(path, 5000, port, data, now)


def test_a_service_may_ask_for_a_multiple_of_what_has_come() -> None:
    bench = Bench()
    bench.receive(b"ask")
    assert not bench.udp.send(PATH4, 5000, 40000, b"12345678901", 0.0, amplification=3.0)
    assert bench.udp.send(PATH4, 5000, 40000, b"123456789", 0.0, amplification=3.0)
    assert not bench.send(b"1")


@pytest.mark.parametrize("path", PATHS.values())
def test_a_datagram_is_told_and_answered(path: Path) -> None:
    bench = Bench()
    assert bench.receive(path=path) == Datagram(path, 5000, 40000, b"question", answerable=True)
    assert bench.send(b"answer", path=path)
    (frame,) = bench.output.drain()
    segment = frame[34:] if path.version == 4 else frame[54:]
    assert decode_udp(segment, path.local, path.remote) == UdpDatagram(5000, 40000, b"answer")


def test_every_datagram_is_food_for_scan_detection() -> None:
    bench = Bench()
    segment = encode_udp(UdpDatagram(1, 2, b""), PATH4.remote, PATH4.local)
    bench.udp.unlisten(None)
    assert not bench.udp.receive(received(PATH4, 17, segment), 0.0)
    assert list(bench.notices) == [Scanned(PATH4, "udp", 2, 1)]


def test_ports_listen_and_stop_listening() -> None:
    bench = Bench()
    bench.udp.unlisten(None)
    assert bench.receive() is None
    bench.udp.listen(5000)
    assert bench.receive() is not None
    assert bench.receive(local_port=5001) is None
    bench.udp.unlisten(5000)
    bench.udp.unlisten(5000)
    assert bench.receive() is None


def test_port_zero_is_closed_and_told_of() -> None:
    """Nobody can bind it, so that a Linux host answers that it cannot be reached."""
    bench = Bench()
    assert not bench.udp.listens(0)
    told = bench.receive(b"odd", local_port=0)
    assert told is not None
    assert (told.local_port, told.data, told.answerable) == (0, b"odd", False)
    bench.udp.unlisten(None)
    assert bench.receive(b"odd", local_port=0) is None


def test_a_broken_datagram_is_malformed() -> None:
    with pytest.raises(Malformed):
        Bench().udp.receive(received(PATH4, 17, b"1234567"), 0.0)


def test_a_group_and_port_zero_are_not_answered() -> None:
    told = Bench().receive(unicast=False)
    assert told is not None
    assert not told.answerable
    told = Bench().receive(remote_port=0)
    assert told is not None
    assert not told.answerable
    bench = Bench()
    bench.receive()
    assert not bench.send(b"x", port=0)


def test_no_more_bytes_go_out_than_came_in() -> None:
    bench = Bench()
    assert not bench.send(b"") or bench.output.drain()
    assert not bench.send(b"unasked")
    bench.receive(b"12345")
    assert not bench.send(b"123456")
    assert bench.send(b"123")
    assert not bench.send(b"123")
    assert bench.send(b"12")
    assert not bench.send(b"1")


def test_the_budget_is_of_the_address_not_of_the_port_and_not_of_another() -> None:
    bench = Bench()
    bench.receive(b"12345")
    assert not bench.send(b"1", path=PATH4._replace(remote=packed("10.0.0.3")))
    assert bench.send(b"12345", port=40001)


def test_a_late_answer_still_has_its_budget_and_old_answers_do_not_count_twice() -> None:
    bench = Bench()
    bench.receive(b"12345", now=0.0)
    assert bench.send(b"12", now=WINDOW + 1)
    assert not bench.send(b"1234", now=WINDOW + 1)
    assert bench.send(b"123", now=2 * WINDOW + 2)
    assert not bench.send(b"1", now=3 * WINDOW + 3)


def test_answers_to_one_address_are_rate_limited() -> None:
    bench = Bench()
    for _ in range(300):
        bench.receive(b"1")
    assert sum(bench.send(b"1") for _ in range(300)) == 2 * Limits().datagram_answers_per_second
    assert bench.send(b"1", now=0.01)
    assert not bench.send(b"1", now=0.01)
    assert list(bench.notices) == [
        BoundReached("datagram_answers_per_second", Limits().datagram_answers_per_second, PATH4)
    ]
    assert not bench.send(b"1", now=0.015)
    assert len(bench.notices) == 1


def test_the_rate_of_answers_is_a_setting() -> None:
    bench = Bench(datagram_answers_per_second=3)
    for number in range(20):
        bench.receive(bytes([number]))
    assert sum(bench.send(b"1") for _ in range(20)) == 6
    assert sum(bench.send(b"1", now=1.0) for _ in range(20)) == 3


@pytest.mark.parametrize("port", [7, 17, 19, 53, 123])
def test_a_reflector_is_answered_once_in_a_window(port: int) -> None:
    bench = Bench()
    first = bench.receive(remote_port=port)
    assert first is not None
    assert first.answerable
    assert bench.send(b"answer", port=port)
    again = bench.receive(remote_port=port)
    assert again is not None
    assert not again.answerable
    assert not bench.send(b"answer", port=port)
    later = bench.receive(remote_port=port, now=WINDOW + 1)
    assert later is not None
    assert later.answerable


@pytest.mark.parametrize("loops", [[b"ping"], [b""], [b"one", b"two", b"three"]])
def test_echo_services_do_not_keep_each_other_busy(loops: list[bytes]) -> None:
    bench, rounds, alive = Bench(), 0, deque(loops)
    while alive:
        told = bench.receive(alive.popleft(), remote_port=5000)
        assert told is not None
        if told.answerable and bench.send(told.data, port=5000):
            alive.append(told.data)
            rounds += 1
    assert rounds == MAX_ECHOES + len(loops)
    fresh = bench.receive(b"something else")
    assert fresh is not None
    assert not fresh.answerable
    again = bench.receive(loops[0], now=WINDOW + 1)
    assert again is not None
    assert again.answerable


@pytest.mark.parametrize("delay", [0.0, 0.015, 1.0, 10.0, 59.0])
@pytest.mark.parametrize("data", [b"loop me please", b""])
def test_a_loop_ends_whoever_asks_for_its_answers_and_however_slow_its_peer_is(data: bytes, delay: float) -> None:
    """A service that does not look at whether it may answer is stopped where it sends."""
    bench, rounds = Bench(), 0
    bench.receive(data)
    while bench.send(data, now=rounds * delay):
        rounds += 1
        bench.receive(data, now=rounds * delay)
        assert rounds <= MAX_ECHOES + 1
    assert rounds == MAX_ECHOES + 1


def test_who_loops_has_no_answer_of_any_kind_until_the_window_is_over() -> None:
    bench = Bench()
    for _ in range(MAX_ECHOES + 2):
        bench.receive()
        bench.send(b"question")
    assert not bench.send(b"other", port=40001)
    assert bench.send(b"", path=PATH4._replace(remote=packed("10.0.0.3")))  # who does not is answered
    bench.receive(now=WINDOW + 1)
    assert bench.send(b"question", now=WINDOW + 1)


def test_rare_repetition_is_no_loop() -> None:
    bench = Bench()
    for minute in range(0, 5 * MAX_ECHOES, 2):
        bench.receive(b"ping", now=minute * WINDOW)
        assert bench.send(b"ping", now=minute * WINDOW)


def test_a_datagram_that_cannot_exist_is_not_sent() -> None:
    bench = Bench()
    bench.receive(bytes(65507))
    assert not bench.send(bytes(65508))
    assert bench.send(bytes(65507))
    assert decode_ipv4(bench.output.drain()[0][14:]).more_fragments
    bench.receive(bytes(65527), path=PATH6)
    assert bench.send(bytes(65527), path=PATH6)


def test_addresses_remembered_are_bounded_and_that_is_told_once_in_a_window() -> None:
    bench = Bench(datagram_remotes=3)
    for n in range(1, 20):
        path = PATH4._replace(remote=packed(f"10.0.1.{n}"))
        segment = encode_udp(UdpDatagram(1, 2, b"x"), path.remote, path.local)
        bench.udp.receive(received(path, 17, segment), 0.0)
    assert len(bench.udp._guard) == 3
    bounds = [notice for notice in bench.notices if isinstance(notice, BoundReached)]
    assert [(notice.bound, notice.limit) for notice in bounds] == [("datagram_remotes", 3)]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 2000), st.sampled_from([7, 40000]), st.floats(0, 30)), max_size=60)
)
def test_whatever_happens_no_address_gets_more_than_it_sent(steps: list[tuple[bool, int, int, float]]) -> None:
    bench, now, bytes_in, bytes_out = Bench(), 0.0, 0, 0
    for inbound, size, port, pause in steps:
        now += pause
        if inbound:
            bench.receive(bytes(size), now=now, remote_port=port)
            bytes_in += size
        elif bench.send(bytes(size), now=now, port=port):
            bytes_out += size
        assert bytes_out <= bytes_in
