"""Ports that the honeypot would take from the host, ports that are excluded for nobody, and the operator's session."""

from __future__ import annotations

import pytest

from honeystack.config import parse_config
from honeystack.doctor.neighbours import check_free, check_session, check_taken, planned_ports, ssh_session
from honeystack.net.address import AddressSet, Exclusions, parse_port_range
from honeystack.net.attachment import AttachmentSettings
from tests.doctor.fakes import FakeMachine, socket, statuses

SSH = {"SSH_CONNECTION": "198.51.100.7 50123 192.0.2.1 22"}


def settings(*ports: str, hosts: tuple[str, ...] = (), interface: str = "eth0", addresses: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    exclusions = Exclusions(tuple(parse_port_range(text) for text in ports), AddressSet(hosts))
    return AttachmentSettings(interface, exclusions=exclusions, addresses=addresses)


def test_where_all_agrees_that_is_said_once() -> None:
    machine = FakeMachine(listening=[socket("tcp/22"), socket("tcp/22", "::"), socket("udp/123", "192.0.2.1")])
    [found] = check_taken(machine, settings("tcp/22", "udp/123"))
    assert found.status.value == "fine"


def test_what_the_honeypot_would_take_is_named_once_with_its_exclusion() -> None:
    machine = FakeMachine(
        listening=[socket("tcp/22", program="sshd"), socket("tcp/22", "::", "sshd"), socket("tcp/25")]
    )
    found = list(check_taken(machine, settings("tcp/25")))
    assert [(one.status.value, one.message, one.remedy) for one in found] == [
        (
            "warning",
            "the host listens on tcp/22 (sshd), which the honeypot takes over",
            'exclude_ports = ["tcp/22"]',
        )
    ]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.77", "2001:db8::77"])
def test_what_listens_elsewhere_is_not_taken(address: str) -> None:
    machine = FakeMachine(listening=[socket("tcp/5432", address), socket("tcp/22")])
    assert statuses(list(check_taken(machine, settings("tcp/22")))) == ["fine"]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1"])
def test_what_listens_on_the_honeypots_addresses_is(address: str) -> None:
    machine = FakeMachine(listening=[socket("tcp/5432", address), socket("tcp/22")])
    assert statuses(list(check_taken(machine, settings("tcp/22")))) == ["warning"]


def test_an_exclusion_that_nobody_listens_on_is_told() -> None:
    machine = FakeMachine(listening=[socket("tcp/22")])
    found = list(check_taken(machine, settings("22", "tcp/8022", "udp/22", "8000-8010")))
    assert [one.message for one in found] == [
        "tcp/8022 is left to the host, where nobody listens on it",
        "udp/22 is left to the host, where nobody listens on it",
        "8000-8010 is left to the host, where nobody listens on it",
    ]
    assert {one.status.value for one in found} == {"warning"}


def test_without_the_interface_its_addresses_are_those_of_the_configuration() -> None:
    machine = FakeMachine(listening=[socket("tcp/25", "203.0.113.4"), socket("tcp/26", "192.0.2.1")])
    found = list(check_taken(machine, settings(interface="eth7", addresses=("203.0.113.0/24",))))
    assert [one.remedy for one in found] == ['exclude_ports = ["tcp/25"]']
    assert statuses(list(check_taken(machine, settings(interface="eth7")))) == ["fine"]


@pytest.mark.parametrize(
    ("words", "session"),
    [
        ("198.51.100.7 50123 192.0.2.1 22", ("198.51.100.7", "192.0.2.1", 22)),
        ("2001:db8::9 50123 2001:db8::1 2222", ("2001:db8::9", "2001:db8::1", 2222)),
        ("fe80::9%eth0 50123 fe80::1%eth0 22", ("fe80::9", "fe80::1", 22)),
        ("::ffff:198.51.100.7 1 ::ffff:192.0.2.1 22", ("198.51.100.7", "192.0.2.1", 22)),
        ("", None),
        ("some words are wrong", None),
        ("198.51.100.7 50123 192.0.2.1", None),
        ("198.51.100.7 50123 192.0.2.1 ssh", None),
    ],
)
def test_the_session_is_what_ssh_says(words: str, session: tuple[str, str, int] | None) -> None:
    assert ssh_session(FakeMachine(variables={"SSH_CONNECTION": words})) == session


def test_who_came_otherwise_has_none() -> None:
    assert ssh_session(FakeMachine()) is None
    assert list(check_session(FakeMachine(), settings())) == []


def test_a_session_that_would_be_cut_is_a_fault() -> None:
    [found] = check_session(FakeMachine(variables=SSH), settings("tcp/8022"))
    assert found.status.value == "fault"
    assert found.message == "your ssh session from 198.51.100.7 to port 22 would be cut"
    assert found.remedy == 'exclude_ports = ["tcp/22"], or exclude_addresses = ["198.51.100.7"]'


@pytest.mark.parametrize("left", [settings("tcp/22"), settings("22"), settings(hosts=("198.51.100.0/24",))])
def test_a_session_that_is_left_to_the_host_is_fine(left: AttachmentSettings) -> None:
    assert statuses(list(check_session(FakeMachine(variables=SSH), left))) == ["fine"]


def test_a_session_to_another_address_is_not_touched() -> None:
    [found] = check_session(FakeMachine(variables=SSH), settings(addresses=("192.0.2.200/32",)))
    assert (found.status.value, found.message) == (
        "fine",
        "you came by 192.0.2.1, which is none of the honeypot's addresses",
    )


def test_without_the_interface_nothing_is_said_of_it() -> None:
    assert list(check_session(FakeMachine(variables=SSH), settings(interface="eth7"))) == []


SOCKETS = """
[listener]
type = "socket"
[service.mirror]
type = "echo"
[[port]]
ports = ["tcp/7-9", "udp/7"]
services = ["mirror"]
"""


def test_ports_of_kernel_sockets_have_to_be_free() -> None:
    config = parse_config(SOCKETS)
    assert sorted(planned_ports(config)) == [7, 7, 8, 9]
    assert statuses(list(check_free(FakeMachine(listening=[socket("udp/9")]), config))) == ["fine"]
    found = list(check_free(FakeMachine(listening=[socket("tcp/8", program="nc"), socket("udp/7")]), config))
    assert [(one.status.value, one.message) for one in found] == [
        ("fault", "the host listens on tcp/8 (nc) already"),
        ("fault", "the host listens on udp/7 already"),
    ]
    assert found[0].remedy == "ss -lnp 'sport = :8'"


def test_ports_that_mean_every_port_are_none_to_be_free() -> None:
    text = '[listener]\ntype = "netstack"\ninterface = "eth0"\nallow_no_exclude = true\n'
    text += '[service.mirror]\ntype = "echo"\n[[port]]\nport = "tcp/any"\nservices = ["mirror"]\n'
    assert planned_ports(parse_config(text)) == []
