"""Conduct under attack: every bound holds and is told, honest peers are served, and nobody is harmed through us."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import attrs
import pytest

from honeystack.net.address import AddressSet, Path
from honeystack.net.limits import Limits
from honeystack.net.notices import Accepted, BoundReached, Datagram, HalfOpen, Notice, Readable
from honeystack.net.settings import StackSettings
from honeystack.net.stack import Stack
from honeystack.net.wire.checksum import pseudo_header_sum
from honeystack.net.wire.tcp import ACK, FIN, PSH, SYN, decode_segment, encode_segment
from honeystack.testing import StackPair
from tests.net.frames import (
    OUR_MAC,
    PATH4,
    PATH6,
    PATHS,
    PEER4,
    PEER_MAC,
    US4,
    both,
    cut,
    every_notice,
    ip_frame,
    make_stack,
    notices,
    syn_frame,
    udp_frame,
)
from tests.net.test_hostile_frames import SAMPLES


def source(number: int) -> bytes:
    """The address of a spoofed peer: none is martian, ours, or PEER4."""
    return (0x0B000000 + number).to_bytes(4, "big")


def piece(path: Path, flags: int, seq: int, ack: int, data: bytes = b"", port: int = 40000) -> bytes:
    pseudo = pseudo_header_sum(path.remote, path.local, 6, 0)
    return ip_frame(path, 6, encode_segment(port, 80, seq, ack, flags, 64240, pseudo, b"", data))


def sequence_of_syn_ack(stack: Stack, path: Path, now: float) -> int:
    (sent,) = stack.poll_transmit(now)
    seg = decode_segment(memoryview(sent)[34 if path.version == 4 else 54 :])
    assert seg.flags & (SYN | ACK) == SYN | ACK
    return seg.seq


def shake_hands(stack: Stack, path: Path, port: int, now: float = 1.0) -> int:
    """Returns the sequence number that the peer acknowledges next."""
    stack.receive_frame(syn_frame(path, remote_port=port), now)
    seq = sequence_of_syn_ack(stack, path, now) + 1
    stack.receive_frame(piece(path, ACK, 1001, seq, port=port), now)
    return seq


def bounds(told: list[Notice]) -> Counter[str]:
    return Counter(notice.bound for notice in told if isinstance(notice, BoundReached))


# Every bound of the stack is told by its name, once for each episode.


def fragments(stack: Stack) -> None:
    for ident in range(100):
        stack.receive_frame(ip_frame(PATH4, 17, bytes(800), fragment=0x2000, ident=ident), 1.0)


def half_open(stack: Stack) -> None:
    for number in range(100):
        stack.receive_frame(syn_frame(PATH4._replace(remote=source(number))), 1.0)


def connections(stack: Stack) -> None:
    for number in range(30):
        shake_hands(stack, PATH4._replace(remote=source(number)), 40000)
        stack.poll_transmit(1.0)  # the reset of who gave way


def connections_of_one(stack: Stack) -> None:
    for port in range(1, 5):
        shake_hands(stack, PATH4, port)
    for port in range(5, 30):
        stack.receive_frame(syn_frame(PATH4, remote_port=port), 1.0)


def time_wait(stack: Stack) -> None:
    for port in range(1, 30):
        ack = shake_hands(stack, PATH4, port)
        (conn,) = stack.tcp.flows.values()
        conn.close(1.0)
        stack.poll_transmit(1.0)
        stack.receive_frame(piece(PATH4, ACK | FIN, 1001, ack + 1, port=port), 1.0)
        stack.poll_transmit(1.0)


def buffers(stack: Stack) -> None:
    for port in range(1, 30):
        ack = shake_hands(stack, PATH4, port)
        stack.receive_frame(piece(PATH4, ACK, 1001, ack, bytes(1000), port=port), 1.0)
        stack.poll_transmit(1.0)


def neighbours(stack: Stack) -> None:
    ask = SAMPLES[0]()
    for number in range(100):
        stack.receive_frame(ask.replace(PEER4, source(number)), 1.0)


def remotes(stack: Stack) -> None:
    for number in range(100):
        stack.receive_frame(udp_frame(PATH4._replace(remote=source(number)), b"x"), 1.0)


def unreachable(stack: Stack) -> None:
    for number in range(100):
        stack.receive_frame(ip_frame(PATH4._replace(remote=source(number)), 99, b"x"), 1.0 + number / 10)


REACHED: dict[str, tuple[Callable[[Stack], None], int]] = {
    "fragment_memory": (fragments, 20_000),
    "fragment_datagrams": (fragments, 10),
    "half_open": (half_open, 20),
    "connections": (connections, 10),
    "connections_per_source": (connections_of_one, 4),
    "time_wait": (time_wait, 10),
    "buffer_memory": (buffers, 10_000),
    "neighbours": (neighbours, 10),
    "datagram_remotes": (remotes, 10),
    "icmp_remotes": (unreachable, 10),
}
# Windows, which close instead of giving up anything; a time; and the tables of the floors above, with their own tests.
PATIENCE = {"retries", "keep_alive", "keep_alive_probes"}  # told by the end of the connection
OF_TLS = {"hello_memory", "tls_handshakes", "tls_handshakes_per_source", "certificates_per_second"}
OF_TLS |= {"datagram_hellos", "datagram_hellos_per_second"}
ELSEWHERE = {
    "receive_buffer",
    "send_buffer",
    "scan_sources",
    "datagram_answers_per_second",  # tests.net.test_udp
    "datagram_flows",
    "scan_addresses",  # tests.witness.test_witness
    "scan_addresses_per_source",
    "datagram_queue",
    "path_mtus",  # tests.net.tcp.test_path_mtu
    "aggregates",
    "aggregate_memory",
    "socket_datagrams",  # tests.net.test_datagram
    "socket_flows",
    "backlog",  # tests.test_netstack
    "datagram_memory",
    "told_sources",
    "told_datagrams",
    "told_packets",
    *OF_TLS,
}


@pytest.mark.parametrize("name", REACHED)
def test_each_bound_is_told_once_when_it_is_reached(name: str) -> None:
    reach, limit = REACHED[name]
    stack = make_stack(limits=Limits(**{name: limit}))
    reach(stack)
    told = [notice for notice in notices(stack) if isinstance(notice, BoundReached)]
    assert [(notice.bound, notice.limit) for notice in told] == [(name, limit)]
    assert stack.statistics()["faults"] == 0


def test_no_bound_is_forgotten_here() -> None:
    named = {field.name for field in attrs.fields(Limits) if not field.name.endswith("seconds")}
    assert named - PATIENCE == REACHED.keys() | ELSEWHERE


# Floods


def flood(count: int) -> tuple[Stack, list[Notice]]:
    """SYNs of spoofed sources, and an honest handshake that begins and ends among them."""
    stack, told, cookie = make_stack(), [], 0
    for number in range(count):
        stack.receive_frame(syn_frame(PATH4._replace(remote=source(number))), 1.0 + number / 1e5)
        stack.poll_transmit(1.0)
        told += every_notice(stack)
        if number == count * 3 // 4:
            stack.receive_frame(syn_frame(PATH4), 2.0)
            cookie = sequence_of_syn_ack(stack, PATH4, 2.0)
    stack.receive_frame(piece(PATH4, ACK | PSH, 1001, cookie + 1, b"hello"), 2.1)
    return stack, told + every_notice(stack)


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_flood_of_spoofed_syns_leaves_room_for_an_honest_peer(count: int) -> None:
    stack, told = flood(count)
    assert stack.statistics()["tcp_half_open"] <= Limits().half_open
    assert stack.statistics()["tcp_connections"] == 1
    assert len(stack._paths) <= 16_384  # the paths kept ready
    (accepted,) = (notice for notice in told if isinstance(notice, Accepted))
    assert accepted.connection.path == PATH4
    assert accepted.connection.receive(10, 2.2) == b"hello"
    assert bounds(told) == {"half_open": 1}
    assert sum(isinstance(notice, HalfOpen) for notice in told) <= count


def test_ten_thousand_half_datagrams_stay_within_their_memory() -> None:
    stack = make_stack()
    fragments_of_stack = stack._internet._fragments
    for number in range(10_000):
        path = PATHS[4 + number % 2 * 2]
        stack.receive_frame(cut(path, 17, bytes(2000), ident=number)[0], 1.0)
        assert fragments_of_stack.memory <= Limits().fragment_memory
        assert len(fragments_of_stack) <= Limits().fragment_datagrams
    assert bounds(notices(stack)) == {"fragment_datagrams": 1}
    stack.handle_timeout(100.0)
    assert fragments_of_stack.memory == 0


def test_five_thousand_slow_peers_make_few_notices() -> None:
    stack = make_stack()
    acks = [shake_hands(stack, PATH4, port) for port in range(1, 5001)]
    assert Counter(type(notice) for notice in notices(stack))[Accepted] == 5000
    for turn in range(4):
        for port, ack in enumerate(acks, 1):
            stack.receive_frame(piece(PATH4, ACK, 1001 + turn, ack, b"x", port=port), 2.0 + turn)
        stack.poll_transmit(2.0 + turn)
    assert Counter(type(notice) for notice in notices(stack)) == {Readable: 5000}  # who has not read is told no more
    assert stack.statistics()["tcp_buffer_memory"] == 20_000


# UDP that neither amplifies nor loops


def echoing_pair() -> StackPair:
    ends = [(OUR_MAC, US4), (PEER_MAC, PEER4)]
    stacks = [
        Stack(StackSettings(mac, AddressSet([".".join(map(str, address))]), secret=bytes(32)), rng=random.Random(1))
        for mac, address in ends
    ]
    for stack in stacks:
        stack.udp.listen(None)
    return StackPair(*stacks)


def echo(pair: StackPair) -> int:
    """Let both sides answer all that may be answered with what came; the number of answers."""
    answers = 0
    for side, stack in enumerate(pair.stacks):
        assert isinstance(stack, Stack)
        while pair.notices[side]:
            notice = pair.notices[side].popleft()
            if isinstance(notice, Datagram) and notice.answerable:
                path, ours, theirs = notice.path, notice.local_port, notice.remote_port
                answers += stack.send_datagram(path, ours, theirs, notice.data, pair.now)
    pair.settle()
    return answers


@pytest.mark.parametrize("port", [7, 19, 53, 5000])
def test_two_honeypots_do_not_keep_each_other_busy(port: int) -> None:
    """A spoofed datagram from the echo port of one to the echo port of the other."""
    pair = echoing_pair()
    pair.stacks[0].receive_frame(udp_frame(PATH4, b"ping", local_port=7, remote_port=port), pair.now)
    pair.settle()
    answers = 0
    for _ in range(1000):
        more = echo(pair)
        answers += more
        if not more:
            break
        pair.now += 0.01
    else:
        raise AssertionError("they still answer each other")
    assert answers <= 100
    for _ in range(20):  # nor do they begin again by themselves
        pair.now += 60
        assert echo(pair) == 0


@both
@pytest.mark.parametrize("port", [53, 123, 389, 1900, 11211, 4000])
def test_a_spoofed_victim_gets_no_more_than_was_sent_in_its_name(path: Path, port: int) -> None:
    stack, came = make_stack(), 0
    for number in range(300):
        data = bytes([number & 0xFF]) * 20
        came += len(data)
        stack.receive_frame(udp_frame(path, data, remote_port=port), 1.0 + number / 100)
        for notice in notices(stack):
            if isinstance(notice, Datagram) and notice.answerable:
                for size in (2000, 20, 20):
                    stack.send_datagram(path, 5000, port, bytes(size), 1.0 + number / 100)
    headers = 42 if path.version == 4 else 62
    sent = stack.poll_transmit(5.0)
    assert sum(len(frame) - headers for frame in sent) <= came
    if port != 4000:
        assert len(sent) <= 1


# The same trace twice


def trace() -> Iterator[tuple[float, bytes]]:
    """A hostile trace from a seed: good frames, mutated ones, noise, floods, and pieces of conversations."""
    rng, now = random.Random(99), 1.0
    for number in range(4000):
        now += rng.choice([0.0, 0.001, 0.2, 3.0])
        frame = bytearray(rng.choice(SAMPLES)())
        kind = rng.random()
        if kind < 0.3:
            frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
        elif kind < 0.4:
            frame = bytearray(rng.randbytes(rng.randrange(100)))
        elif kind < 0.7:
            path, flags = rng.choice([PATH4, PATH6]), rng.randrange(64)
            port = rng.randrange(1, 20)
            frame = bytearray(piece(path, flags, 1000 + rng.randrange(9), rng.getrandbits(32), b"x" * number, port))
        elif kind < 0.8:
            frame = bytearray(syn_frame(PATH4._replace(remote=source(rng.randrange(200)))))
        yield now, bytes(frame)


def play() -> list[object]:
    """Everything that the stack says and tells; connections by what they are, not by identity."""
    stack, said = make_stack(sniffer=True, limits=Limits(half_open=50)), []
    for now, frame in trace():
        stack.handle_timeout(now)
        stack.receive_frame(frame, now)
        said.append((stack.poll_transmit(now), stack.poll_timeout(), [repr(notice) for notice in every_notice(stack)]))
    said.append(stack.statistics())
    return said


def test_the_same_trace_twice_is_the_same_to_the_byte() -> None:
    first = play()
    assert first == play()
    assert isinstance(first[-1], dict)
    assert first[-1]["faults"] == 0
    assert sum(len(each[0]) for each in first[:-1] if isinstance(each, tuple)) > 500
