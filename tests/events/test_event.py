from __future__ import annotations

import attrs
import pytest

from honeystack.events.event import Payload
from tests.events.samples import event


def test_a_payload_is_cut_and_keeps_its_length() -> None:
    assert Payload.cut(b"abcdef", 3) == Payload(b"abc", 6)
    assert Payload.cut(b"abc", 3).truncated is False
    assert Payload.cut(b"abc", 3, 10).truncated is True
    assert Payload.cut(bytearray(b"abc"), 10).data == b"abc"


def test_an_event_does_not_change() -> None:
    made = event()
    assert (made.category, made.type) == ("http", "request")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.id = "other"  # type: ignore[misc]
