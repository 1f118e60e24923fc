"""SYN cookies: ours come back, others do not, and the options ride along."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.tcp.cookies import (
    MSS_TABLE,
    PERIOD,
    cookie_mss,
    make_cookie,
    restore_options,
    stamp_options,
)
from honeystack.net.tcp.seq import diff

SECRET, KEY, IRS, NOW = b"k" * 32, bytes(12), 12345, 10_000.0


@given(st.integers(0, 65535), st.floats(0, 1e6), st.floats(0, PERIOD))
def test_a_cookie_brings_back_the_largest_known_mss_that_is_not_too_large(mss: int, now: float, age: float) -> None:
    cookie = make_cookie(SECRET, KEY, IRS, mss, now)
    back = cookie_mss(SECRET, KEY, IRS, cookie, now + age)
    assert back is not None
    assert back in MSS_TABLE
    assert back <= max(mss, MSS_TABLE[0])


def test_a_cookie_is_good_for_two_periods_at_most() -> None:
    cookie = make_cookie(SECRET, KEY, IRS, 1460, NOW)
    assert cookie_mss(SECRET, KEY, IRS, cookie, NOW + 2 * PERIOD) is None
    assert cookie_mss(SECRET, KEY, IRS, cookie, NOW - 2 * PERIOD) is None


def test_it_belongs_to_its_flow_its_syn_and_its_secret() -> None:
    cookie = make_cookie(SECRET, KEY, IRS, 1460, NOW)
    assert cookie_mss(SECRET, b"\1" * 12, IRS, cookie, NOW) is None
    assert cookie_mss(SECRET, KEY, IRS + 1, cookie, NOW) is None
    assert cookie_mss(b"x" * 32, KEY, IRS, cookie, NOW) is None


def test_guesses_and_changed_bits_fail() -> None:
    rng = random.Random(1)
    cookie = make_cookie(SECRET, KEY, IRS, 1460, NOW)
    assert all(cookie_mss(SECRET, KEY, IRS, cookie ^ 1 << bit, NOW) is None for bit in range(27))
    hits = sum(cookie_mss(SECRET, KEY, IRS, rng.getrandbits(32), NOW) is not None for _ in range(10_000))
    assert hits <= 1  # one in 2**28


@given(st.integers(0, 2**32 - 1), st.none() | st.integers(0, 14), st.booleans())
def test_options_ride_in_the_timestamp_which_never_runs_ahead(ticks: int, scale: int | None, sack: bool) -> None:
    stamped = stamp_options(ticks, scale, sack=sack)
    assert -64 < diff(stamped, ticks) <= 0
    assert restore_options(1460, stamped) == (1460, scale, sack)


@pytest.mark.parametrize("mss", MSS_TABLE)
def test_without_a_timestamp_only_the_mss_is_known(mss: int) -> None:
    assert restore_options(mss, None) == (mss, None, False)
