"""Which capabilities are missing, for what, and how they are given."""

from __future__ import annotations

import pytest

from honeystack.doctor.privileges import check_netstack, check_socket
from honeystack.net.interface import PRIVILEGES
from tests.doctor.fakes import ALL, FakeMachine, statuses

RAW, ADMIN, LOW = 1 << 13, 1 << 12, 1 << 10


def test_root_has_all() -> None:
    [found] = check_netstack(FakeMachine(), fenced=True)
    assert (found.status.value, found.message) == ("fine", "CAP_NET_RAW and CAP_NET_ADMIN are there")


@pytest.mark.parametrize(
    ("effective", "missing"),
    [
        (0, ["CAP_NET_RAW is missing, for the packet socket", "CAP_NET_ADMIN is missing, for the fence"]),
        (ADMIN, ["CAP_NET_RAW is missing, for the packet socket"]),
        (RAW, ["CAP_NET_ADMIN is missing, for the fence"]),
    ],
)
def test_each_one_that_is_missing_is_named_with_its_remedy(effective: int, missing: list[str]) -> None:
    machine = FakeMachine(effective=effective, ambient=ALL, root=False)
    found = list(check_netstack(machine, fenced=True))
    assert [finding.message for finding in found] == missing
    assert statuses(found) == ["fault"] * len(missing)
    assert {finding.remedy for finding in found} == {PRIVILEGES}


def test_without_a_fence_of_ours_one_is_enough() -> None:
    [found] = check_netstack(FakeMachine(effective=RAW, root=False), fenced=False)
    assert (found.status.value, found.message) == ("fine", "CAP_NET_RAW are there")


def test_nft_is_another_program_and_gets_ambient_ones_only() -> None:
    [found] = check_netstack(FakeMachine(effective=RAW | ADMIN, root=False), fenced=True)
    assert (found.status.value, found.remedy) == ("warning", PRIVILEGES)
    assert "is not given CAP_NET_ADMIN" in found.message
    assert statuses(
        list(check_netstack(FakeMachine(effective=RAW | ADMIN, ambient=ADMIN, root=False), fenced=True))
    ) == ["fine"]


@pytest.mark.parametrize(
    ("effective", "ports", "status"),
    [(0, [8080], "fine"), (0, [], "fine"), (LOW, [80], "fine"), (0, [8080, 443, 80], "fault")],
)
def test_low_ports_of_kernel_sockets_need_one(effective: int, ports: list[int], status: str) -> None:
    [found] = check_socket(FakeMachine(effective=effective, root=False), ports)
    assert found.status.value == status
    if status == "fault":
        assert found.message == "CAP_NET_BIND_SERVICE is missing, for port 80"
        assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in found.remedy
