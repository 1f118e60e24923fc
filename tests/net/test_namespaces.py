"""What a lab does without any privilege: the commands it would run, and what it says when it may not."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from honeystack.errors import Unavailable
from honeystack.net import namespaces
from honeystack.net.namespaces import Host, Lab, assign


class Shell:
    """Stands for subprocess.run and keeps what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failing: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.failing = failing
        monkeypatch.setattr(namespaces.subprocess, "run", self.run)

    def run(self, argv: list[str], **_: object) -> SimpleNamespace:
        self.asked.append(" ".join(argv))
        if self.failing:
            raise self.failing
        return SimpleNamespace(returncode=0, stdout="", stderr="")


def test_a_command_runs_inside_its_host() -> None:
    assert Host("hs-1-a").command("true") == ["ip", "netns", "exec", "hs-1-a", "true"]


def test_every_host_is_deleted_at_the_end_last_made_first(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(monkeypatch)
    with Lab() as lab:
        first, second = lab.add("first"), lab.add("second")
        shell.asked.clear()
    assert shell.asked == [f"ip netns delete {second.name}", f"ip netns delete {first.name}"]


def test_a_cable_has_both_its_ends_up(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(monkeypatch)
    Lab().join(Host("a"), Host("b"), "veth0", "veth1")
    assert shell.asked == [
        "ip link add veth0 netns a type veth peer name veth1 netns b",
        "ip netns exec a ip link set veth0 up",
        "ip netns exec b ip link set veth1 up",
    ]


def test_ipv6_addresses_are_usable_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(monkeypatch)
    assign(Host("a"), "veth0", ["192.0.2.1/24", "2001:db8::1/64"])
    assert shell.asked == [
        "ip netns exec a ip address add 192.0.2.1/24 dev veth0",
        "ip netns exec a ip address add 2001:db8::1/64 dev veth0 nodad",
    ]


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [
        (FileNotFoundError("ip"), "iproute2"),
        (subprocess.CalledProcessError(1, "ip", stderr="Operation not permitted\n"), "run it as root"),
    ],
)
def test_what_is_missing_is_said_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, remedy: str
) -> None:
    Shell(monkeypatch, failure)
    with pytest.raises(Unavailable, match=remedy):
        Lab().add("a")
