"""What of the ring can be tried without an interface; tests/live/test_ring.py does the rest."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from honeystack.errors import Unavailable
from honeystack.net import ring
from honeystack.net.address import AddressSet
from honeystack.net.interface import InterfaceFacts
from honeystack.net.ring import Ring, Tap

ETH0 = InterfaceFacts("eth0", 2, bytes.fromhex("020000000001"), 1500, ())


def test_without_the_capability_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(ring, "interface_facts", lambda name: ETH0)
    monkeypatch.setattr(ring.socket, "socket", refuse)
    with pytest.raises(Unavailable, match=r"CAP_NET_RAW: run it as root, or .*`AmbientCapabilities="):
        Ring("eth0")


def test_another_system_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "interface_facts", lambda name: ETH0)
    monkeypatch.delattr(ring.socket, "AF_PACKET")
    with pytest.raises(Unavailable, match="needs Linux"):
        Ring("eth0")


def test_what_is_no_ethernet_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "interface_facts", lambda name: InterfaceFacts("tun0", 3, b"", 1400, ()))
    with pytest.raises(Unavailable, match="tun0 is no Ethernet"):
        Ring("tun0")


class Packets:
    """Stands for a packet socket; keeps the options that are set."""

    def __init__(self, refused: int | None = None) -> None:
        self.options: list[Any] = []
        self.refused = refused

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        if option == self.refused:
            raise OSError(92, "Protocol not available")
        self.options.append(value)


def test_each_ipv6_address_has_its_group_joined() -> None:
    packets: Any = Packets()
    ring._join_groups(packets, 2, AddressSet(["192.0.2.0/24", "2001:db8::12:3456"]), False)
    assert [value[8:14].hex() for value in packets.options] == ["3333ff123456"]


@pytest.mark.parametrize(("addresses", "everything"), [(["2001:db8::/64"], False), (["192.0.2.1"], True)])
def test_prefixes_and_sniffers_join_all_groups(addresses: list[str], everything: bool) -> None:
    packets: Any = Packets()
    ring._join_groups(packets, 2, AddressSet(addresses), everything)
    assert [value[4:6] for value in packets.options] == [ring.PACKET_MR_ALLMULTI.to_bytes(2, "little")]


def test_an_old_kernel_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    packets: Any = Packets(refused=ring.PACKET_IGNORE_OUTGOING)
    with pytest.raises(Unavailable, match=r"Linux 4\.20"):
        ring._make_rings(Tap(packets, packets, packets), 128)


def test_importing_needs_no_linux() -> None:
    code = (
        "import socket, trio\n"
        "for name in [n for n in vars(socket) if n.startswith(('AF_PACKET', 'AF_NETLINK'))]: delattr(socket, name)\n"
        "import honeystack.net.ring, honeystack.net.attachment"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_numpy_syns_are_taken_one_by_one() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from types import SimpleNamespace\n"
        "from honeystack.net import ring\n"
        "link = object.__new__(ring.Ring)\n"
        "link._syns = SimpleNamespace(take=lambda limit: [limit])\n"
        "assert link.receive_syns(2048) == (None, [ring.FEW])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
