from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from honeystack.config import ConfigErrors, checks, parse_config

Told = Callable[..., list[str]]


@pytest.fixture
def told(folder: Path) -> Told:
    def tell(text: str, **more: object) -> list[str]:
        try:
            config = parse_config(text, path=folder / "config.toml", **more)  # type: ignore[arg-type]
        except ConfigErrors as errors:
            problems = errors.problems
        else:
            problems = config.notes
        return [
            f"{problem.line}:{problem.column}: {problem.message}; {problem.suggestion}".removesuffix("; ")
            for problem in problems
            if "no channel is configured" not in problem.message
        ]

    return tell


EAR = "[listener]\ntype = './ear.py'\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("exclude_ports = ['tcp/22', 'tpc/22']", "3:28: 'tpc' is no protocol that has ports: write tcp, udp, 6 or 17"),
        ("exclude_ports = ['tcp/99999']", "3:18: 'tcp/99999': ports go from 0 to 65535"),
        ("exclude_ports = ['22', '6/8022', 'udp/123', 'tcp/8000-8010']", None),
        ("exclude_addresses = ['198.51.100.0/24', '198.51.100.0/33']", "3:41: '198.51.100.0/33' is no address"),
        ("exclude_addresses = ['198.51.100.7/24']", None),
        (
            "addresses = ['203.0.113.4/32', '2001:db8:8:4:2/32']\nallow_no_exclude = true",
            "3:32: '2001:db8:8:4:2/32' is no address and no prefix",
        ),
        ("addresses = '203.0.113.4'\nallow_no_exclude = true", "3:13: 'addresses' must be a list"),
    ],
)
def test_lists_are_told_at_their_element(told: Told, line: str, message: str | None) -> None:
    lines = told(f"{EAR}{line}\n")
    assert len(lines) == (0 if message is None else 1)
    assert message is None or lines[0].startswith(message)


@pytest.mark.parametrize(
    "line",
    [
        "allow_no_exclude = true",
        "allow_no_excludes = true",
        "exclude_ports = ['tcp/22']",
        "exclude_addresses = ['10.0.0.0/8']",
    ],
)
def test_any_exclusion_or_the_word_for_none_is_enough(told: Told, line: str) -> None:
    assert not [line for line in told(f"{EAR}{line}\n") if "canonical" not in line]


@pytest.mark.parametrize("line", ["", "exclude_ports = []", "allow_no_exclude = false"])
def test_without_any_exclusion_it_does_not_load(told: Told, line: str) -> None:
    [message] = told(f"{EAR}{line}\n")
    assert message.startswith("1:1: no port and no address is left to the host")
    assert "allow_no_exclude = true" in message


def test_a_listener_that_excludes_nothing_need_not(folder: Path, told: Told) -> None:
    (folder / "plain.py").write_text(
        "import attrs\nfrom honeystack.registry import listener\n@listener('p')\n@attrs.frozen\nclass P: ...\n"
    )
    assert told("[listener]\ntype = './plain.py'\n") == []


@pytest.mark.parametrize(
    ("port", "noted"),
    [("tcp/22", True), ("udp/22", False), ("tcp/20-30", False), ("tcp/21-22", True), ("tcp/any", False)],
)
def test_a_port_that_is_left_to_the_host_is_noted(told: Told, port: str, noted: bool) -> None:
    lines = told(f"{EAR}exclude_ports = ['tcp/21-25']\n[[port]]\nport = '{port}'\n")
    assert bool(lines) is noted
    assert not noted or lines[0].startswith(f"5:8: {port} is left to the host by exclude_ports")


def test_an_address_that_claims_its_whole_network_is_noted(told: Told) -> None:
    addresses = "['10.0.0.4/24', '10.0.0.4/32', '10.0.0.4', '10.1.0.0/16', '2001:db8::2/64', '2001:db8::2/128']"
    assert told(f"{EAR}allow_no_exclude = true\naddresses = {addresses}\n") == [
        '4:14: this claims every address of 10.0.0.0/24; "10.0.0.4" would be this one alone',
        '4:71: this claims every address of 2001:db8::/64; "2001:db8::2" would be this one alone',
    ]
    [only] = told(f"{EAR}allow_no_exclude = true\naddresses = ['10.0.0.4/24', '10.0.0.4/33']\n")
    assert only.startswith("4:29: '10.0.0.4/33' is no address")


