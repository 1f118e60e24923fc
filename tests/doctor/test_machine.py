"""What is read of the machine that the tests run on; its loopback is always there."""

from __future__ import annotations

import ctypes
import fcntl
import os
import ssl
import sys
from pathlib import Path
from struct import pack_into
from types import SimpleNamespace
from typing import Any

import pytest

from honeystack.compiled import is_compiled
from honeystack.doctor import machine as module
from honeystack.doctor.machine import Machine, Ran, nearest
from honeystack.errors import Unavailable


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_capabilities_are_two_masks(machine: Machine) -> None:
    effective, ambient = machine.capabilities()
    assert 0 <= ambient <= effective < 1 << 64
    assert machine.is_root() == (os.geteuid() == 0)


def test_the_loopback_is_up(machine: Machine) -> None:
    assert "lo" in machine.interfaces()
    assert machine.interface("lo").name == "lo"
    assert machine.flags("lo") & 0x8
    assert not machine.joins_segments("lo")
    with pytest.raises(Unavailable):
        machine.interface("nowhere0")


@pytest.mark.parametrize(("data", "joins"), [(1 << 15, True), (1 << 14, False), (0, False)])
def test_a_card_says_whether_it_joins_segments(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, data: int, joins: bool
) -> None:
    def ioctl(_: object, request: int, given: bytes) -> bytes:
        assert request == module.SIOCETHTOOL
        assert given[:16].rstrip(b"\0") == b"eth0"
        where = int.from_bytes(given[16:24], sys.byteorder)
        ctypes.c_uint32.from_address(where + 4).value = data
        return given

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert machine.joins_segments("eth0") is joins


def test_programs_that_only_look_are_run(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.run("sh", "-c", "cat; echo out; echo err >&2; exit 3", given="in ") == Ran(3, "in out\nerr\n")
    assert machine.run("no-such-program-here") is None

    def hang(*_: object, **__: object) -> None:
        raise module.subprocess.TimeoutExpired("x", 10)

    monkeypatch.setattr(module.subprocess, "run", hang)
    found = machine.run("x")
    assert found is not None
    assert found.code != 0


def test_places_are_looked_at_and_not_made(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b"
    assert nearest(deep) == tmp_path
    assert nearest(tmp_path) == tmp_path
    assert machine.writable(deep)
    assert machine.free(deep) > 0
    assert (machine.exists(deep), machine.is_directory(tmp_path)) == (False, True)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK | os.X_OK))
    assert not machine.writable(deep)


@pytest.mark.parametrize(
    ("state", "status", "told"), [(0, 0, True), (5, 0x40, False), (0, 0x2001, True), (-1, 0, None)]
)
def test_the_clock_is_as_the_kernel_says(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, state: int, status: int, told: bool | None
) -> None:
    def adjtimex(buffer: Any) -> int:
        assert not any(bytes(buffer)[:4]), "it must not set anything"
        pack_into("=i", buffer, 40, status)
        return state

    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(adjtimex=adjtimex))
    assert machine.clock_is_synchronised() is told


def test_a_library_without_that_call_says_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.clock_is_synchronised() in (True, False, None)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert machine.clock_is_synchronised() is None


def test_versions_are_those_of_what_runs(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.openssl()[0] == ssl.OPENSSL_VERSION
    assert machine.python() == ".".join(map(str, sys.version_info[:3]))
    assert machine.compiled() == is_compiled()
    for release, version in (("6.1.0-13-amd64", (6, 1)), ("5.10.0", (5, 10)), ("4.19-rc1.x", (4, 191))):
        monkeypatch.setattr(os, "uname", lambda release=release: SimpleNamespace(release=release))
        assert machine.kernel() == version


def test_its_surroundings_are_this_processs(machine: Machine) -> None:
    assert machine.variable("PATH") == os.environ["PATH"]
    assert isinstance(machine.sockets(), list)


V4 = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
V4_NET = "eth1 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
V4_HALF = "tun0 00000000 00000000 0001 0 0 0 00000080 0 0 0\n"
V4_ALL = "eth2 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n"
NONE = "0" * 32
V6_LO = f"{NONE} 00 {NONE} 00 {NONE} ffffffff 00000001 00000000 00200200       lo\n"
V6_ALL = f"{NONE} 00 {NONE} 00 fe800000000000000000000000000001 00000400 00000002 00000000 00000003     eth3\n"
V6_HALF = f"{NONE} 03 {NONE} 00 {NONE} 00000400 00000002 00000000 00000003     eth4\n"


@pytest.mark.parametrize(
    ("v4", "v6", "name"),
    [
        (V4 + V4_NET + V4_HALF + V4_ALL, V6_ALL, "eth2"),
        (V4 + V4_NET, V6_LO + V6_HALF + V6_ALL, "eth3"),
        (V4 + V4_NET, V6_LO, None),
        (None, None, None),
        ("", "broken\n", None),
    ],
)
def test_the_interface_that_leads_everywhere_is_found(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, v4: str | None, v6: str | None, name: str | None
) -> None:
    for file, text in (("route", v4), ("ipv6_route", v6)):
        if text is not None:
            (tmp_path / file).write_text(text)
    monkeypatch.setattr(module, "ROUTES", tmp_path)
    monkeypatch.setattr(Machine, "interfaces", lambda _: ["lo"])
    assert machine.default_interface() == name


def test_else_it_is_the_first_that_carries_frames(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    macs = {"lo": bytes(6), "tun0": b"", "eth5": b"\2" * 6, "eth6": b"\2" * 6}
    monkeypatch.setattr(module, "ROUTES", tmp_path)
    monkeypatch.setattr(Machine, "interfaces", lambda _: list(macs))
    monkeypatch.setattr(Machine, "interface", lambda _, name: SimpleNamespace(mac=macs[name]))
    assert machine.default_interface() == "eth5"
