"""SYN cookies: ours come back, others do not, and the options ride along."""

from __future__ import annotations

import random
from hashlib import blake2s

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.tcp.cookies import (
    MSS_TABLE,
    PERIOD,
    Cookies,
    restore_options,
    stamp_options,
)
from honeystack.net.tcp.seq import diff

COOKIES, KEY, IRS, NOW = Cookies(b"k" * 32), bytes(12), 12345, 10_000.0


@pytest.mark.parametrize(("key", "person"), [(bytes(range(12)), b"cookie4"), (bytes(range(36)), b"cookie6")])
def test_the_low_bits_are_a_cbc_mac_of_all_that_a_cookie_is_good_for(key: bytes, person: bytes) -> None:
    aes = algorithms.AES(blake2s(digest_size=16, key=b"k" * 32, person=person).digest())
    count, index = int(NOW / PERIOD) & 31, MSS_TABLE.index(1460)
    message = key + IRS.to_bytes(4, "big")
    message += bytes(14 - len(message) % 16) + bytes([count, index])
    chained = Cipher(aes, modes.CBC(bytes(16))).encryptor().update(message)
    assert COOKIES.make(key, IRS, 1460, NOW) == count << 27 | index << 24 | int.from_bytes(chained[-3:], "big")
    assert COOKIES.mss_of(key, IRS, COOKIES.make(key, IRS, 1460, NOW), NOW) == 1460


@given(st.integers(0, 65535), st.floats(0, 1e6), st.floats(0, PERIOD))
def test_a_cookie_brings_back_the_largest_known_mss_that_is_not_too_large(mss: int, now: float, age: float) -> None:
    cookie = COOKIES.make(KEY, IRS, mss, now)
    back = COOKIES.mss_of(KEY, IRS, cookie, now + age)
    assert back is not None
    assert back in MSS_TABLE
    assert back <= max(mss, MSS_TABLE[0])


def test_a_cookie_is_good_for_two_periods_at_most() -> None:
    cookie = COOKIES.make(KEY, IRS, 1460, NOW)
    assert COOKIES.mss_of(KEY, IRS, cookie, NOW + 2 * PERIOD) is None
    assert COOKIES.mss_of(KEY, IRS, cookie, NOW - 2 * PERIOD) is None


def test_it_belongs_to_its_flow_its_syn_and_its_secret() -> None:
    cookie = COOKIES.make(KEY, IRS, 1460, NOW)
    assert COOKIES.mss_of(b"\1" * 12, IRS, cookie, NOW) is None
    assert COOKIES.mss_of(KEY, IRS + 1, cookie, NOW) is None
    assert Cookies(b"x" * 32).mss_of(KEY, IRS, cookie, NOW) is None


def test_guesses_and_changed_bits_fail() -> None:
    rng = random.Random(1)
    cookie = COOKIES.make(KEY, IRS, 1460, NOW)
    assert all(COOKIES.mss_of(KEY, IRS, cookie ^ 1 << bit, NOW) is None for bit in range(27))
    hits = sum(COOKIES.mss_of(KEY, IRS, rng.getrandbits(32), NOW) is not None for _ in range(10_000))
    assert hits <= 1  # one in 2**28


@given(st.integers(0, 2**32 - 1), st.none() | st.integers(0, 14), st.booleans())
def test_options_ride_in_the_timestamp_which_never_runs_ahead(ticks: int, scale: int | None, sack: bool) -> None:
    stamped = stamp_options(ticks, scale, sack=sack)
    assert -64 < diff(stamped, ticks) <= 0
    assert restore_options(1460, stamped) == (1460, scale, sack)


@pytest.mark.parametrize("mss", MSS_TABLE)
def test_without_a_timestamp_only_the_mss_is_known(mss: int) -> None:
    assert restore_options(mss, None) == (mss, None, False)
