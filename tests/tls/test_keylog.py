"""The key log: only of whom it is asked, and bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from honeystack.tls.keylog import LINES, KeyLog

RANDOM = bytes(range(32))
OTHER = bytes(range(32, 64))
LINE = b"CLIENT_RANDOM " + RANDOM.hex().encode() + b" 00ff"


def test_only_what_is_expected_is_kept() -> None:
    log = KeyLog(10)
    log.take(LINE)
    expected = log.expect(RANDOM)
    log.take(LINE)
    log.take(LINE.replace(b"0001", b"0002"))
    log.take(LINE.upper())
    assert log.secrets_of(expected) == LINE + b"\n" + LINE.upper() + b"\n"
    log.take(LINE)
    assert log.secrets_of(expected).count(b"\n") == 2


def test_who_sends_the_random_of_another_takes_nothing_from_it() -> None:
    log = KeyLog(10)
    theirs, ours = LINE + b"11", LINE + b"22"
    first = log.expect(RANDOM)
    log.take(theirs)
    second = log.expect(RANDOM)
    log.take(ours)
    assert log.secrets_of(second) == ours + b"\n"
    assert log.secrets_of(first) == ours + b"\n" + theirs + b"\n"  # its own last, which is what readers go by


def test_handshakes_with_one_random_that_overlap_have_all_lines() -> None:
    log = KeyLog(10)
    first, second = log.expect(RANDOM), log.expect(RANDOM)
    log.take(LINE)
    assert log.secrets_of(first) == log.secrets_of(second) == LINE + b"\n"


def test_a_challenge_of_an_old_hello_is_filled_up() -> None:
    log = KeyLog(10)
    expected = log.expect(b"\1" * 16)
    log.take(b"CLIENT_RANDOM " + b"00" * 16 + b"01" * 16 + b" aa")
    assert log.secrets_of(expected)


def test_neither_connections_nor_lines_are_without_end() -> None:
    log = KeyLog(10)
    expected = log.expect(RANDOM)
    for _ in range(LINES + 5):
        log.take(LINE)
    assert log.secrets_of(expected).count(b"\n") == LINES
    forgotten = log.expect(RANDOM)
    kept = log.expect(OTHER)
    for number in range(9):
        log.expect(number.to_bytes(32, "big"))
    log.take(LINE)
    assert log.secrets_of(forgotten) == b""
    log.take(LINE.replace(RANDOM.hex().encode(), OTHER.hex().encode()))
    assert log.secrets_of(kept) != b""


@given(st.binary(max_size=80))
def test_any_line_is_borne(line: bytes) -> None:
    log = KeyLog(10)
    log.expect(RANDOM)
    log.take(line)