@pytest.mark.parametrize(
    ("addresses", "noted"),
    [("['10.0.0.0/24']", False), ("['10.0.1.0/24', '2001:db8::/64']", True), ("[]", False)],
)
def test_a_port_on_an_address_of_nobody_is_noted(told: Told, addresses: str, noted: bool) -> None:
    lines = told(
        f"{EAR}allow_no_exclude = true\naddresses = {addresses}\n[[port]]\nports = ['tcp/10.0.0.1:80', 'tcp/81']\n"
    )
    assert bool(lines) is noted
    assert not noted or lines[0].startswith("6:10: 10.0.0.1 is not among the listener's addresses")


@pytest.mark.parametrize(("listener", "warned"), [("./deaf.py", True), ("./ear.py", False)])
def test_any_port_is_warned_of_where_only_named_ones_are_opened(
    folder: Path, told: Told, listener: str, warned: bool
) -> None:
    text = (folder / "ear.py").read_text()
    (folder / "deaf.py").write_text(text.replace("    allow_no_exclude", "    allow_none").replace('"ear"', '"deaf"'))
    allowed = "" if warned else "allow_no_exclude = true\n"
    lines = told(f"[listener]\ntype = '{listener}'\n{allowed}[[port]]\nports = ['tcp/80', 'udp/any']\n")
    message = "4:20: this listener opens the ports that are named, and this names none; name them"
    assert [line.startswith(message) for line in lines] == ([True] if warned else [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("channel = ['out', 'uot']", "7:19: there is no channel 'uot'; did you mean 'out'?"),
        ("channel = 'uot'", "7:11: there is no channel 'uot'; did you mean 'out'?"),
        ("channel = ['out']\nservices = ['a', 'b(']", "8:18: this is no regular expression: "),
        ("channel = ['out']\nexclude_types = ['*']", "8:18: this is no regular expression: "),
        ("channel = ['out']\ncategories = 'http'", "8:14: 'categories' must be a list"),
    ],
)
def test_filters_name_channels_and_compile(told: Told, line: str, message: str) -> None:
    text = f"{EAR}allow_no_exclude = true\n[channel.out]\ntype = './channel.py'\n[[filter]]\n{line}\n"
    [told_as] = told(text)
    assert told_as.startswith(message)


@pytest.fixture
def interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("honeystack.net.interface")
    module.__dict__["interface_names"] = lambda: ["lo", "eth0"]
    monkeypatch.setitem(sys.modules, "honeystack.net.interface", module)
    monkeypatch.setattr(checks.sys, "platform", "linux")


@pytest.mark.usefixtures("interfaces")
def test_the_interface_is_on_this_machine_when_it_is_to_run_here(told: Told) -> None:
    text = f"{EAR}allow_no_exclude = true\ninterface = 'eth1'\n"
    assert told(text) == []
    assert told(text, machine=True) == ["4:13: this machine has no interface 'eth1'; did you mean 'eth0'?"]
    assert told(text.replace("eth1", "eth0"), machine=True) == []
    assert told(f"{EAR}allow_no_exclude = true\n", machine=True) == []


@pytest.mark.usefixtures("interfaces")
def test_an_alias_of_the_interface_is_told_at_its_element(told: Told) -> None:
    lines = told(f"{EAR}allow_no_exclude = true\ninterfaces = ['eth1']\n", machine=True)
    assert lines == ["4:15: this machine has no interface 'eth1'; did you mean 'eth0'?"]


@pytest.mark.usefixtures("interfaces")
def test_another_system_can_check_a_configuration(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.sys, "platform", "darwin")
    assert told(f"{EAR}allow_no_exclude = true\ninterface = 'eth1'\n", machine=True) == []
