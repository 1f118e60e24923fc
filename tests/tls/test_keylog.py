"""The key log: only of whom it is asked, and bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from honeystack.tls.keylog import CONNECTIONS, LINES, KeyLog

RANDOM = bytes(range(32))
LINE = b"CLIENT_RANDOM " + RANDOM.hex().encode() + b" 00ff"


def test_only_what_is_expected_is_kept_and_once() -> None:
    log = KeyLog()
    log.take(LINE)
    assert log.secrets_of(RANDOM) == b""
    log.expect(RANDOM)
    log.take(LINE)
    log.take(LINE.replace(b"0001", b"0002"))
    log.take(LINE.upper())
    assert log.secrets_of(RANDOM) == LINE + b"\n" + LINE.upper() + b"\n"
    assert log.secrets_of(RANDOM) == b""


def test_a_challenge_of_an_old_hello_is_filled_up() -> None:
    log = KeyLog()
    log.expect(b"\1" * 16)
    log.take(b"CLIENT_RANDOM " + b"00" * 16 + b"01" * 16 + b" aa")
    assert log.secrets_of(b"\1" * 16)


def test_neither_connections_nor_lines_are_without_end() -> None:
    log = KeyLog()
    log.expect(RANDOM)
    for _ in range(LINES + 5):
        log.take(LINE)
    assert log.secrets_of(RANDOM).count(b"\n") == LINES
    log.expect(RANDOM)
    log.take(LINE)
    for number in range(CONNECTIONS):
        log.expect(number.to_bytes(32, "big"))
    assert log.secrets_of(RANDOM) == b""


@given(st.binary(max_size=80))
def test_any_line_is_borne(line: bytes) -> None:
    log = KeyLog()
    log.expect(RANDOM)
    log.take(line)
