from __future__ import annotations

import random
import uuid

from hypothesis import given
from hypothesis import strategies as st

from honeystack.events.ids import IdFactory


@given(st.lists(st.floats(0, 2**33, allow_nan=False), min_size=1, max_size=50))
def test_ids_are_unique_and_sorted_whatever_the_clock_does(times: list[float]) -> None:
    clock = iter(times)
    new_id = IdFactory(clock=lambda: next(clock), rng=random.Random(1))
    ids = [new_id() for _ in times]
    assert ids == sorted(set(ids))


def test_an_id_is_a_uuid_of_version_7_with_its_time() -> None:
    text = IdFactory(clock=lambda: 1_700_000_000.25, rng=random.Random(1))()
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == 1_700_000_000_250


def test_a_clock_that_stands_gives_rising_ids() -> None:
    new_id = IdFactory(clock=lambda: 1.0, rng=random.Random(1))
    ids = [new_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))


def test_two_factories_differ() -> None:
    one, other = (IdFactory(clock=lambda: 1.0, rng=random.Random(seed))() for seed in (1, 2))
    assert one != other
