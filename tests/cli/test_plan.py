"""What `plan` says, and that it says it without doing any of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import Result

from honeystack.cli import plan
from honeystack.cli.plan import plan_lines
from honeystack.config import parse_config
from honeystack.errors import Unavailable
from honeystack.net.interface import InterfaceFacts

Invoke = Callable[..., Result]

NETSTACK = """\
[listener]
type = "netstack"
interface = "eth0"
exclude_ports = ["tcp/22", "8000-8010"]
exclude_addresses = ["198.51.100.0/24"]

[service.web]
type = "http"
[service.mirror]
type = "echo"

[[port]]
ports = ["tcp/80", "tcp/203.0.113.4:81"]
services = ["web", "mirror"]
[[port]]
ports = ["udp/7", "tcp/7"]
services = ["mirror"]
[[port]]
port = "tcp/2222"

[channel.out]
type = "console"
[channel.all]
type = "console"
[[filter]]
channel = ["out"]
services = ["web"]
exclude_types = ["close", "connect"]
"""
TLS = """
[[port]]
port = "tcp/443"
tls_certificate = "own.crt"
tls_key = "own.key"
tls_fingerprint = "mimic:nginx"
tls_client_certificate = "request"
[[port]]
port = "tcp/0"
tls_certificate = "own.crt"
tls_key = "own.key"
"""


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One interface with two addresses, whatever this machine has."""
    facts = InterfaceFacts("eth0", 2, b"\2\0\0\0\0\1", 1500, ("203.0.113.4/24", "2001:db8::4/64"))
    monkeypatch.setattr(plan, "interface_facts", lambda name: facts)
    monkeypatch.setattr(plan, "fence_rules", lambda settings: ["ip daddr 203.0.113.4 drop"])


