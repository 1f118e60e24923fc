"""A kernel's client through a cable that loses packets in both directions: what arrives is what was sent."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.live.arena import INTERFACE, V4, V6, Arena, honeypot, whole_segments
from tests.live.transfers import PATIENCE, both_at_once, download, services, upload

pytestmark = pytest.mark.live

Transfer = Callable[[Arena, str, int], tuple[str, str]]
TRANSFERS = [upload, download, both_at_once]
# On the attacker's machine both ways pass: what it receives at ingress, what it sends in its output chain. A packet tap
# on the honeypot's machine would see frames before any rule there drops them.
LOSS = f"""
table netdev loss {{ }}
delete table netdev loss
table inet loss {{ }}
delete table inet loss
table netdev loss {{ chain in {{ type filter hook ingress device "{INTERFACE}" priority 0
numgen random mod 100 < PERCENT counter drop
}}
}}
table inet loss {{ chain out {{ type filter hook postrouting priority 0
meta l4proto tcp numgen random mod 100 < PERCENT counter drop
}}
}}
"""
MEGABYTE, QUARTER = 1 << 20, 1 << 18


def lossy(folder_of: pytest.TempPathFactory, size: int) -> Iterator[Arena]:
    with honeypot(folder_of.mktemp("loss"), services(size)) as place:
        for machine in (place.attacker, place.pot):
            whole_segments(machine, INTERFACE)
        yield place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    yield from lossy(tmp_path_factory, MEGABYTE)


@pytest.fixture(scope="module")
def smaller_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    yield from lossy(tmp_path_factory, QUARTER)


def lose(place: Arena, percent: int) -> None:
    subprocess.run(
        place.attacker.command("nft", "-f", "-"), input=LOSS.replace("PERCENT", str(percent)), text=True, check=True
    )


def lost(place: Arena) -> list[int]:
    """Packets lost in each direction since `lose`."""
    said = place.attacker.run("nft", "list", "ruleset").stdout
    return [int(packets) for packets in re.findall(r"counter packets (\d+)", said)]


@pytest.mark.parametrize("target", [V4, V6], ids=["v4", "v6"])
@pytest.mark.parametrize("percent", [1, 5])
@pytest.mark.parametrize("transfer", TRANSFERS, ids=lambda transfer: transfer.__name__)
def test_a_megabyte_survives_loss(place: Arena, transfer: Transfer, percent: int, target: str) -> None:
    survives(place, transfer, percent, target, MEGABYTE)


@pytest.mark.parametrize("target", [V4, V6], ids=["v4", "v6"])
@pytest.mark.parametrize("transfer", TRANSFERS, ids=lambda transfer: transfer.__name__)
def test_a_quarter_of_it_survives_a_tenth_lost(smaller_place: Arena, transfer: Transfer, target: str) -> None:
    survives(smaller_place, transfer, 10, target, QUARTER)


def survives(place: Arena, transfer: Transfer, percent: int, target: str, size: int) -> None:
    lose(place, percent)
    sent, received = transfer(place, target, size)
    assert received == sent
    assert sum(lost(place)) > 0
    assert len(lost(place)) == 2
    place.wait(lambda: closed(place), "the end of every connection", within=PATIENCE)
    assert place.events("sensor", "fault") == []


def closed(place: Arena) -> bool:
    return len(place.events("tcp", "close")) == len(place.events("tcp", "connect"))
