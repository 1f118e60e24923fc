"""Through a cable that reorders, a transfer neither collapses nor sends much of it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.live.arena import V4, V6, Arena, honeypot
from tests.live.relay import ENDS, Order
from tests.live.transfers import Run, fetch, post, services

pytestmark = [pytest.mark.live, pytest.mark.alone]

SIZE = 8 << 20
REORDERED = Order(share=0.25)
COLLAPSE = 0.25  # of the rate over the same cable when it keeps the order


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("reordering"), services(), relayed=True) as made:
        yield made


@pytest.mark.parametrize("target", [V4, V6], ids=["v4", "v6"])
@pytest.mark.parametrize(("transfer", "sender"), [(post, ENDS[1]), (fetch, ENDS[0])], ids=["upload", "download"])
def test_reordering_is_no_collapse(
    place: Arena, transfer: Callable[[Arena, str, int], Run], sender: str, target: str
) -> None:
    assert place.cable is not None
    place.cable.obey(Order())
    steady = transfer(place, target, SIZE)
    place.cable.obey(REORDERED)
    shaken = transfer(place, target, SIZE)
    counted = place.cable.obey(Order())[sender]
    assert counted["overtaken"] > 100
    assert counted["again"] < counted["segments"] / 10
    assert shaken.rate > COLLAPSE * steady.rate
