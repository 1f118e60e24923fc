"""Messages come out whole, however they were cut, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.workers.messages import HEAD, LONGEST, Kind, Unframer, frame

said = st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=40)), max_size=6)


@given(said, st.lists(st.integers(1, 60), max_size=20))
def test_messages_come_out_however_they_were_cut(messages: list[tuple[Kind, bytes]], cuts: list[int]) -> None:
    whole = b"".join(frame(*message) for message in messages)
    unframer, heard = Unframer(), []
    for cut in cuts:
        heard += unframer.feed(whole[:cut])
        whole = whole[cut:]
    heard += unframer.feed(whole)
    assert heard == messages


@given(said.filter(bool))
def test_bytewise_is_as_whole(messages: list[tuple[Kind, bytes]]) -> None:
    unframer, heard = Unframer(), []
    for byte in b"".join(frame(*message) for message in messages):
        heard += unframer.feed(bytes([byte]))
    assert heard == messages


def test_an_unknown_kind_is_malformed() -> None:
    with pytest.raises(Malformed, match="no message 77"):
        Unframer().feed(HEAD.pack(77, 0))


def test_a_length_that_nobody_sends_is_malformed_before_its_bytes_come() -> None:
    with pytest.raises(Malformed, match="a message of"):
        Unframer().feed(HEAD.pack(Kind.EVENTS, LONGEST + 1))


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_malformed(data: bytes) -> None:
    try:
        messages = Unframer().feed(data)
    except Malformed:
        return
    assert b"".join(frame(*message) for message in messages) == data[: sum(HEAD.size + len(m[1]) for m in messages)]
