"""The tools that look for weak IPv6 stacks find in honeystack what they find in the Linux beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.street import TARGET
from tests.live.terrace import Pair, both, heard_while, terrace

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.punctual]

OWN = {"133", "135", "136", "143"}  # what a kernel says of its own accord, and answers to what the neighbour's asks
LIMITED = {"1", "4"}  # errors: how many are let out depends on the moment
FUZZ = {
    "echo requests": ["-1"],
    "chains of all headers": ["-F", "-H", "-D", "-S", "-J", "-1"],
    "listener queries": ["-7"],
    "reports": ["-8"],
    "node queries": ["-0"],
}


@pytest.fixture(scope="module")
def pairs() -> Iterator[list[Pair]]:
    with terrace() as built:
        yield built


def results(said: str) -> dict[str, str]:
    """The verdict on each test case of atk6-implementation6."""
    return dict(re.findall(r"^Test +(\d+): .*?\t+(.*?)$", said, re.MULTILINE))


def test_implementation6_has_the_same_result_in_every_case(pairs: list[Pair]) -> None:
    command = ["atk6-implementation6", "eth0", TARGET[6]]
    said = both(pairs, lambda pair: pair.neighbour.run(*command, timeout=400, check=False).stdout)
    kernel, ours = results(said["kernel"]), results(said["ours"])
    assert len(kernel) == 59
    assert sum(verdict.startswith("PASSED") for verdict in kernel.values()) > 15
    assert {case: (kernel[case], ours.get(case)) for case in kernel if ours.get(case) != kernel[case]} == {}


def test_fragmentation6_is_answered_as_by_linux_but_for_overlaps(pairs: list[Pair], tmp_path: Path) -> None:
    command = ["atk6-fragmentation6", "-p", "eth0", TARGET[6]]
    heard = both(pairs, lambda pair: heard_while(pair, tmp_path, *command))
    echoes = ("129", "0", "")
    # Three of its cases send a fragment twice with other bytes: docs/differences.md says why we discard both.
    assert heard["kernel"].pop(echoes) - heard["ours"].pop(echoes) == 3
    assert unlike(heard["kernel"], heard["ours"]) == {}


@pytest.mark.parametrize("flags", FUZZ.values(), ids=FUZZ)
def test_fuzz_ip6_is_answered_as_by_linux(pairs: list[Pair], tmp_path: Path, flags: list[str]) -> None:
    command = ["atk6-fuzz_ip6", "-a", *flags, "eth0", TARGET[6]]
    heard = both(pairs, lambda pair: heard_while(pair, tmp_path, *command))
    assert unlike(heard["kernel"], heard["ours"]) == {}


def test_fuzzed_solicitations_are_answered_as_by_linux(pairs: list[Pair], tmp_path: Path) -> None:
    command = ["atk6-fuzz_ip6", "-a", "-2", "eth0", TARGET[6]]
    heard = both(pairs, lambda pair: heard_while(pair, tmp_path, *command))
    advertised = {side: found["136", "0", ""] for side, found in heard.items()}
    assert advertised["kernel"] > 500
    assert abs(advertised["kernel"] - advertised["ours"]) <= 3  # the neighbour's kernel asks too


def unlike(kernel: Counter[tuple[str, ...]], ours: Counter[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[int, int]]:
    """What came more often from one side; errors may differ in number, but not in being there."""
    return {
        kind: (kernel[kind], ours[kind])
        for kind in kernel | ours
        if kind[0] not in OWN
        and kernel[kind] != ours[kind]
        and not (kind[0] in LIMITED and kernel[kind] and ours[kind])
    }
