"""Frames with VLAN tags: answered with the same tag, or ignored, whichever way they come and whatever they carry."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from honeystack.net.address import Path
from honeystack.net.wire.ethernet import decode_ethernet
from tests.net.frames import ASK, PATH4, PATH6, PATHS, arp_frame, every_notice, fate, make_stack, ping_frame, syn_frame
from tests.net.frames import udp_frame as datagram_frame

TAGS = [5, 0x2005, 0x88A8 << 16 | 7]  # a VLAN, one with a priority, one of a provider
QUESTIONS: list[Callable[[Path], bytes]] = [
    ping_frame,
    syn_frame,
    lambda path: arp_frame(ASK, vlan=path.vlan),
]


@pytest.mark.parametrize("make", QUESTIONS)
@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize("tag", TAGS)
def test_what_is_asked_in_a_vlan_is_answered_in_it(make: Callable[[Path], bytes], path: Path, tag: int) -> None:
    stack = make_stack()
    assert fate(stack, make(path), vlan=tag) in ("answered", "delivered")
    (sent,) = stack.poll_transmit(1.0)
    control, kind = tag & 0xFFFF, tag >> 16 or 0x8100
    assert sent[12:16] == kind.to_bytes(2, "big") + control.to_bytes(2, "big")


@pytest.mark.parametrize("make", QUESTIONS)
@pytest.mark.parametrize("path", PATHS.values())
def test_a_tag_that_only_tells_a_priority_is_none(make: Callable[[Path], bytes], path: Path) -> None:
    stack = make_stack()
    tagged = make(path)[:12] + b"\x81\0\xa0\0" + make(path)[12:]
    assert fate(stack, tagged) in ("answered", "delivered")
    (sent,) = stack.poll_transmit(1.0)
    assert decode_ethernet(sent).vlan is None
    assert sent[12:14] != b"\x81\0"


@pytest.mark.parametrize("path", [PATH4, PATH6])
def test_ignored_tags_have_no_answer_and_no_notice(path: Path) -> None:
    stack = make_stack(vlan="ignore", sniffer=True)
    for make in (*QUESTIONS, lambda path: datagram_frame(path, b"x")):
        assert fate(stack, make(path), vlan=5) == "ignored"
        assert fate(stack, make(path._replace(vlan=5))) == "ignored"
    assert (stack.poll_transmit(1.0), every_notice(stack)) == ([], [])


@pytest.mark.parametrize("path", [PATH4, PATH6])
def test_where_tags_are_ignored_the_rest_is_answered(path: Path) -> None:
    stack = make_stack(vlan="ignore")
    assert fate(stack, syn_frame(path)) == "delivered"
    assert fate(stack, syn_frame(path), vlan=5) == "ignored"
    assert fate(stack, ping_frame(path)) == "answered"
    assert [decode_ethernet(sent).vlan for sent in stack.poll_transmit(1.0)] == [None, None]