def sections(text: str, **more: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    title = ""
    for line in plan_lines(parse_config(text, **more)):
        if line.startswith("    "):
            found[title].append(line.strip())
        elif line.endswith(":"):
            title = line[:-1]
            found[title] = []
        elif line:
            name, _, value = line.partition(":")
            found[name] = [value.strip()]
    return found


def test_listener_addresses_and_what_is_left_to_the_host() -> None:
    said = sections(NETSTACK)
    assert said["listener"] == ["netstack on eth0"]
    assert said["addresses"] == ["203.0.113.4 (of eth0)", "2001:db8::4 (of eth0)"]
    assert said["left to the host"] == [
        "local port 22 (tcp)",
        "local port 8000-8010 (tcp and udp)",
        "all traffic with 198.51.100.0/24",
    ]


def test_what_becomes_of_vlan_tags() -> None:
    assert sections(NETSTACK)["frames with a VLAN tag"] == ["answered with the same tag"]
    text = NETSTACK.replace('interface = "eth0"', 'interface = "eth0"\nvlan = "ignore"')
    assert sections(text)["frames with a VLAN tag"] == ["ignored, and left to the host"]


def test_configured_addresses_stand_as_they_are() -> None:
    text = NETSTACK.replace('interface = "eth0"', 'interface = "eth0"\naddresses = ["203.0.113.0/28"]')
    assert sections(text)["addresses"] == ["203.0.113.0/28"]


@pytest.mark.parametrize("asks", [True, False])
def test_addresses_that_the_host_does_not_own_are_asked_for(asks: bool) -> None:
    addresses = 'addresses = ["203.0.113.4/32", "203.0.113.5/32", "2001:db8::5"]'
    detection = "" if asks else "\nduplicate_detection = false"
    text = NETSTACK.replace('interface = "eth0"', f'interface = "eth0"\n{addresses}{detection}')
    said = sections(text)["addresses"]
    note = " (not answered for where another host is found to have it)" if asks else ""
    assert said == ["203.0.113.4/32", f"203.0.113.5/32{note}", f"2001:db8::5{note}"]


def test_nothing_excluded_is_said_plainly() -> None:
    said = sections('[listener]\ntype = "netstack"\ninterface = "eth0"\nallow_no_exclude = true\n')
    assert said["left to the host"] == ["nothing: this host cannot be reached from outside while the honeypot runs"]
    assert said["channels"] == ["none: events go nowhere"]


def test_ports_services_and_sensor_mode() -> None:
    assert sections(NETSTACK)["ports"] == [
        "tcp/80                web (http) or mirror (echo); TLS is told, not decoded",
        "tcp/203.0.113.4:81    web (http) or mirror (echo); TLS is told, not decoded",
        "udp/7                 mirror (echo)",
        "tcp/7                 mirror (echo); TLS is told, not decoded",
        "tcp/2222              sensor mode; TLS is told, not decoded",
        "every other tcp port  sensor mode; TLS is told, not decoded",
        "every other udp port  sensor mode",
    ]


def test_certificates_of_ports_and_of_all_others(tmp_path: Path) -> None:
    made = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("a.example", key_type=trustme.KeyType.ECDSA)
    made.cert_chain_pems[0].write_to_path(str(tmp_path / "own.crt"))
    made.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    ports = sections(NETSTACK + TLS, path=tmp_path / "config.toml")["ports"]
    own = tmp_path / "own.crt"
    assert f"tcp/443               sensor mode; TLS with {own}, asks for the client's, looks mimic:nginx" in ports
    assert f"tcp/2222              sensor mode; TLS with {own} (of tcp/0), looks random" in ports
    assert f"every other tcp port  sensor mode; TLS with {own} (of tcp/0), looks random" in ports


def test_channels_and_their_filters() -> None:
    assert sections(NETSTACK)["channels"] == [
        "out (console): events with services web, exclude types close or connect",
        "all (console): all events",
    ]


def test_kernel_rules_filter_and_bounds() -> None:
    said = sections(NETSTACK)
    assert said["kernel rules while it runs"] == ["fence = auto", "ip daddr 203.0.113.4 drop"]
    assert said["packet filter on the raw socket"]
    assert "half_open = 4096" in said["bounds"]


def test_no_fence_is_said() -> None:
    text = NETSTACK.replace('interface = "eth0"', 'interface = "eth0"\nfence = "none"')
    assert sections(text)["kernel rules while it runs"] == ['none (fence = "none")']


def test_what_this_machine_cannot_tell_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> Any:
        raise Unavailable("no netlink here")

    monkeypatch.setattr(plan, "interface_facts", missing)
    monkeypatch.setattr(plan, "fence_rules", missing)
    said = sections(NETSTACK)
    assert said["addresses"] == ["all of eth0 (no netlink here)"]
    assert said["kernel rules while it runs"] == ["unknown here: no netlink here"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("workers = 3", "3 processes; all packets of one peer to one of them"),
        ('workers = 2\nspread = "flows"', "2 processes; each flow of TCP or UDP to one of them"),
        ('workers = "auto"', "2 processes on the cores 4, 7; all packets of one peer to one of them"),
        ("workers = 1", None),
        ("", None),
    ],
)
def test_workers_are_told(settings: str, said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7, 4})
    text = NETSTACK.replace('interface = "eth0"', f'interface = "eth0"\n{settings}')
    lines = [line for line in plan_lines(parse_config(text)) if line.startswith("workers:")]
    assert lines == ([] if said is None else [f"workers:       {said}"])


def test_kernel_sockets_need_none_of_that(invoke: Invoke, config: Path) -> None:
    result = invoke("plan", "-c", config, "--data", "data")
    assert result.exit_code == 0
    assert "listener:      socket\n" in result.stdout
    assert "tcp/28017  mirror (echo)" in result.stdout
    assert "every other" not in result.stdout
    assert "kernel rules" not in result.stdout


def test_a_plan_opens_no_socket_and_makes_no_directory(
    invoke: Invoke, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a plan changes nothing")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    before = set(config.parent.iterdir())
    assert invoke("plan", "--data", "data").exit_code == 0
    assert set(config.parent.iterdir()) == before


def test_a_bad_configuration_has_no_plan(invoke: Invoke, config: Path) -> None:
    result = invoke("plan", "--set", "listener.type=sokcet")
    assert result.exit_code == 2
    assert "did you mean 'socket'?" in result.stderr


def test_how_long_peers_are_waited_for_is_said() -> None:
    said = sections(NETSTACK)["bounds"]
    assert {"keep_alive = false", "keep_alive_seconds = 7200.0", "keep_alive_probes = 9", "retries = 15"} <= {*said}
    text = NETSTACK.replace('interface = "eth0"', 'interface = "eth0"\nlimits.keep_alive = true\nlimits.retries = 4')
    assert {"keep_alive = true", "retries = 4"} <= {*sections(text)["bounds"]}
