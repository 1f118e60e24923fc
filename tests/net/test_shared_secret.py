"""Stacks with one secret and one clock stand in for each other: what one has promised, another keeps."""

from __future__ import annotations

import pytest

from honeystack.net.limits import Limits
from honeystack.net.notices import Accepted
from honeystack.net.stack import Stack
from honeystack.net.wire.tcp import ACK, PSH
from tests.net.frames import PATHS, answer, ip_frame, make_stack, notices, segment, syn_frame


def worker(secret: bytes = b"shared" * 5) -> Stack:
    """A stack as in a process of its own, in a flood: its table of handshakes is full, and it answers with cookies."""
    stack = make_stack(secret=secret, limits=Limits(half_open=1))
    for port in (1, 2):
        stack.receive_frame(syn_frame(PATHS[4], remote_port=port), 1.0)
    stack.poll_transmit(1.0)
    return stack


def accepted(stack: Stack) -> int:
    return sum(isinstance(notice, Accepted) for notice in notices(stack))


@pytest.mark.parametrize("version", [4, 6])
def test_a_cookie_of_one_opens_a_connection_at_another(version: int) -> None:
    first, second, path = worker(), worker(), PATHS[version]
    first.receive_frame(syn_frame(path), 1.0)
    _, _, cookie, _ = answer(first, path)
    second.receive_frame(ip_frame(path, 6, segment(path, ACK | PSH, 1001, cookie + 1, b"hello")), 1.0)
    assert accepted(second) == 1


def test_a_cookie_of_another_honeypot_opens_nothing() -> None:
    first, second, path = worker(b"one" * 10), worker(b"other" * 6), PATHS[4]
    first.receive_frame(syn_frame(path), 1.0)
    _, _, cookie, _ = answer(first, path)
    second.receive_frame(ip_frame(path, 6, segment(path, ACK, 1001, cookie + 1)), 1.0)
    assert accepted(second) == 0


def test_sequence_numbers_of_a_flow_go_on_at_the_next() -> None:
    """RFC 6528 §3: a new connection of the same flow begins above the old one, whoever answers."""
    path, numbers = PATHS[4], []
    for moment in (1.0, 2.0):
        stack = make_stack(secret=bytes(range(32)))
        stack.receive_frame(syn_frame(path), moment)
        numbers.append(answer(stack, path)[2])
    assert numbers[1] - numbers[0] == 250_000
