"""Every way to keep the kernel silent, and every way in which it fails."""

from __future__ import annotations

from typing import Any

import pytest

from honeystack.doctor.machine import Ran
from honeystack.doctor.silence import check_fence
from honeystack.net.address import AddressSet, Exclusions, parse_port_range
from honeystack.net.attachment import AttachmentSettings
from honeystack.net.fence import DOCUMENTED, TWINS, as_command
from honeystack.net.interface import PRIVILEGES
from tests.doctor.fakes import FakeMachine, statuses

EXCLUDED = Exclusions((parse_port_range("tcp/22"),), AddressSet())


def settings(fence: Any = "auto", interface: str = "eth0") -> AttachmentSettings:
    return AttachmentSettings(interface, exclusions=EXCLUDED, fence=fence)


def with_rules(*rules: tuple[str, ...], nft: Ran | None = None) -> FakeMachine:
    """A machine with these rules of iptables, with nft or without."""

    def iptables(argv: tuple[str, ...], given: str) -> Ran:
        assert argv[1] == "-C"
        return Ran(0 if (argv[0], *argv[2:]) in rules else 1, "")

    programs: dict[str, Any] = {"iptables": iptables, "ip6tables": iptables}
    if nft is not None:
        programs["nft"] = lambda argv, given: nft if "--check" in argv else Ran(0, "")
    return FakeMachine(programs=programs)


@pytest.mark.parametrize("kind", ["auto", "nft"])
def test_the_very_rules_are_checked_and_not_put_up(kind: str) -> None:
    machine = FakeMachine()
    [found] = check_fence(machine, settings(kind))
    assert found.status.value == "fine"
    argv, given = machine.ran[-1]
    assert argv == ("nft", "--check", "--file", "-")
    assert 'hook ingress device "eth0"' in given
    assert "tcp dport 22 accept" in given
    assert "192.0.2.1" in given
    assert [argv for argv, _ in machine.ran[:-1]] == [("nft", "list", "tables", "netdev")]


def test_what_nft_refuses_is_told() -> None:
    [found] = check_fence(with_rules(nft=Ran(1, "Error: no such hook\nmore")), settings())
    assert (found.status.value, found.message) == ("fault", "nft would refuse the fence: Error: no such hook")
    assert "modprobe nf_tables" in found.remedy


def test_what_needs_a_capability_is_told_with_how_to_give_it() -> None:
    [found] = check_fence(with_rules(nft=Ran(1, "netlink: Error: Operation not permitted")), settings())
    assert (found.status.value, found.remedy) == ("fault", PRIVILEGES)


def test_without_addresses_nothing_is_tried() -> None:
    [found] = check_fence(FakeMachine(), settings(interface="eth7"))
    assert found.status.value == "warning"
    assert "not tried: there is no network interface 'eth7'" in found.message


def test_a_honeypot_that_runs_already_is_told() -> None:
    table = "table netdev honeystack_4711_65746830\ntable netdev honeystack_4712_6c6f\ntable netdev other\n"
    machine = FakeMachine(programs={"nft": lambda argv, given: Ran(0, table)})
    first, second = check_fence(machine, settings())
    assert (first.status.value, first.remedy) == ("warning", "kill -TERM 4711")
    assert "process 4711 runs a honeypot on eth0 already" in first.message
    assert second.status.value == "fine"


@pytest.mark.parametrize("kind", ["auto", "nft"])
def test_without_nft_it_is_to_be_installed(kind: str) -> None:
    [found] = check_fence(FakeMachine(programs={}), settings(kind))
    assert (found.status.value, found.remedy) == ("fault", "apt install nftables")


def test_without_nft_documented_rules_do_with_less_cover() -> None:
    found = list(check_fence(with_rules(*DOCUMENTED, *TWINS), settings()))
    assert statuses(found) == ["fine", "warning"]
    assert found[1].remedy == "apt install nftables"
    assert statuses(list(check_fence(with_rules(*DOCUMENTED, *TWINS), settings("nft")))) == ["fault"]


def test_with_nft_they_are_not_asked_for() -> None:
    assert statuses(list(check_fence(with_rules(nft=Ran(0, "")), settings()))) == ["fine"]


def test_each_documented_rule_that_is_missing_is_a_fault_with_its_command() -> None:
    found = list(check_fence(with_rules(DOCUMENTED[0]), settings("iptables")))
    assert [(one.status.value, one.message, one.remedy) for one in found] == [
        ("fault", "iptables has no rule against the kernel's unreachables", as_command(DOCUMENTED[1]))
    ]
    assert statuses(list(check_fence(FakeMachine(programs={}), settings("iptables")))) == ["fault", "fault"]


def test_each_twin_that_is_missing_is_a_warning() -> None:
    found = list(check_fence(with_rules(*DOCUMENTED, TWINS[1]), settings("iptables")))
    assert [(one.status.value, one.message, one.remedy) for one in found] == [
        ("warning", "ip6tables has no rule against the kernel's resets", as_command(TWINS[0]))
    ]
    assert statuses(list(check_fence(with_rules(*DOCUMENTED, *TWINS), settings("iptables")))) == ["fine"]


def test_no_fence_is_as_it_was_asked_for_and_told() -> None:
    machine = FakeMachine()
    [found] = check_fence(machine, settings("none"))
    assert found.status.value == "warning"
    assert machine.ran == []
