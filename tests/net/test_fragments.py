"""Reassembly: any order gives the whole, overlaps give nothing, and memory stays in its bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.address import Path
from honeystack.net.fragments import OVERHEAD, Datagram, Fragment, Reassembler
from honeystack.net.limits import Limits
from tests.net.frames import PATH4, PATH6, PATHS, received

DATA = random.Random(1).randbytes(1000)


def fragment(
    start: int,
    end: int,
    *,
    path: Path = PATH4,
    ident: int = 1,
    more: bool | None = None,
    data: bytes = DATA,
    protocol: int = 17,
) -> Fragment:
    more = end < len(data) if more is None else more
    return Fragment(received(path, protocol, data[start:end]), ident, start, more, protocol)


def give(fragments: list[Fragment], reassembler: Reassembler | None = None, now: float = 0.0) -> Datagram | None:
    reassembler = Reassembler(Limits()) if reassembler is None else reassembler
    return [reassembler.receive(part, now) for part in fragments][-1]


PARTS = [(0, 200), (200, 480), (480, 960), (960, 1000)]


@pytest.mark.parametrize("path", PATHS.values())
@given(order=st.permutations(PARTS))
def test_any_order_makes_the_whole(path: Path, order: list[tuple[int, int]]) -> None:
    reassembler = Reassembler(Limits())
    results = [reassembler.receive(fragment(*part, path=path), 0.0) for part in order]
    assert results[:-1] == [None] * 3
    assert results[-1] is not None
    assert (results[-1].data, results[-1].protocol) == (DATA, 17)
    assert bytes(results[-1].first.payload) == DATA[:200]
    assert (len(reassembler), reassembler.memory, reassembler.next_deadline()) == (0, 0, None)


def test_an_exact_copy_is_ignored() -> None:
    assert give([fragment(*part) for part in [PARTS[0], PARTS[0], PARTS[1], PARTS[1], *PARTS[2:]]]) is not None


def marked(tos: int, start: int, end: int, path: Path) -> Fragment:
    part = fragment(start, end, path=path)
    octets = bytearray(part.packet.octets)
    octets[1] = tos if path.version == 4 else tos << 4 & 0xF0 | octets[1] & 0x0F
    facts = part.packet.facts._replace(tos=tos)
    return part._replace(packet=part.packet._replace(octets=bytes(octets), facts=facts))


@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize(
    ("first", "others", "whole"),
    [
        (0, [0, 0, 0], 0),
        (1, [1, 1, 1], 1),
        (2, [1, 2, 2], 2),
        (1, [2, 2, 2], 1),
        (3, [3, 3, 3], 3),
        (2, [2, 2, 3], 3),
        (3, [2, 1, 2], 3),
        (1, [3, 1, 1], 3),
        (0x48, [0x48, 0x48, 0x48], 0x48),
        (0x0A, [0x0A, 0x0B, 0x0A], 0x0B),
    ],
)
def test_a_whole_datagram_has_met_congestion_where_a_fragment_of_it_has(
    path: Path, first: int, others: list[int], whole: int
) -> None:
    parts = [marked(tos, *part, path) for tos, part in zip([first, *others], PARTS, strict=True)]
    for order in (parts, parts[::-1]):
        told = give(order)
        assert told is not None
        assert (told.first.facts.tos, told.data) == (whole, DATA)
        written = told.first.octets[1] if path.version == 4 else told.first.octets[1] >> 4
        assert written & 3 == whole & 3


@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize("tos", [(0, 0, 0, 3), (3, 0, 0, 0), (0, 1, 1, 1), (2, 2, 0, 2), (0, 1, 2, 3)])
def test_fragments_that_do_not_agree_on_ecn_make_no_datagram(path: Path, tos: tuple[int, ...]) -> None:
    reassembler = Reassembler(Limits())
    parts = [marked(value, *part, path) for value, part in zip(tos, PARTS, strict=True)]
    assert give(parts[:-1], reassembler) is None
    with pytest.raises(Malformed, match="ECN"):
        reassembler.receive(parts[-1], 0.0)
    assert (len(reassembler), reassembler.memory) == (0, 0)


@pytest.mark.parametrize(
    ("start", "end", "more"),
    [
        (192, 400, True),  # begins inside what is there
        (0, 208, True),  # begins with it and ends later
        (0, 192, True),  # a part of it
        (472, 968, True),  # reaches over both sides of a hole
        (960, 1000, False),
    ],
)
def test_overlaps_discard_the_datagram_and_what_is_still_to_come(start: int, end: int, more: bool) -> None:
    reassembler = Reassembler(Limits())
    there = [fragment(0, 200), fragment(480, 960), fragment(960, 992, more=False)]
    assert give([*there, fragment(start, end, more=more)], reassembler) is None
    assert reassembler.memory == OVERHEAD
    assert give([fragment(*part) for part in PARTS], reassembler) is None
    assert reassembler.expire(100.0) == []


def test_the_same_place_with_other_data_is_an_overlap() -> None:
    changed = bytes(200) + DATA[200:]
    parts = [fragment(0, 200), fragment(0, 200, data=changed), *[fragment(*part) for part in PARTS[1:]]]
    assert give(parts) is None


def test_a_last_fragment_before_others_is_a_contradiction() -> None:
    assert give([fragment(480, 960), fragment(200, 400, more=False), *[fragment(*part) for part in PARTS]]) is None


def test_data_behind_the_last_fragment_is_a_contradiction() -> None:
    assert give([fragment(200, 400, more=False), fragment(480, 960), *[fragment(*part) for part in PARTS]]) is None


def test_what_no_offset_could_go_on_from_is_cut_off_as_linux_does() -> None:
    parts = [fragment(0, 207, more=True), *[fragment(*part) for part in PARTS[1:]]]
    whole = give(parts)
    assert whole is not None
    assert whole.data == DATA


@pytest.mark.parametrize(
    "change",
    [
        {"ident": 2},
        {"path": PATH4._replace(remote=b"\x0a\0\0\x09")},
        {"path": PATH4._replace(vlan=7)},
        {"protocol": 1},
    ],
)
def test_fragments_of_different_datagrams_do_not_mix(change: dict[str, int]) -> None:
    parts = [fragment(*PARTS[0], **change), *[fragment(*part) for part in PARTS[1:]]]  # type: ignore[arg-type]
    assert give(parts) is None


def test_an_ipv6_datagram_is_known_without_its_protocol_which_the_first_fragment_says() -> None:
    parts = [fragment(*PARTS[0], path=PATH6), *[fragment(*part, path=PATH6, protocol=60) for part in PARTS[1:]]]
    whole = give(parts)
    assert whole is not None
    assert whole.protocol == 17


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (fragment(0, 201, path=PATH6, more=True), "multiple of eight"),
        (fragment(0, 7, more=True), "multiple of eight"),
        (fragment(0, 0, more=True), "multiple of eight"),
        (fragment(8, 8, more=False), "without data"),
        (Fragment(received(PATH4, 17, bytes(16)), 1, 65528, more=False, protocol=17), "beyond"),
        (Fragment(received(PATH4, 17, bytes(8)), 1, 65520, more=False, protocol=17), "beyond"),  # with its header
        (Fragment(received(PATH6, 17, bytes(8)), 1, 65528, more=False, protocol=17), "beyond"),
    ],
)
def test_what_cannot_be_is_malformed(part: Fragment, reason: str) -> None:
    reassembler = Reassembler(Limits())
    with pytest.raises(Malformed, match=reason):
        reassembler.receive(part, 0.0)
    assert (len(reassembler), reassembler.memory) == (0, 0)


def test_the_unfinished_is_given_up_in_time_and_its_first_fragment_returned() -> None:
    reassembler = Reassembler(Limits())
    give([fragment(200, 480, ident=1)], reassembler, 0.0)
    give([fragment(0, 200, ident=2)], reassembler, 1.0)
    give([fragment(0, 200, path=PATH6)], reassembler, 0.0)
    assert reassembler.next_deadline() == 30.0
    assert reassembler.expire(29.9) == []
    assert reassembler.expire(30.0) == []  # the first had no first fragment
    (first,) = reassembler.expire(31.0)
    assert (first.ident, first.packet.path) == (2, PATH4)
    assert reassembler.next_deadline() == 60.0
    (first,) = reassembler.expire(60.0)
    assert first.packet.path == PATH6
    assert (len(reassembler), reassembler.memory) == (0, 0)


def test_of_a_large_first_fragment_only_what_an_error_quotes_is_kept_twice() -> None:
    reassembler = Reassembler(Limits())
    give([fragment(0, 32000, data=bytes(40000))], reassembler)
    (first,) = reassembler.expire(30.0)
    assert len(first.packet.octets) == 1280


def test_the_oldest_gives_way_when_there_are_too_many() -> None:
    reassembler = Reassembler(Limits(fragment_datagrams=3))
    for ident, path in enumerate([PATH4, PATH6, PATH4, PATH6, PATH4]):
        give([fragment(0, 200, ident=ident, path=path)], reassembler, float(ident))
    assert (len(reassembler), reassembler.reached) == (3, "fragment_datagrams")
    assert [first.ident for first in reassembler.expire(1000.0)] == [2, 4, 3]


def test_the_oldest_gives_way_when_memory_is_short() -> None:
    reassembler = Reassembler(Limits(fragment_memory=3000))
    for ident in range(10):
        give([fragment(200, 960, ident=ident)], reassembler, float(ident))
        assert reassembler.memory <= 3000
    assert reassembler.reached == "fragment_memory"


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 80), st.booleans(), st.booleans()), max_size=60
    )
)
def test_any_fragments_keep_the_books(parts: list[tuple[int, int, int, bool, bool]]) -> None:
    reassembler = Reassembler(Limits(fragment_memory=5000, fragment_datagrams=3))
    for now, (ident, start, length, more, six) in enumerate(parts):
        path = PATH6 if six else PATH4
        part = Fragment(received(path, 17, bytes(length)), ident, start * 8, more, 17)
        try:
            reassembler.receive(part, float(now))
        except Malformed:
            continue
        assert reassembler.memory <= 5000
        assert len(reassembler) <= 3
    assert reassembler.memory == sum(a.cost for table in reassembler._tables.values() for a in table.values())
    reassembler.expire(1e9)
    assert (len(reassembler), reassembler.memory) == (0, 0)


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 40), st.randoms(use_true_random=False))
def test_what_is_cut_is_whole_again(data: bytes, step: int, rng: random.Random) -> None:
    starts = list(range(0, len(data), step * 8))
    parts = [fragment(start, start + step * 8, data=data) for start in starts]
    rng.shuffle(parts)
    whole = give(parts)
    assert whole is not None
    assert whole.data == data


@pytest.mark.parametrize(("start", "end"), [(0, 16), (8, 200)])
def test_a_header_of_tcp_that_is_cut_is_an_anomaly(start: int, end: int) -> None:
    reassembler = Reassembler(Limits())
    reassembler.receive(fragment(start, end, protocol=6), 0.0)
    assert reassembler.anomaly == "tiny-fragment"
