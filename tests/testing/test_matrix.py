"""A megabyte each way over every kind of bad wire, in virtual time: what arrives is what was sent.

The whole matrix takes minutes: `make soak` runs it, ordinary runs have a part of it.
"""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from honeystack.testing.wire import Impairment
from tests.testing.test_pairs import Transfer

LOSSES = (0.0, 0.01, 0.05, 0.20)
MEGABYTE = 1 << 20
HOUR = 3600.0  # of virtual time, which even a fifth of all frames lost does not need


def digests(size: int, loss: float, seed: int) -> tuple[str, str, str]:
    """Of what was sent, and of what each side got."""
    data = random.Random(seed).randbytes(size)
    wire = Impairment(loss=loss, duplicate=0.05, reorder=0.25, delay=0.1, jitter=0.1)
    transfer = Transfer(6 if seed % 2 else 4, data, wire, seed)
    transfer.pair.run_until(transfer.turn, bound=HOUR)
    sent, first, second = (sha256(each).hexdigest() for each in (data, transfer.got[0], transfer.got[1]))
    return sent, first, second


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_a_part_of_the_matrix(loss: float, seed: int) -> None:
    assert len(set(digests(128 * 1024, loss, seed))) == 1


@pytest.mark.soak
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(200))
def test_the_whole_matrix(loss: float, seed: int) -> None:
    assert len(set(digests(MEGABYTE, loss, seed))) == 1
