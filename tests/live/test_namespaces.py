"""The lab that demo and live tests stand on: it joins machines, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess

import pytest

from honeystack.net.namespaces import Lab, assign

pytestmark = pytest.mark.live


def names() -> list[str]:
    """The namespaces of this process; others may have theirs."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split() if f"-{os.getpid()}-" in name]


@pytest.mark.parametrize(
    ("near", "far"), [("192.0.2.1/24", "192.0.2.2/24"), ("2001:db8::1/64", "2001:db8::2/64")], ids=["v4", "v6"]
)
def test_two_hosts_reach_each_other_at_once(near: str, far: str) -> None:
    with Lab("hs-lab") as lab:
        left, right = lab.add("left"), lab.add("right")
        lab.join(left, right, "veth0", "veth0")
        assign(left, "veth0", [near])
        assign(right, "veth0", [far])
        assert left.run("ping", "-c1", "-W2", far.partition("/")[0]).returncode == 0


def test_nothing_is_left_behind() -> None:
    before = names()
    with Lab("hs-lab") as lab:
        host = lab.add("only")
        assert host.name in names()
    assert names() == before


def test_nothing_is_left_behind_after_an_error() -> None:
    before = names()
    with pytest.raises(ZeroDivisionError), Lab("hs-lab") as lab:
        raise ZeroDivisionError(lab.add("only").name)
    assert names() == before
