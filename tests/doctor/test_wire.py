"""An interface that is not there, is down, is none, or joins segments."""

from __future__ import annotations

import pytest

from honeystack.doctor.wire import check_interface
from honeystack.net.attachment import AttachmentSettings
from honeystack.net.interface import InterfaceFacts
from tests.doctor.fakes import MAC, FakeMachine, statuses, troubles

ETH0 = AttachmentSettings("eth0")


def facts(mac: bytes = MAC, *addresses: str) -> dict[str, InterfaceFacts]:
    return {"eth0": InterfaceFacts("eth0", 2, mac, 1500, addresses)}


def test_one_that_serves_is_told_with_its_addresses() -> None:
    interface, offloads = check_interface(FakeMachine(), ETH0)
    assert interface.message == "eth0 is up, with 02:00:00:00:00:01 and 192.0.2.1/24, 2001:db8::1/64"
    assert statuses([interface, offloads]) == ["fine", "fine"]


def test_one_that_is_not_there_ends_the_look_at_it() -> None:
    [found] = check_interface(FakeMachine(), AttachmentSettings("eth7"))
    assert (found.status.value, found.message) == ("fault", "there is no interface eth7; there are eth0")
    assert found.remedy == 'interface = "eth0"'


def test_a_machine_without_any_is_told_too() -> None:
    [found] = check_interface(FakeMachine(known={}), ETH0)
    assert (found.message, found.remedy) == ("there is no interface eth0; there are none", "ip link")


@pytest.mark.parametrize(
    ("flags", "status", "message", "remedy"),
    [
        (0x40, "fault", "eth0 is down", "ip link set eth0 up"),
        (0x01, "warning", "eth0 has no carrier: nothing is connected to it", "ip link show eth0"),
        (0x49, "fault", "eth0 is the loopback: packets on it belong to the host alone", "ip -brief link"),
    ],
)
def test_its_state_is_told(flags: int, status: str, message: str, remedy: str) -> None:
    [found] = troubles(list(check_interface(FakeMachine(raised=flags), ETH0)))
    assert (found.status.value, found.message, found.remedy) == (status, message, remedy)


@pytest.mark.parametrize("mac", [b"", bytes(6), bytes(20)])
def test_without_a_mac_address_it_serves_nobody(mac: bytes) -> None:
    [found] = troubles(list(check_interface(FakeMachine(known=facts(mac, "192.0.2.1/24")), ETH0)))
    assert found.status.value == "fault"
    assert "no MAC address" in found.message


def test_addresses_come_from_the_interface_or_from_the_configuration() -> None:
    machine = FakeMachine(known=facts())
    [found] = troubles(list(check_interface(machine, ETH0)))
    assert (found.status.value, found.message) == (
        "fault",
        "eth0 has no addresses, and the configuration names none",
    )
    interface, _ = check_interface(machine, AttachmentSettings("eth0", addresses=("192.0.2.9/32",)))
    assert interface.message.endswith("and no addresses of its own")


def test_a_card_that_joins_segments_is_told() -> None:
    [found] = troubles(list(check_interface(FakeMachine(lro=True), ETH0)))
    assert (found.subject, found.status.value, found.remedy) == ("offloads", "warning", "ethtool -K eth0 lro off")
