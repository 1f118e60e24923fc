"""Out-of-order data against a dictionary of octets."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.tcp.assembler import MAX_BLOCKS, RUN_COST, Assembler
from honeystack.net.tcp.seq import add, after, before

BASE = 0xFFFF_FFF0  # the wrap lies inside
TEXT = bytes(range(256))


def piece(start: int, end: int) -> tuple[int, bytes]:
    return add(BASE, start), TEXT[start:end]


def test_apart_stays_apart_and_the_newest_is_told_first() -> None:
    assembler = Assembler()
    for start in (10, 30, 20):
        assert assembler.insert(*piece(start, start + 5)) is None
    assert assembler.blocks(2) == [(add(BASE, 20), add(BASE, 25)), (add(BASE, 30), add(BASE, 35))]
    assert assembler.size == 15


def test_each_run_costs_more_than_its_octets() -> None:
    assembler = Assembler()
    for seq in (10, 20, 30):
        assembler.insert(seq, b"x")
    assert (assembler.size, assembler.cost) == (3, 3 + 3 * RUN_COST)
    assert assembler.take(10) == b"x"
    assert assembler.cost == 2 + 2 * RUN_COST


def test_touching_runs_become_one() -> None:
    assembler = Assembler()
    assembler.insert(*piece(10, 15))
    assembler.insert(*piece(20, 25))
    assert assembler.insert(*piece(15, 20)) is None
    assert assembler.blocks(4) == [(add(BASE, 10), add(BASE, 25))]
    assert assembler.take(add(BASE, 10)) == bytearray(TEXT[10:25])
    assert assembler.size == 0


def test_what_came_before_is_a_duplicate() -> None:
    assembler = Assembler()
    assembler.insert(*piece(10, 20))
    assert assembler.insert(*piece(12, 18)) == (add(BASE, 12), add(BASE, 18))
    assert assembler.insert(*piece(5, 12)) == (add(BASE, 10), add(BASE, 12))
    assert assembler.insert(*piece(18, 30)) == (add(BASE, 18), add(BASE, 20))
    assert assembler.take(add(BASE, 5)) == bytearray(TEXT[5:30])


@pytest.mark.parametrize(
    ("held", "comes", "read"),
    [
        ((10, b"first"), (8, b"xxOTHERyy"), b"xxOTHERyy"),  # it begins before
        ((10, b"first"), (8, b"xxOTH"), b"xxOTHst"),
        ((8, b"xxfirstyy"), (10, b"OTHER"), b"xxfirstyy"),  # it lies within
        ((8, b"first"), (11, b"OTHER"), b"firstHER"),  # it begins behind the beginning
        ((8, b"first"), (8, b"OTHER"), b"first"),
        ((8, b"first"), (8, b"OTHERS"), b"OTHERS"),  # it begins with it, and reaches farther
        ((8, b"first"), (8, b"OTH"), b"first"),
        ((13, b"later"), (8, b"first"), b"firstlater"),  # they only touch
        ((8, b"first"), (13, b"later"), b"firstlater"),
    ],
)
def test_what_begins_first_is_read_where_octets_differ(
    held: tuple[int, bytes], comes: tuple[int, bytes], read: bytes
) -> None:
    assembler = Assembler()
    for start, data in (held, comes):
        assembler.insert(add(BASE, start), data)
    assert assembler.size == len(read)
    assert assembler.take(add(BASE, 8)) == bytearray(read)
    assert assembler.size == 0


def test_what_covers_several_runs_is_read_up_to_the_rest_of_the_last() -> None:
    assembler = Assembler()
    for start, data in ((4, b"bb"), (8, b"dd"), (12, b"ffff")):
        assembler.insert(add(BASE, start), data)
    assembler.insert(add(BASE, 5), b"XXXXXXXXX")
    assert [(run.seq, bytes(run.data)) for run in assembler.runs] == [(add(BASE, 4), b"bbXXXXXXXXff")]
    assert assembler.size == 12
    assert assembler.differs


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_of_two_that_overlap_the_earlier_or_the_longer_is_read(one: int, size: int, two: int, other: int) -> None:
    assembler = Assembler()
    assembler.insert(add(BASE, one), b"1" * size)
    assembler.insert(add(BASE, two), b"2" * other)
    read = {}
    first = (two, other, b"2"[0]) if two < one or (two == one and other > size) else (one, size, b"1"[0])
    last = (one, size, b"1"[0]) if first[2] == b"2"[0] else (two, other, b"2"[0])
    for start, length, octet in (last, first):
        read.update(dict.fromkeys(range(start, start + length), octet))
    found = {
        (run.seq - BASE + offset) % 2**32: octet for run in assembler.runs for offset, octet in enumerate(run.data)
    }
    assert found == read


def test_nothing_is_taken_while_there_is_a_gap() -> None:
    assembler = Assembler()
    assert assembler.take(BASE) is None
    assembler.insert(*piece(1, 2))
    assert assembler.take(BASE) is None


def test_the_number_of_runs_is_bounded_and_the_nearest_are_kept() -> None:
    assembler = Assembler()
    for i in range(MAX_BLOCKS + 10):
        assembler.insert(add(BASE, 10 + 2 * i), b"x")
    assert len(assembler.runs) == assembler.size == MAX_BLOCKS
    assembler.insert(BASE, b"y")
    assert len(assembler.runs) == assembler.size == MAX_BLOCKS
    assert assembler.take(BASE) == bytearray(b"y")


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 55)), max_size=25))
def test_it_agrees_with_a_set_of_octets(pieces: list[tuple[int, int]]) -> None:
    assembler = Assembler()
    held: set[int] = set()
    for start, length in pieces:
        new = set(range(start, start + length))
        duplicate = assembler.insert(*piece(start, start + length))
        assert (duplicate is not None) == bool(new & held)
        held |= new
        assert assembler.size == len(held)
        for run, following in zip(assembler.runs, assembler.runs[1:], strict=False):
            assert before(run.end, following.seq)
        for run in assembler.runs:
            assert after(run.end, run.seq)
    if held:
        first = min(held)
        taken = assembler.take(add(BASE, first))
        assert taken is not None
        assert bytes(taken) == TEXT[first : first + len(taken)]


def test_any_order_of_pieces_gives_the_whole() -> None:
    for seed in range(20):
        starts = list(range(0, 256, 8))
        random.Random(seed).shuffle(starts)
        assembler = Assembler()
        for start in starts:
            assembler.insert(*piece(start, start + 8))
        assert assembler.take(BASE) == bytearray(TEXT)


def test_an_end_is_reached_once_and_void_when_data_has_passed_it() -> None:
    assembler = Assembler()
    assert not assembler.reaches_end(10)
    assembler.insert_end(10)
    assembler.insert_end(10)
    assert not assembler.reaches_end(9)
    assert assembler.reaches_end(10)
    assert not assembler.differs
    assembler.insert_end(20)
    assert assembler.differs
    assembler.differs = False
    assert assembler.reaches_end(20)
    assert (assembler.ends, assembler.differs) == ([20], True)
