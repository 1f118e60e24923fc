"""Who tries several targets is told, with the first of them; who floods one is not."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.sieve import PLACES, Sieve, Suspect

US, OTHER = 1, 2
Syn = tuple[int, int, int]  # source, address of ours, port


def sift(sieve: Sieve, *syns: Syn, limit: int = 100) -> list[Suspect]:
    sources, local, ports = (np.array(column) for column in zip(*syns, strict=True))
    return sieve.suspects(sources.astype(np.uint64), local.astype(np.uint64), ports.astype(np.int64), limit)[0]


def test_one_target_is_none_however_often_it_is_tried() -> None:
    sieve = Sieve(7)
    for _ in range(5):
        assert sift(sieve, *[(source, US, 80) for source in range(50)] * 3) == []


def test_the_second_target_tells_of_the_first_and_of_its_repetitions() -> None:
    sieve = Sieve(7)
    assert sift(sieve, (5, US, 80), (6, US, 80)) == []
    assert sift(sieve, (5, US, 80), (5, US, 80)) == []
    assert sift(sieve, (9, US, 1), (5, US, 81), (5, US, 81)) == [Suspect(1, 2, 80, 3)]
    assert sift(sieve, (5, US, 82)) == [Suspect(0, 1, 81, 0)]
    assert sift(sieve, (5, US, 82)) == []
    assert sift(sieve, (5, US, 83)) == [Suspect(0, 1, 82, 1)]


def test_several_targets_at_once_are_each_told_once() -> None:
    sieve = Sieve(7)
    found = sift(sieve, (5, US, 80), (6, US, 80), (5, US, 81), (5, US, 80))
    assert sorted((each.row, each.times) for each in found) == [(0, 2), (2, 1)]
    assert sift(sieve, (6, US, 80)) == []
    again = sift(sieve, (6, US, 80), (6, US, 90))
    assert sum(each.times + each.earlier_times for each in again) == 4


def test_a_second_address_of_ours_is_another_target_whose_first_is_not_told_for_it() -> None:
    sieve = Sieve(7)
    assert sift(sieve, (5, US, 80)) == []
    assert sift(sieve, (5, OTHER, 80)) == [Suspect(0, 1)]


def test_no_more_than_the_limit_are_told() -> None:
    sieve = Sieve(7)
    numbers = [np.arange(200) // 2, np.ones(200), np.arange(200)]
    columns = numbers[0].astype(np.uint64), numbers[1].astype(np.uint64), numbers[2]
    assert (len(sieve.suspects(*columns, 30)[0]), sieve.suspects(*columns, 30)[1]) == (30, True)
    assert not Sieve(7).suspects(*columns, 200)[1]


def test_a_table_full_of_others_forgets_but_never_takes_one_for_another() -> None:
    sieve, rng = Sieve(rng_seed := 11), random.Random(rng_seed)
    for _ in range(20):
        flood = [(rng.getrandbits(32), US, rng.randrange(1, 65536)) for _ in range(2000)]
        assert sift(sieve, *flood) == []
    assert PLACES < 1 << 18
    assert len(sift(sieve, *[(77, US, port) for port in range(1, 9)])) == 8


@given(st.lists(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 2), st.integers(1, 4)), min_size=1), max_size=8))
def test_a_scanner_of_one_address_has_all_its_probes_counted(batches: list[list[Syn]]) -> None:
    sieve, counted, ports = Sieve(3), 0, set()
    mine = [[(s, US, port) for s, _, port in batch if s == 1] for batch in batches]
    for batch, scans in zip(batches, mine, strict=True):
        others = [syn for syn in batch if syn[0] != 1]
        syns = others + scans
        for suspect in sift(sieve, *syns) if syns else []:
            source, _, port = syns[suspect.row]
            if source == 1:
                counted += suspect.times + suspect.earlier_times
                ports |= {port} | ({suspect.earlier_port} if suspect.earlier_times else set())
    probes = [probe for batch in mine for probe in batch]
    tried = {port for _, _, port in probes}
    if len(tried) > 1:
        assert ports == tried
    sift(sieve, (1, US, 99))
    assert counted <= len(probes)
