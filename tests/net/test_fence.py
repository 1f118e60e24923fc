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
from honeystack.net.fence import fence, fence_rules, table_commands

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
    assert commands[-1].endswith(f'"{fences.COMPLETE}"')
    assert all("}" not in line for command in commands[:2] for line in command.split("\n")[:1])


def test_interfaces_have_tables_of_different_names() -> None:
    assert fences.interface_number("eth0") != fences.interface_number("eth-0")
    assert fences.interface_number("eth0.5").isalnum()


class Machine:
    """Stands for subprocess: which programs there are, what nft does, which iptables rules exist."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.nft: str | None = "works"  # None: not installed; otherwise "works" or its complaint
        self.rules: set[tuple[str, ...]] = set()
        self.closed = self.killed = self.stubborn = False
        self.written = b""
        monkeypatch.setattr(fences.subprocess, "Popen", self.start)
        monkeypatch.setattr(fences.subprocess, "run", self.run)

    def start(self, argv: list[str], *, stderr: Any, **_: object) -> SimpleNamespace:
        if self.nft is None:
            raise FileNotFoundError("nft")
        if self.nft not in ("works", "hangs"):
            stderr.write(f"Error: {self.nft}\nmore\n".encode())
            stderr.flush()
        stdin = SimpleNamespace(write=self.write, flush=lambda: None, close=self.close)
        return SimpleNamespace(stdin=stdin, poll=lambda: None, wait=self.wait, kill=self.kill)

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def wait(self, timeout: float | None = None) -> None:
        if self.stubborn and not self.killed:
            raise fences.subprocess.TimeoutExpired("nft", 2)

    def kill(self) -> None:
        self.killed = True

    def run(self, argv: list[str], **_: object) -> SimpleNamespace:
        if argv[0] == "nft":
            return SimpleNamespace(stdout=fences.COMPLETE if self.nft == "works" else "", returncode=0)
        if argv[0] == "missing":
            raise FileNotFoundError(argv[0])
        return SimpleNamespace(returncode=0 if (argv[0], *argv[2:]) in self.rules else 1)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


async def raise_fence(kind: fences.FenceKind) -> str:
    async with fence(kind, "eth0", OURS, Exclusions()) as found:
        return found


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
    assert trio.current_time() >= fences.WAIT
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
