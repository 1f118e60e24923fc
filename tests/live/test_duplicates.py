"""Addresses that the honeypot's host does not own: asked for at start, and left to whoever has them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from honeystack.net.interface import interface_facts
from honeystack.net.wire.arp import REQUEST, Arp, encode_arp
from honeystack.net.wire.ethernet import ARP, BROADCAST, encode_ethernet
from tests.live.arena import OUTPUTS, Arena, arena, inside

pytestmark = pytest.mark.live

FREE4, FREE6 = "192.0.2.77", "2001:db8::77"
TAKEN4, TAKEN6 = "192.0.2.10", "2001:db8::10"
LISTENER = f"""
[listener]
type = "netstack"
interface = "eth0"
exclude_ports = ["tcp/8022"]
addresses = ["{FREE4}/32", "{TAKEN4}/32", "{FREE6}/128", "{TAKEN6}/128"]
"""


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Arena]:
    """A link where the attacker's host has two of the addresses already."""
    with arena(tmp_path) as place:
        for address in (f"{TAKEN4}/24", f"{TAKEN6}/64"):
            place.attacker.run("ip", "address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
        yield place


def connects(place: Arena, address: str) -> bool:
    """Whether a handshake to a port of the address is completed, from the attacker's machine, over the link."""
    with inside(place.attacker):
        client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    with client:
        client.settimeout(3)
        return client.connect_ex((address, 80)) == 0


@pytest.mark.parametrize("more", ["", "workers = 2\n"], ids=["one process", "workers"])
def test_what_another_host_has_is_told_and_not_answered_for(street: Arena, more: str) -> None:
    with inside(street.attacker):
        mac = interface_facts("eth0").mac.hex(":")
    street.start(LISTENER + more + OUTPUTS)
    told = street.wait_events("sensor", "conflict", 2)
    assert {(event["conflict.address"], event["conflict.mac"], event["conflict.withdrawn"]) for event in told} == {
        (TAKEN4, mac, True),
        (TAKEN6, mac, True),
    }
    assert all(f"{address}" in street.log for address in (TAKEN4, TAKEN6))
    assert connects(street, FREE4)
    assert connects(street, FREE6)
    for address in (TAKEN4, TAKEN6):  # would be asked for on the link, were they not the attacker's own
        street.attacker.run("ip", "address", "del", f"{address}/{64 if ':' in address else 24}", "dev", "eth0")
        assert not connects(street, address)


def test_where_nobody_has_them_a_second_is_all_that_it_costs(street: Arena) -> None:
    listener = LISTENER.replace(f'"{TAKEN4}/32", ', "").replace(f', "{TAKEN6}/128"', "")
    took = []
    for more in ("duplicate_detection = false\n", ""):
        began = time.monotonic()
        street.start(listener + more + OUTPUTS)
        took.append(time.monotonic() - began)
        assert connects(street, FREE4)
        assert street.stop() == 0
        (street.folder / "log.txt").unlink()
    assert took[1] - took[0] < 5  # it is one second, on a machine that is busy with other things
    assert street.events("sensor", "conflict") == []


def test_a_host_that_takes_an_address_later_is_told(street: Arena) -> None:
    street.start(LISTENER + OUTPUTS)
    street.wait_events("sensor", "conflict", 2)
    with inside(street.attacker):
        mac = interface_facts("eth0").mac
        ours = ip_address(FREE4).packed
        announcement = encode_ethernet(BROADCAST, mac, ARP) + encode_arp(Arp(REQUEST, mac, ours, bytes(6), ours))
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packets:
            packets.bind(("eth0", 0))
            packets.send(announcement)
    later = street.wait(
        lambda: [event for event in street.events("sensor", "conflict") if not event["conflict.withdrawn"]],
        "a conflict that is found later",
    )
    assert [(event["conflict.address"], event["conflict.mac"]) for event in later] == [(FREE4, mac.hex(":"))]
    assert connects(street, FREE4)
