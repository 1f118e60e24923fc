"""Endpoints as text, sets of addresses, and what is left to the host."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import ConfigError
from honeystack.net.address import (
    AddressSet,
    Endpoint,
    Exclusions,
    Flow,
    Path,
    PortRange,
    address_text,
    flow_of,
    mac_text,
    parse_port_range,
    source_text,
)


def packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def test_endpoints_are_written_as_people_write_them() -> None:
    assert str(Endpoint("203.0.113.4", 80)) == "203.0.113.4:80"
    assert str(Endpoint("2001:db8::1", 80)) == "[2001:db8::1]:80"


def test_a_path_and_its_ports_are_a_flow() -> None:
    path = Path(4, packed("10.0.0.1"), packed("10.0.0.2"), b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\xff", 5)
    assert flow_of("tcp", path, 80, 40000) == Flow(
        "tcp", Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 40000), "02:00:00:00:00:01", "02:00:00:00:00:ff"
    )


def test_text_of_packed_addresses() -> None:
    assert address_text(packed("2001:DB8:0:0::1")) == "2001:db8::1"
    assert mac_text(bytes(6)) == "00:00:00:00:00:00"


def test_a_set_holds_hosts_and_whole_prefixes() -> None:
    addresses = AddressSet(["10.0.0.1/32", "10.9.0.7/16", "2001:db8::/64", ipaddress.ip_address("::5")])
    inside = ["10.0.0.1", "10.9.0.0", "10.9.255.255", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", "::5"]
    outside = ["10.0.0.2", "10.10.0.0", "2001:db8:0:1::", "::6", "0.0.0.5"]
    assert all(packed(text) in addresses for text in inside)
    assert not any(packed(text) in addresses for text in outside)
    assert [str(network) for network in addresses][1] == "10.9.0.0/16"
    assert "10.9.0.0/16" in repr(addresses)


def test_an_ipv4_address_is_in_no_ipv6_prefix() -> None:
    assert packed("0.0.0.1") not in AddressSet(["::/0"])
    assert packed("::1") not in AddressSet(["0.0.0.0/0"])
    assert packed("0.0.0.1") in AddressSet(["0.0.0.0/0"])


def test_an_empty_set_is_false() -> None:
    assert not AddressSet()
    assert AddressSet(["::/0"])
    assert packed("::1") not in AddressSet()
    assert packed("10.0.0.1") not in AddressSet(["10.0.0.2"])


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 128))
def test_a_set_says_what_ipaddress_says(address: ipaddress.IPv4Address, base: ipaddress.IPv6Address, bits: int) -> None:
    network = ipaddress.ip_network(f"{base}/{min(bits, base.max_prefixlen)}", strict=False)
    assert (address.packed in AddressSet([network])) == (address in network)
    assert base.packed in AddressSet([network])


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("tcp/22", PortRange(6, 22, 22)),
        ("UDP/123", PortRange(17, 123, 123)),
        ("456", PortRange(None, 456, 456)),
        ("6/8022", PortRange(6, 8022, 8022)),
        ("17/53", PortRange(17, 53, 53)),
        ("tcp/8000-8010", PortRange(6, 8000, 8010)),
        (" 0-65535 ", PortRange(None, 0, 65535)),
    ],
)
def test_port_ranges_are_parsed(text: str, ports: PortRange) -> None:
    assert parse_port_range(text) == ports


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sctp/22", "no protocol"),
        ("47/22", "no protocol"),
        ("/22", "no protocol"),
        ("tcp/", "no port"),
        ("tcp/ssh", "no port"),
        ("tcp/-22", "no port"),
        ("tcp/22-", "no port"),
        ("tcp/22-x", "no port"),
        ("tcp/8010-8000", "lower one first"),
        ("tcp/65536", "0 to 65535"),
    ],
)
def test_what_is_no_port_says_what_would_be(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_port_range(text)


@given(st.text(max_size=12))
def test_any_text_is_a_range_or_a_config_error(text: str) -> None:
    try:
        ports = parse_port_range(text)
    except ConfigError:
        return
    assert 0 <= ports.first <= ports.last <= 65535


def test_exclusions_name_ports_and_remote_addresses() -> None:
    exclusions = Exclusions((PortRange(6, 22, 22), PortRange(None, 456, 460)), AddressSet(["198.51.100.0/24"]))
    peer, friend = packed("203.0.113.9"), packed("198.51.100.7")
    assert exclusions
    assert exclusions.excludes(6, 22, peer)
    assert not exclusions.excludes(17, 22, peer)
    assert exclusions.excludes(17, 458, peer)
    assert exclusions.excludes(6, 458, peer)
    assert not exclusions.excludes(6, 461, peer)
    assert exclusions.excludes(6, 80, friend)


def test_nothing_excluded_is_false() -> None:
    assert not Exclusions()
    assert Exclusions((PortRange(6, 22, 22),))
    assert Exclusions(addresses=AddressSet(["198.51.100.0/24"]))


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3::4", "20010db800010002"),
        ("fe80::7%eth0", "fe80000000000000"),
    ],
)
def test_what_one_source_has(address: str, source: str) -> None:
    assert source_text(address) == source
