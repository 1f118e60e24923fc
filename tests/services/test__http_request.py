"""Reading requests: the same whatever the cut, and never more than the bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.services._http_request import (
    BAD_REQUEST,
    HEAD_TOO_LARGE,
    URI_TOO_LONG,
    Request,
    RequestReader,
    parse_head,
    parse_line,
)


def read_all(parts: list[bytes], *, keep: int = 1000, max_body: int = 1000) -> list[Request]:
    """Every request that a reader makes of bytes that arrive in these parts."""
    source: Iterator[bytes] = iter([part for part in parts if part])
    found: list[Request] = []

    async def receive() -> bytes:
        return next(source, b"")

    async def main() -> None:
        reader = RequestReader(receive, keep=keep, max_body=max_body)
        while await reader.wait_begun():
            request = await reader.read_head()
            if request.refused is None:
                await reader.read_body(request, nothing)
            found.append(request)
            if request.refused is not None:
                break
        if (rest := reader.unfinished()) is not None:
            found.append(rest)

    nothing: Callable[[], None] = list
    trio.run(main)
    return found


GOOD = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    b"POST /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"
    b"GET /z HTTP/1.0\r\n\r\n"
)


def test_each_request_has_its_own_bytes_and_no_others() -> None:
    requests = read_all([GOOD])
    assert [request.url for request in requests] == ["/", "/x", "/y", "/z"]
    assert b"".join(request.raw for request in requests) == GOOD
    assert [request.body for request in requests] == [b"", b"hello", b"abc", b""]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_cut_changes_nothing(size: int) -> None:
    parts = [GOOD[at : at + size] for at in range(0, len(GOOD), size)]
    assert read_all(parts) == read_all([GOOD])


@settings(max_examples=100)
@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(1, 9))
def test_any_bytes_read_the_same_whole_and_in_parts(before: bytes, after: bytes, size: int) -> None:
    data = before + GOOD[:80] + after
    whole = read_all([data])
    parts = read_all([data[at : at + size] for at in range(0, len(data), size)])
    first_whole, first_parts = whole[:1], parts[:1]
    if first_whole and first_whole[0].refused is None:
        assert first_parts == first_whole
    else:  # a refusal comes as soon as it is certain, and so may have seen less
        assert [r.refused for r in first_parts] == [r.refused for r in first_whole] or size == 1


@given(st.binary(max_size=300))
def test_any_head_parses(head: bytes) -> None:
    request = parse_head(head)
    assert request.refused is None or 400 <= request.refused < 600
    assert all(name == name.lower() and name for name in request.headers)


def test_what_is_kept_is_bounded_and_the_length_still_true() -> None:
    (request,) = read_all([b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n" + b"x" * 500], keep=100)
    assert len(request.raw) == 100
    assert request.length == len(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n") + 500
    assert request.body == b"x" * 100


def test_bounds_of_nginx() -> None:
    assert parse_line(b"GET /" + b"a" * 8200 + b" HTTP/1.1\r\n").refused == URI_TOO_LONG
    assert parse_head(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 8200 + b"\r\n\r\n").refused == HEAD_TOO_LARGE
    assert parse_line(b"GET / x HTTP/1.1\r\n").refused == BAD_REQUEST


def test_what_is_no_text_has_no_method() -> None:
    assert parse_line(b"\x16\x03\x01\n") == attrs.evolve(Request(), refused=BAD_REQUEST)
    assert parse_line(b"HELO there friend\n").method == "HELO"


def test_a_header_is_joined_when_it_is_repeated() -> None:
    request = parse_head(b"GET / HTTP/1.1\r\nHost: a\r\nVia: b\r\nVIA: c\r\n\r\n")
    assert request.header("via") == "b, c"
    assert request.header("nothing") is None
