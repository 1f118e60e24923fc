"""The end of reading: after the whole hello, and after a datagram that is wrong, nothing more is taken."""

from __future__ import annotations

import pytest

from honeystack.errors import Malformed
from honeystack.tls.datagrams import DatagramReader
from honeystack.tls.hello import Progress


class Lines(DatagramReader):
    """A protocol whose message ends with a full stop, and has no question marks."""

    __slots__ = ()

    def _take(self, datagram: bytes) -> None:
        if b"?" in datagram:
            raise Malformed("a question")
        self._pieces.add(len(self._pieces.message), datagram)
        if datagram.endswith(b"."):
            self.message = self._pieces.message
            self.progress = Progress.COMPLETE


def test_datagrams_are_taken_until_the_message_is_whole() -> None:
    reader = Lines()
    assert not reader.begun
    assert [reader.feed(one) for one in (b"a", b"b.")] == [Progress.MORE, Progress.COMPLETE]
    assert reader.feed(b"c?") is Progress.COMPLETE
    assert (reader.message, reader.hello, reader.begun) == (b"ab.", None, True)


def test_nothing_is_taken_after_a_datagram_that_is_wrong() -> None:
    reader = Lines()
    assert reader.feed(b"?") is Progress.MALFORMED
    assert reader.feed(b"a.") is Progress.MALFORMED
    assert reader.message == b""


def test_what_a_datagram_holds_is_for_a_protocol_to_say() -> None:
    with pytest.raises(NotImplementedError):
        DatagramReader().feed(b"")
