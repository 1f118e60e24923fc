"""Cookies in columns are those of one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.tcp.cookie_rows import make_cookies, stamp_rows
from honeystack.net.tcp.cookies import Cookies, stamp_options

COOKIES = Cookies(b"k" * 32)


@pytest.mark.parametrize("length", [12, 36])
@pytest.mark.parametrize("now", [0.0, 63.9, 64.0, 1e6])
def test_each_is_what_its_flow_gets_alone(length: int, now: float) -> None:
    rng = random.Random(length)
    flows = [
        (rng.randbytes(length), rng.getrandbits(32), rng.choice([48, 536, 1220, 1459, 1460, 65535])) for _ in range(50)
    ]
    messages = np.array([list(key + irs.to_bytes(4, "big")) for key, irs, _ in flows], np.uint8)
    made = make_cookies(COOKIES, messages, np.array([mss for _, _, mss in flows]), now)
    assert made.tolist() == [COOKIES.make(key, irs, mss, now) for key, irs, mss in flows]
    assert all(COOKIES.mss_of(key, irs, int(cookie), now) for (key, irs, _), cookie in zip(flows, made, strict=True))


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.none() | st.integers(0, 14), st.booleans()), min_size=1))
def test_options_ride_in_the_timestamps(many: list[tuple[int, int | None, bool]]) -> None:
    ticks, scales, sack = zip(*many, strict=True)
    columns = np.array(ticks), np.array([-1 if scale is None else scale for scale in scales]), np.array(sack)
    assert stamp_rows(*columns).tolist() == [stamp_options(tick, scale, sack=each) for tick, scale, each in many]
