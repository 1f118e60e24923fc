"""Initial sequence numbers: they grow with time within a flow and say nothing of other flows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.tcp.isn import TICKS_PER_SECOND, flow_secrets, shared_offset
from honeystack.net.tcp.seq import diff

KEY = bytes(range(12))
SECRET = b"s" * 32


@given(st.floats(0, 1e7), st.floats(0.001, 1000))
def test_a_later_connection_of_a_flow_begins_later(now: float, wait: float) -> None:
    step = diff(flow_secrets(SECRET, KEY, now + wait)[0], flow_secrets(SECRET, KEY, now)[0])
    assert abs(step - wait * TICKS_PER_SECOND) <= 2


# MUST-9
def test_flows_and_secrets_differ_in_both_numbers() -> None:
    base = flow_secrets(SECRET, KEY, 5.0)
    assert len({base, flow_secrets(SECRET, KEY[::-1], 5.0), flow_secrets(b"t" * 32, KEY, 5.0)}) == 3
    assert flow_secrets(SECRET, KEY, 9.0)[1] == base[1]


def test_the_numbers_fit_thirty_two_bits() -> None:
    for now in (0.0, 1e3, 1e9):
        assert all(0 <= number < 2**32 for number in flow_secrets(SECRET, KEY, now))


def test_a_shared_clock_begins_at_a_secret_time() -> None:
    assert 0 <= shared_offset(SECRET) < 2**32
    assert shared_offset(SECRET) != shared_offset(b"t" * 32)
