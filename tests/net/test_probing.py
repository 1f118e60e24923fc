"""Asking a link whether addresses are free: which are asked for, that conflicts are found, and when it is over."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net import probing
from honeystack.net.address import AddressSet
from honeystack.net.interface import InterfaceFacts
from honeystack.net.link import ReceivedFrame
from honeystack.net.notices import AddressConflict
from honeystack.net.probing import CLAIMS, addresses_to_probe, find_conflicts, without
from honeystack.netstack import open_netstack
from honeystack.testing import MemoryLink, memory_link_pair
from tests.net.bpf import run
from tests.net.frames import PATH4, PATH6, packed, syn_frame, udp_frame
from tests.net.test_duplicates import CLAIMS as CONFLICTS

FACTS = InterfaceFacts("eth0", 2, bytes(6), 1500, ("192.0.2.1/24", "2001:db8::1/64"))
FREE4, FREE6 = packed("192.0.2.77"), packed("2001:db8::77")
TAKEN4, TAKEN6 = packed("192.0.2.10"), packed("2001:db8::10")


def texts(addresses: list[bytes]) -> list[str]:
    return [str(ipaddress.ip_address(address)) for address in addresses]


def test_what_the_interface_has_and_prefixes_are_not_asked_for() -> None:
    configured = AddressSet(
        ["192.0.2.1", "192.0.2.9", "192.0.2.9", "10.0.0.0/8", "10.1.2.3", "2001:db8::1/128", "2001:db8::9", "fe80::/64"]
    )
    assert texts(addresses_to_probe(configured, FACTS)) == ["192.0.2.9", "2001:db8::9"]


def test_no_more_are_asked_for_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MAX_PROBED", 3)
    many = AddressSet(f"10.0.0.{host}" for host in range(9))
    assert len(addresses_to_probe(many, FACTS)) == 3


@given(st.lists(st.ip_addresses().map(str), max_size=8), st.lists(st.integers(0, 7)))
def test_without_takes_away_single_addresses_only(addresses: list[str], which: list[int]) -> None:
    held = [packed(addresses[number]) for number in which if number < len(addresses)]
    left = without(AddressSet([*addresses, "10.0.0.0/8"]), held)
    assert packed("10.1.1.1") in left
    for address in map(packed, addresses):
        assert (address in left) is (address not in held or (address[0] == 10 and len(address) == 4))


async def ask(link: MemoryLink, *addresses: bytes) -> list[AddressConflict]:
    return await find_conflicts(link, addresses, rng=random.Random(1))


async def test_nobody_has_them(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = memory_link_pair()
    began = trio.current_time()
    assert await ask(ours, FREE4, FREE6) == []
    assert 1.0 <= trio.current_time() - began <= 1.1
    assert len(theirs.receive()) == 4


async def test_another_honeypot_has_them(autojump_clock: trio.testing.MockClock) -> None:
    """Our own stack defends its addresses, so that two of us do not take each other's."""
    ours, theirs = memory_link_pair()
    addresses = [f"{TAKEN}/32" for TAKEN in texts([TAKEN4])] + [f"{TAKEN}/128" for TAKEN in texts([TAKEN6])]
    async with open_netstack(link=theirs, addresses=addresses):
        found = await ask(ours, TAKEN4, FREE4, TAKEN6, FREE6)
    assert sorted(found) == sorted(AddressConflict(address, theirs.mac, withdrawn=True) for address in (TAKEN4, TAKEN6))


@pytest.mark.parametrize("seeds", [(1, 1), (1, 2), (2, 1)], ids=str)
async def test_of_two_that_ask_at_once_no_more_than_one_gets_it(
    autojump_clock: trio.testing.MockClock, seeds: tuple[int, int]
) -> None:
    """RFC 5227 §2.1.1, RFC 4862 §5.4.3: who hears the other ask may not have it."""
    found: list[bytes] = []

    async def one(link: MemoryLink, seed: int) -> None:
        conflicts = await find_conflicts(link, [FREE4, FREE6], rng=random.Random(seed))
        found.extend(conflict.address for conflict in conflicts)

    async with trio.open_nursery() as nursery:
        for link, seed in zip(memory_link_pair(), seeds, strict=True):
            nursery.start_soon(one, link, seed)
    assert set(found) == {FREE4, FREE6}


async def test_other_traffic_neither_hides_nor_delays(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = memory_link_pair()

    async def flood() -> None:
        while True:
            for _ in range(20):
                ours.deliver(ReceivedFrame(udp_frame(PATH4, b"x")))
            await trio.sleep(0.01)

    began = trio.current_time()
    async with open_netstack(link=theirs, addresses=["192.0.2.10/32"]), trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        assert len(await ask(ours, TAKEN4, FREE4)) == 1
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began < 1.1


FRAMES: dict[str, Callable[[], bytes]] = {name: lambda frame=frame: frame for name, (_, frame) in CONFLICTS.items()}


@pytest.mark.parametrize("name", FRAMES)
def test_the_kernels_filter_lets_every_claim_through(name: str) -> None:
    assert run(CLAIMS, FRAMES[name]())


def test_the_kernels_filter_keeps_the_rest() -> None:
    for frame in (udp_frame(PATH4, b"x"), syn_frame(PATH6), bytes(14)):
        assert not run(CLAIMS, frame)
