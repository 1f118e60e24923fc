"""Whatever was answered, the configuration can be used, says why, and shows what else could be set."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.channels.console import Console
from honeystack.channels.file import File
from honeystack.cli.draft import Draft
from honeystack.config import parse_config
from honeystack.config.model import Config
from honeystack.tls.certificates import AutoCertificate

PLACE = Path("/etc/honeystack/config.toml")


def read(draft: Draft) -> Config:
    return parse_config(draft.text(), path=PLACE)


def test_the_shortest_answers_make_what_works() -> None:
    config = read(Draft("eth0", exclude_ports=["tcp/22"]))
    assert config.listener.interface == "eth0"
    assert config.listener.exclude_ports == ("tcp/22",)
    assert config.listener.addresses == ()
    assert isinstance(config.fallback_certificate, AutoCertificate)
    assert isinstance(config.channels["console"], Console)
    assert config.channels["file"] == File(filename=PLACE.parent / "events.jsonl")
    assert config.notes == ()


@pytest.mark.parametrize(
    ("certificate", "console", "file"), list(itertools.product([True, False], [True, False], ["events.jsonl", None]))
)
def test_each_choice_is_as_it_was_made(certificate: bool, console: bool, file: str | None) -> None:
    config = read(Draft("eth0", exclude_ports=["tcp/22"], certificate=certificate, console=console, file=file))
    assert (config.fallback_certificate is not None) == certificate
    assert list(config.channels) == [*(["console"] if console else []), *(["file"] if file else [])]


def test_addresses_are_those_answered_for() -> None:
    config = read(Draft("eth0", ["203.0.113.4/32", "2001:db8::/64"], exclude_addresses=["198.51.100.7"]))
    assert config.listener.addresses == ("203.0.113.4/32", "2001:db8::/64")
    assert config.listener.exclude_addresses == ("198.51.100.7",)
    assert not config.listener.allow_no_exclude


def test_excluding_nothing_is_said_outright() -> None:
    draft = Draft("eth0")
    assert read(draft).listener.allow_no_exclude
    assert "nobody reaches this host over the interface" in draft.text()


def test_each_excluded_port_says_who_needs_it() -> None:
    draft = Draft(
        "eth0", exclude_ports=["tcp/22", "udp/68", "tcp/9000-9010"], reasons={"tcp/22": "sshd", "udp/68": "dhclient"}
    )
    lines = draft.text().splitlines()
    assert '    "tcp/22",         # sshd' in lines
    assert '    "udp/68",         # dhclient' in lines
    assert '    "tcp/9000-9010",' in lines
    assert read(draft).listener.exclude_ports == ("tcp/22", "udp/68", "tcp/9000-9010")


def test_the_address_that_one_came_from_is_offered() -> None:
    text = Draft("eth0", exclude_ports=["tcp/22"], offered_address="198.51.100.7").text()
    assert '# exclude_addresses = ["198.51.100.7"]  # you came from there' in text.splitlines()
    assert '# exclude_addresses = ["198.51.100.0/24"]' in Draft("eth0").text().splitlines()


@pytest.mark.parametrize(
    ("excluded", "served"),
    [
        ([], ["tcp/80", "tcp/443"]),
        (["udp/80"], ["tcp/80", "tcp/443"]),
        (["tcp/80"], ["tcp/443"]),
        (["80", "tcp/400-500"], []),
    ],
)
def test_pages_are_served_where_the_host_does_not_need_the_port(excluded: list[str], served: list[str]) -> None:
    config = read(Draft("eth0", exclude_ports=excluded))
    assert [str(spec) for entry in config.ports if entry.services for spec in entry.specs] == served
    assert config.notes == ()


def commented(text: str) -> str:
    """With every line that shows a setting made into one."""
    return "".join(
        f"{line.removeprefix('# ')}\n" if line.startswith(("# addresses", "# exclude")) else f"{line}\n"
        for line in text.splitlines()
    )


def test_what_stands_in_comments_can_be_used_too() -> None:
    config = parse_config(commented(Draft("eth0", offered_address="2001:db8::7").text()), path=PLACE)
    assert config.listener.addresses == ("203.0.113.4/32",)
    assert config.listener.exclude_ports == ("tcp/22",)
    assert config.listener.exclude_addresses == ("2001:db8::7",)


@given(
    interface=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=15),
    file=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30),
    reason=st.text(max_size=20),
)
def test_no_name_breaks_out_of_its_place(interface: str, file: str, reason: str) -> None:
    draft: Any = Draft(interface, exclude_ports=["tcp/22"], reasons={"tcp/22": reason}, file=file)
    config = read(draft)
    assert config.listener.interface == interface
    assert config.channels["file"].filename == PLACE.parent / file
