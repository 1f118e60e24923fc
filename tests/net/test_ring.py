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
from honeystack.net.link import ChecksumState
from honeystack.net.ring import Ring

ETH0 = InterfaceFacts("eth0", 2, bytes.fromhex("020000000001"), 1500, ())


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (ring.STATUS_USER, ChecksumState.UNKNOWN),
        (ring.STATUS_USER | ring.STATUS_CSUM_VALID, ChecksumState.VALID),
        (ring.STATUS_USER | ring.STATUS_GSO_TCP, ChecksumState.VALID),
        (ring.STATUS_USER | ring.STATUS_CSUMNOTREADY | ring.STATUS_GSO_TCP, ChecksumState.PARTIAL),
    ],
)
def test_the_status_tells_of_the_checksum(status: int, state: ChecksumState) -> None:
    assert ring._checksum_state(status) is state


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
        ring._make_ring(packets, 128)


def left_behind(*slots: bool) -> Any:
    """A ring as its last reader left it: which slots hold frames that nobody has read."""
    link: Any = object.__new__(Ring)
    link._map = bytearray(len(slots) * ring.SLOT)
    link._size, link._at, link._dropped_in = len(link._map), 0, 0
    for number, filled in enumerate(slots):
        link._map[number * ring.SLOT] = ring.STATUS_USER if filled else 0
    return link


@pytest.mark.parametrize(
    ("slots", "place"),
    [((0, 0, 1, 1), 2), ((1, 0, 0, 1), 3), ((1, 1, 0, 0), 0), ((0, 1, 0, 0), 1)],
    ids=["at the end", "over the end", "at the beginning", "one"],
)
def test_a_ring_is_taken_over_where_its_last_reader_stopped(slots: tuple[bool, ...], place: int) -> None:
    link = left_behind(*slots)
    assert link._find_place()
    assert link._at == place * ring.SLOT


def test_an_empty_ring_does_not_tell_where_the_kernel_is() -> None:
    link = left_behind(False, False)
    assert not link._find_place()


def test_a_ring_that_is_full_of_old_frames_is_given_up() -> None:
    link = left_behind(True, True, True)
    assert not link._find_place()
    assert link._dropped_in == 3
    assert not any(link._map)


def test_importing_needs_no_linux() -> None:
    code = (
        "import socket, trio\n"
        "for name in [n for n in vars(socket) if n.startswith(('AF_PACKET', 'AF_NETLINK'))]: delattr(socket, name)\n"
        "import honeystack.net.ring, honeystack.net.attachment"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
