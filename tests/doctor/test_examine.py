"""All checks together, for each kind of listener, and those of the clock and the software."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from honeystack.config import parse_config
from honeystack.config.model import Config
from honeystack.doctor.examine import check_clock, check_software, examine
from tests.doctor.fakes import FakeMachine, socket, statuses, troubles

NETSTACK = """
[listener]
type = "netstack"
interface = "eth0"
exclude_ports = ["tcp/22"]
[channel.out]
type = "file"
filename = "events.jsonl"
"""
SOCKET = '[listener]\ntype = "socket"\n[channel.out]\ntype = "console"\n'


def config(text: str, folder: Path) -> Config:
    return attrs.evolve(parse_config(text, path=folder / "config.toml"), data=folder)


def test_a_machine_on_which_all_is_fine_says_so_subject_by_subject(tmp_path: Path) -> None:
    machine = FakeMachine(listening=[socket("tcp/22")], variables={"SSH_CONNECTION": "198.51.100.7 1 192.0.2.1 22"})
    found = list(examine(machine, config(NETSTACK, tmp_path)))
    assert troubles(found) == []
    assert list(dict.fromkeys(one.subject for one in found)) == [
        *("capabilities", "interface", "offloads", "fence", "your session", "listeners", "data directory", "channels"),
        *("clock", "software"),
    ]


def test_kernel_sockets_need_less(tmp_path: Path) -> None:
    found = list(examine(FakeMachine(effective=0, root=False, programs={}), config(SOCKET, tmp_path)))
    assert troubles(found) == []
    assert [one.subject for one in found][:3] == ["capabilities", "listeners", "data directory"]


@pytest.mark.parametrize(("fence", "faults"), [("nft", 2), ("none", 1), ("iptables", 1)])
def test_the_fence_says_which_capabilities_are_needed(tmp_path: Path, fence: str, faults: int) -> None:
    machine = FakeMachine(effective=0, root=False, listening=[socket("tcp/22")])
    text = NETSTACK.replace("[channel", f'fence = "{fence}"\n[channel', 1)
    found = [one for one in examine(machine, config(text, tmp_path)) if one.subject == "capabilities"]
    assert statuses(found) == ["fault"] * faults


@pytest.mark.parametrize(("synchronised", "status"), [(True, "fine"), (False, "warning"), (None, "warning")])
def test_a_clock_that_nobody_keeps_is_told(synchronised: bool | None, status: str) -> None:
    found = check_clock(FakeMachine(synchronised=synchronised))
    assert found.status.value == status
    assert bool(found.remedy) == (status != "fine")


def test_the_software_is_named() -> None:
    built, tls = check_software(FakeMachine(), several=False)
    assert built.message == "Python 3.11.7; the stack runs compiled"
    assert tls.message.startswith("OpenSSL 3.0.19")
    plain, hidden = check_software(FakeMachine(fast=False, libssl=False), several=False)
    assert "from sources" in plain.message
    assert statuses([plain, hidden]) == ["fine", "warning"]


@pytest.mark.parametrize(("linux", "several", "told"), [((5, 9), True, 3), ((5, 10), True, 2), ((4, 19), False, 2)])
def test_several_workers_need_a_kernel_that_shares(linux: tuple[int, int], several: bool, told: int) -> None:
    assert len(list(check_software(FakeMachine(linux=linux), several=several))) == told


def test_workers_of_the_configuration_are_asked_for(tmp_path: Path) -> None:
    machine = FakeMachine(linux=(5, 4), listening=[socket("tcp/22")])
    text = NETSTACK.replace("[channel", "workers = 4\n[channel", 1)
    assert [one.remedy for one in troubles(list(examine(machine, config(text, tmp_path))))] == [
        "workers = 1 in [listener]"
    ]
