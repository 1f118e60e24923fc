"""Attaching: what is refused, what is owned, and that all is taken down again in every case."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import attrs
import pytest
import trio

from honeystack.errors import ConfigError, Unavailable
from honeystack.net import attachment
from honeystack.net.address import AddressSet, Exclusions, parse_port_range
from honeystack.net.attachment import (
    AttachmentSettings,
    attach,
    attach_many,
    attach_tap,
    broadcasts,
    fence_rules,
    links,
    owned_addresses,
    packet_filter_text,
)
from honeystack.net.fence import Fence
from honeystack.net.interface import InterfaceFacts
from honeystack.net.notices import AddressConflict

ETH0 = InterfaceFacts("eth0", 2, bytes.fromhex("020000000001"), 1400, ("192.0.2.1/24", "2001:db8::1/64"))
SSH = Exclusions((parse_port_range("tcp/22"),))


class FakeRing:
    """Keeps what it was opened with, and whether it is closed."""

    def __init__(self, interface: str, **options: object) -> None:
        self.interface, self.options, self.closed = interface, options, False
        rings.append(self)

    def close(self) -> None:
        self.closed = True


rings: list[FakeRing] = []


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    rings.clear()

    @asynccontextmanager
    async def fence(
        kind: str, interface: str, addresses: AddressSet, exclusions: Exclusions, *, vlan: str
    ) -> AsyncIterator[Fence]:
        if kind == "iptables":
            raise Unavailable("no fence")
        yield Fence("nft")

    monkeypatch.setattr(attachment, "interface_facts", lambda name: ETH0)
    monkeypatch.setattr(attachment, "Ring", FakeRing)
    monkeypatch.setattr(attachment.fences, "fence", fence)


async def test_a_stack_is_made_for_its_interface() -> None:
    settings = AttachmentSettings("eth0", exclusions=SSH, sniffer=True)
    async with attach(settings, rng=random.Random(1), secret=bytes(32)) as found:
        assert found.stack.settings.mac == ETH0.mac
        assert found.stack.settings.mtu == 1400
        assert [str(network) for network in found.stack.addresses] == ["192.0.2.1/32", "2001:db8::1/128"]
        assert found.stack.settings.vlan == "answer"
        assert found.stack.settings.midnight is not None
        assert 0 <= trio.current_time() - found.stack.settings.midnight < 86_401
        assert found.fence.kind == "nft"
        assert rings[0].options["all_multicast"] is True
        assert not rings[0].closed
    assert rings[0].closed


STRANGER = b"\x02\0\0\0\0\x99"
BOTH = ("192.0.2.1/32", "192.0.2.7/32", "2001:db8::7/128", "203.0.113.0/28")


@pytest.fixture
def conflicts(monkeypatch: pytest.MonkeyPatch) -> list[AddressConflict]:
    """What others have; with the packed addresses that were asked for at the end of `asked_for`."""
    found = [AddressConflict(ip_address("192.0.2.7").packed, STRANGER, withdrawn=True)]

    async def find_conflicts(ring: FakeRing, addresses: list[bytes], *, rng: object) -> list[AddressConflict]:
        assert not ring.closed
        asked_for.extend(str(ip_address(address)) for address in addresses)
        return found

    asked_for.clear()
    monkeypatch.setattr(attachment, "find_conflicts", find_conflicts)
    return found


asked_for: list[str] = []


async def test_what_others_have_is_not_answered_for(conflicts: list[AddressConflict]) -> None:
    settings = AttachmentSettings("eth0", addresses=BOTH, exclusions=SSH)
    async with attach(settings, rng=random.Random(1), secret=bytes(32)) as found:
        assert asked_for == ["192.0.2.7", "2001:db8::7"]
        assert list(map(str, found.stack.addresses)) == ["192.0.2.1/32", "2001:db8::7/128", "203.0.113.0/28"]
        assert found.conflicts == conflicts
        assert rings[0].closed  # that of the search
        assert list(map(str, rings[0].options["addresses"])) == ["192.0.2.7/32", "2001:db8::7/128"]  # type: ignore[call-overload]
        assert ip_address("192.0.2.7").packed not in rings[1].options["addresses"]  # type: ignore[operator]


async def test_nothing_is_asked_for_where_that_is_not_wanted_or_all_is_the_hosts(
    conflicts: list[AddressConflict],
) -> None:
    foreign = AttachmentSettings("eth0", addresses=BOTH, exclusions=SSH, duplicate_detection=False)
    for settings in (foreign, AttachmentSettings("eth0", exclusions=SSH)):
        async with attach(settings, rng=random.Random(1), secret=bytes(32)) as found:
            assert found.conflicts == []
    assert asked_for == []


async def test_where_others_have_everything_that_is_an_error(conflicts: list[AddressConflict]) -> None:
    settings = AttachmentSettings("eth0", addresses=("192.0.2.7/32",), exclusions=SSH)
    with pytest.raises(Unavailable, match="duplicate_detection = false"):
        async with attach(settings, rng=random.Random(1), secret=bytes(32)):
            raise AssertionError
    assert all(ring.closed for ring in rings)


async def test_a_search_that_fails_gives_its_ring_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def find_conflicts(*_: object, **__: object) -> list[AddressConflict]:
        raise OSError("the interface is down")

    monkeypatch.setattr(attachment, "find_conflicts", find_conflicts)
    with pytest.raises(OSError, match="is down"):
        async with attach(
            AttachmentSettings("eth0", addresses=BOTH, exclusions=SSH), rng=random.Random(1), secret=bytes(32)
        ):
            raise AssertionError
    assert rings[0].closed


async def test_without_exclusions_the_setting_that_allows_it_is_named() -> None:
    with pytest.raises(ConfigError, match="allow_no_exclude"):
        async with attach(AttachmentSettings("eth0"), rng=random.Random(1), secret=bytes(32)):
            raise AssertionError
    assert rings == []
    async with attach(AttachmentSettings("eth0", allow_no_exclude=True), rng=random.Random(1), secret=bytes(32)):
        assert not rings[0].closed


async def test_the_ring_is_given_back_when_the_fence_cannot_be_put_up() -> None:
    settings = AttachmentSettings("eth0", exclusions=SSH, fence="iptables")
    with pytest.raises(Unavailable):
        async with attach(settings, rng=random.Random(1), secret=bytes(32)):
            raise AssertionError
    assert rings[0].closed


class FakeTap:
    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def taps(monkeypatch: pytest.MonkeyPatch) -> list[FakeTap]:
    opened: list[FakeTap] = []

    def open_taps(interface: str, count: int, **options: object) -> list[FakeTap]:
        asked.append((interface, options))
        opened.extend(FakeTap() for _ in range(count))
        return opened

    asked.clear()
    monkeypatch.setattr(attachment, "open_taps", open_taps)
    return opened


asked: list[tuple[str, dict[str, object]]] = []


async def test_many_share_one_fence_and_all_is_given_back(taps: list[FakeTap]) -> None:
    settings = AttachmentSettings("eth0", exclusions=SSH, sniffer=True)
    async with attach_many(settings, 3, spread="flows", seed=7) as found:
        assert found.taps == taps
        assert found.fence.kind == "nft"
        assert len(taps) == 3
        assert not any(tap.closed for tap in taps)
    assert all(tap.closed for tap in taps)
    [(interface, options)] = asked
    assert (interface, options["all_multicast"], options["spread"], options["seed"]) == ("eth0", True, "flows", 7)
    assert [str(network) for network in options["addresses"]] == ["192.0.2.1/32", "2001:db8::1/128"]  # type: ignore[attr-defined]
    assert rings == []


async def test_what_others_have_none_of_many_answers_for(taps: list[FakeTap], conflicts: list[AddressConflict]) -> None:
    settings = AttachmentSettings("eth0", addresses=BOTH, exclusions=SSH)
    async with attach_many(settings, 2, spread="sources", seed=7) as found:
        assert found.conflicts == conflicts
        tap: Any = taps[0]
        with attach_tap(settings, tap, rng=random.Random(1), secret=b"all", withheld=["192.0.2.7"]) as one:
            assert ip_address("192.0.2.7").packed not in one.stack.addresses
            assert ip_address("2001:db8::7").packed in one.stack.addresses
    assert ip_address("192.0.2.7").packed not in asked[0][1]["addresses"]  # type: ignore[operator]


async def test_many_are_refused_as_one_is(taps: list[FakeTap]) -> None:
    with pytest.raises(ConfigError, match="allow_no_exclude"):
        async with attach_many(AttachmentSettings("eth0"), 2, spread="sources", seed=1):
            raise AssertionError
    assert taps == []
    with pytest.raises(Unavailable, match="no fence"):
        async with attach_many(
            AttachmentSettings("eth0", exclusions=SSH, fence="iptables"), 2, spread="sources", seed=1
        ):
            raise AssertionError
    assert all(tap.closed for tap in taps)


async def test_each_has_a_stack_on_its_tap_and_no_fence_of_its_own() -> None:
    tap: Any = FakeTap()
    settings = AttachmentSettings("eth0", exclusions=SSH, fence="iptables")
    with attach_tap(settings, tap, rng=random.Random(1), secret=b"all") as found:
        assert found.stack.settings.secret == b"all"
        assert found.stack.settings.exclusions == SSH
        assert [str(network) for network in found.stack.settings.broadcasts] == ["192.0.2.255/32"]
        assert ip_address("192.0.2.7").packed in found.stack.settings.links
        assert found.fence.kind == "none"
        assert rings[0].options["tap"] is tap
        assert rings[0].options["program"]
    assert rings[0].closed


def test_the_addresses_of_the_settings_count_before_those_of_the_interface() -> None:
    settings = AttachmentSettings("eth0", addresses=("203.0.113.0/28",))
    assert [str(network) for network in owned_addresses(settings, ETH0)] == ["203.0.113.0/28"]


def test_each_ipv4_prefix_of_the_interface_has_a_broadcast_but_those_of_two_and_of_one() -> None:
    addresses = ("192.0.2.1/24", "198.51.100.5/30", "10.0.0.1/31", "10.1.1.1/32", "2001:db8::1/64")
    found = broadcasts(attrs.evolve(ETH0, addresses=addresses))
    assert [str(network) for network in found] == ["192.0.2.255/32", "198.51.100.7/32"]


def test_the_prefixes_of_the_interface_are_its_link_and_so_are_link_local_addresses() -> None:
    assert [str(network) for network in links(ETH0)] == ["192.0.2.0/24", "2001:db8::/64", "fe80::/64"]
    assert not links(attrs.evolve(ETH0, addresses=()))


def test_an_interface_without_addresses_is_told() -> None:
    with pytest.raises(ConfigError, match="eth1 has no addresses"):
        owned_addresses(AttachmentSettings("eth1"), InterfaceFacts("eth1", 3, ETH0.mac, 1500, ()))


def test_plan_shows_the_fence_and_the_filter() -> None:
    assert "tcp dport 22 accept" in fence_rules(AttachmentSettings("eth0", exclusions=SSH))
    assert "vlan id 1-4095 accept" in fence_rules(AttachmentSettings("eth0", exclusions=SSH, vlan="ignore"))
    lines = packet_filter_text(SSH).splitlines()
    assert lines[0].split() == ["0", "0x28", "0", "0", "0xc"]
    assert lines[-1].endswith("0x40000")
