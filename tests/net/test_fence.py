"""The fence's rules, and what it says where it cannot be put up; tests/live/test_fence.py tries it on a kernel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Unavailable
from honeystack.net import fence as fences
from honeystack.net.address import AddressSet, Exclusions, PortRange, parse_port_range
from honeystack.net.fence import FenceChange, fence, fence_rules, table_commands
from honeystack.net.nft import COMPLETE, WAIT
from tests.net.machine import Machine

OURS = AddressSet(["192.0.2.1", "2001:db8::1"])


def excluding(*ports: str, addresses: tuple[str, ...] = ()) -> Exclusions:
    return Exclusions(tuple(map(parse_port_range, ports)), AddressSet(addresses))


def test_the_rules_of_the_documented_example() -> None:
    assert fence_rules(OURS, excluding("tcp/8022", addresses=("203.0.113.0/24",))) == [
        "ip saddr { 203.0.113.0/24 } accept",
        "arp saddr ip { 203.0.113.0/24 } accept",
        "tcp dport 8022 accept",
        "ip frag-off & 0x1fff != 0 accept",
        "frag frag-off != 0 accept",
        "icmpv6 type { nd-neighbor-advert, nd-router-advert } accept",
        "arp operation request arp daddr ip { 192.0.2.1 } drop",
        "ip daddr { 192.0.2.1 } drop",
        "ip daddr 224.0.0.0/4 meta l4proto igmp drop",
        "icmpv6 type nd-neighbor-solicit @th,64,128 0x20010db8000000000000000000000001 drop",
        "ip6 daddr { 2001:db8::1 } drop",
        "ip6 daddr ff00::/8 icmpv6 type { echo-request, mld-listener-query, 139 } drop",
    ]


def test_a_port_without_protocol_is_accepted_for_both() -> None:
    rules = fence_rules(OURS, excluding("456", "udp/1-9"))
    assert rules[:3] == ["tcp dport 456 accept", "udp dport 1-9 accept", "udp dport 456 accept"]


def test_where_tags_are_ignored_tagged_frames_are_the_hosts() -> None:
    assert fence_rules(OURS, Exclusions(), vlan="ignore")[0] == "vlan id 1-4095 accept"
    assert not any("vlan" in rule for rule in fence_rules(OURS, Exclusions()))


def test_the_rules_of_prefixes_and_of_everything() -> None:
    rules = fence_rules(AddressSet(["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"]), excluding(addresses=("::/0",)))
    assert "ip daddr { 10.0.0.0/8 } drop" in rules
    assert "icmpv6 type nd-neighbor-solicit @th,64,32 0x20010db8 drop" in rules
    assert rules[0] == "meta protocol ip6 accept"
    assert "icmpv6 type nd-neighbor-solicit drop" in fence_rules(AddressSet(["::/0"]), Exclusions())
    assert not [rule for rule in fence_rules(AddressSet(["192.0.2.1"]), Exclusions()) if "ip6 daddr" in rule]


NETWORKS = st.ip_addresses().flatmap(lambda a: st.integers(0, a.max_prefixlen).map(lambda n: f"{a}/{n}"))
PORTS = st.tuples(st.sampled_from([None, 6, 17]), st.integers(0, 9), st.integers(10, 65535)).map(
    lambda port: PortRange(*port)
)


@given(st.lists(NETWORKS, min_size=1).map(AddressSet), st.lists(NETWORKS).map(AddressSet), st.lists(PORTS).map(tuple))
def test_what_is_accepted_is_ahead_of_all_drops(ours: AddressSet, hosts: AddressSet, ports: Any) -> None:
    verdicts = [rule.rpartition(" ")[2] for rule in fence_rules(ours, Exclusions(ports, hosts))]
    assert verdicts == sorted(verdicts)
    assert set(verdicts) == {"accept", "drop"}


def test_the_table_is_owned_and_its_last_rule_says_that_it_is_complete() -> None:
    commands = table_commands("honeystack_1", "eth0", OURS, Exclusions())
    assert "flags owner" in commands[0]
    assert 'hook ingress device "eth0"' in commands[1]
    assert commands[-1].endswith(f'"{COMPLETE}"')
    assert all("}" not in line for command in commands[:2] for line in command.split("\n")[:1])


def test_interfaces_have_tables_of_different_names() -> None:
    assert fences.interface_number("eth0") != fences.interface_number("eth-0")
    assert fences.interface_number("eth0.5").isalnum()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


async def raise_fence(kind: fences.FenceKind) -> str:
    async with fence(kind, "eth0", OURS, Exclusions()) as found:
        return found.kind


@pytest.mark.parametrize("kind", ["auto", "nft"])
async def test_nft_is_told_all_and_let_go_at_the_end(machine: Machine, kind: fences.FenceKind) -> None:
    assert await raise_fence(kind) == "nft"
    assert b"drop" in machine.written
    assert machine.closed
    assert not machine.killed


async def test_nft_that_does_not_end_is_killed(machine: Machine) -> None:
    machine.stubborn = True
    assert await raise_fence("nft") == "nft"
    assert machine.killed


async def test_no_fence_where_none_is_wanted(machine: Machine) -> None:
    assert await raise_fence("none") == "none"
    assert machine.written == b""


@pytest.mark.parametrize(
    ("nft", "says"), [(None, "Debian's package nftables"), ("no netdev", "nft refuses.*no netdev")]
)
async def test_without_nft_the_remedy_is_told(machine: Machine, nft: str | None, says: str) -> None:
    machine.nft = nft
    with pytest.raises(Unavailable, match=says):
        await raise_fence("nft")
    with pytest.raises(Unavailable, match=rf"{says}.*`iptables -A OUTPUT -p icmp .*fence = \"none\""):
        await raise_fence("auto")


@pytest.mark.parametrize("kind", ["auto", "nft"])
async def test_without_the_capability_the_remedy_is_told(machine: Machine, kind: fences.FenceKind) -> None:
    machine.nft = "Operation not permitted (you must be root)"
    with pytest.raises(
        Unavailable, match=r"^the fence needs the capability CAP_NET_ADMIN: run it as root.*setpriv"
    ) as told:
        await raise_fence(kind)
    assert "iptables" not in str(told.value)  # would be refused likewise
    assert machine.closed


async def test_nft_that_does_not_answer_is_given_up(machine: Machine, autojump_clock: trio.testing.MockClock) -> None:
    machine.nft = "hangs"
    with pytest.raises(Unavailable, match="does not answer"):
        await raise_fence("nft")
    assert trio.current_time() >= WAIT
    assert machine.closed


@pytest.mark.parametrize("kind", ["auto", "iptables"])
async def test_the_documented_rules_are_enough_where_nft_is_missing(machine: Machine, kind: fences.FenceKind) -> None:
    machine.nft = None
    machine.rules = set(fences.DOCUMENTED)
    assert await raise_fence(kind) == "iptables"


async def test_half_of_the_documented_rules_are_not_enough(machine: Machine) -> None:
    machine.rules = {fences.DOCUMENTED[0]}
    with pytest.raises(Unavailable, match="answer beside the honeypot"):
        await raise_fence("iptables")


@pytest.mark.parametrize("twins", [True, False])
async def test_what_the_documented_rules_leave_open_is_logged(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, twins: bool
) -> None:
    said: list[object] = []
    monkeypatch.setattr(fences, "log", SimpleNamespace(warning=lambda text, **fields: said.extend(fields.values())))
    machine.rules = {*fences.DOCUMENTED, *(fences.TWINS if twins else ())}
    await raise_fence("iptables")
    assert ("`ip6tables -A" in str(said)) is not twins
    assert "echo" in str(said)


def test_a_missing_iptables_has_no_rules(machine: Machine) -> None:
    assert not fences._has_rule(("missing", "OUTPUT"))


async def watched(machine: Machine, seconds: float, status: int = -9) -> list[FenceChange]:
    """What is told of a fence whose nft ends after a second."""
    told: list[FenceChange] = []
    async with fence("nft", "eth0", OURS, Exclusions()) as found, trio.open_nursery() as nursery:
        nursery.start_soon(found.watch, told.append)
        await trio.sleep(1)
        machine.processes[-1].status = status
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()
    return told


@pytest.mark.parametrize(
    ("status", "reason"), [(-9, "nft was killed by signal 9"), (1, "nft ended with status 1")], ids=["killed", "ended"]
)
async def test_a_fence_that_falls_is_put_up_again(
    machine: Machine, autojump_clock: trio.testing.MockClock, status: int, reason: str
) -> None:
    down, up = await watched(machine, 5, status)
    assert down == FenceChange(up=False, reason=reason)
    assert (up.up, up.reason) == (True, reason)
    assert len(machine.processes) == 2
    assert machine.written.count(COMPLETE.encode()) == 2


async def test_a_fence_that_cannot_be_put_up_again_is_tried_for_as_long_as_it_takes(
    machine: Machine, autojump_clock: trio.testing.MockClock
) -> None:
    async def mend() -> None:
        await trio.sleep(100)
        machine.nft = "works"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(mend)
        told: list[FenceChange] = []
        async with fence("nft", "eth0", OURS, Exclusions()) as found, trio.open_nursery() as inner:
            inner.start_soon(found.watch, told.append)
            machine.nft, machine.processes[0].status = "no memory", -9
            with trio.fail_after(200):
                while len(told) < 2:  # noqa: ASYNC110  told by a plain call
                    await trio.sleep(1)
            inner.cancel_scope.cancel()
    assert [change.up for change in told] == [False, True]
    assert 100 <= told[1].seconds < 100 + fences.LONGEST_PAUSE + 1
    assert len(machine.processes) < 12  # with pauses that grow


async def test_rules_of_iptables_that_go_and_come_back_are_told(
    machine: Machine, autojump_clock: trio.testing.MockClock
) -> None:
    machine.rules = set(fences.DOCUMENTED)
    told: list[FenceChange] = []
    async with fence("iptables", "eth0", OURS, Exclusions()) as found, trio.open_nursery() as nursery:
        nursery.start_soon(found.watch, told.append)
        await trio.sleep(100)
        assert told == []
        machine.rules = {fences.DOCUMENTED[1]}
        await trio.sleep(100)
        assert [change.up for change in told] == [False]
        machine.rules = set(fences.DOCUMENTED)
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert [change.up for change in told] == [False, True]
    assert told[1].seconds == pytest.approx(100, abs=fences.LOOK)


@pytest.mark.parametrize("kind", ["none", "iptables"])
async def test_what_stands_by_itself_is_watched_in_vain(
    machine: Machine, autojump_clock: trio.testing.MockClock, kind: fences.FenceKind
) -> None:
    machine.rules = set(fences.DOCUMENTED)
    async with fence(kind, "eth0", OURS, Exclusions()) as found:
        with trio.move_on_after(100) as waited:
            await found.watch(pytest.fail)
    assert waited.cancelled_caught
