from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.events.community import community_id, protocol_number

# The public test vectors of the specification and of Zeek.
VECTORS = [
    (6, "1.2.3.4", "5.6.7.8", 1122, 3344, 0, "1:wCb3OG7yAFWelaUydu0D+125CLM="),
    (17, "1.2.3.4", "5.6.7.8", 1122, 3344, 0, "1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="),
    (1, "1.2.3.4", "5.6.7.8", 8, 0, 0, "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="),
    (46, "1.2.3.4", "5.6.7.8", None, None, 0, "1:ikv3kmf89luf73WPz1jOs49S768="),
    (58, "fe80:1:203:405:607:809:a0b:c0d", "fe80:1011:1213:1415:1617:1819:1a1b:1c1d", 128, 0, 0,
     "1:0bf7hyMJUwt3fMED7z8LIfRpBeo="),
    (6, "1.2.3.4", "5.6.7.8", 1122, 3344, 1, "1:HhA1B+6CoLbiKPEs5nhNYN4XWfk="),
    (17, "1.2.3.4", "5.6.7.8", 1122, 3344, 1, "1:OShq+iKDAMVouh/4bMxB9Sz4amw="),
    (1, "1.2.3.4", "5.6.7.8", 8, 0, 1, "1:9pr4ZGTICiuZoIh90RRYE2RyXpU="),
    (6, "128.232.110.120", "66.35.250.204", 34855, 80, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (17, "192.168.1.52", "8.8.8.8", 54585, 53, 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (1, "192.168.0.89", "192.168.0.1", 8, 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (132, "192.168.170.8", "192.168.170.56", 7, 80, 0, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
]  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "source", "destination", "source_port", "destination_port", "seed", "text"), VECTORS
)
def test_ids_are_those_of_the_specification(
    protocol: int,
    source: str,
    destination: str,
    source_port: int | None,
    destination_port: int | None,
    seed: int,
    text: str,
) -> None:
    assert community_id(protocol, source, destination, source_port, destination_port, seed=seed) == text


addresses = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)), st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6))
)
ports = st.integers(0, 65535)


@given(addresses, ports, ports, st.sampled_from([6, 17, 132]))
def test_both_directions_have_one_id(
    pair: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address], one: int, other: int, protocol: int
) -> None:
    a, b = map(str, pair)
    assert community_id(protocol, a, b, one, other) == community_id(protocol, b, a, other, one)


@given(addresses)
def test_without_ports_both_directions_have_one_id(pair: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]) -> None:
    a, b = map(str, pair)
    assert community_id(47, a, b) == community_id(47, b, a)


@pytest.mark.parametrize(
    ("protocol", "request_type", "answer_type"),
    [(1, 8, 0), (1, 13, 14), (1, 15, 16), (1, 17, 18), (1, 10, 9), (58, 128, 129), (58, 133, 134), (58, 135, 136)],
)
def test_a_request_and_its_answer_have_one_id(protocol: int, request_type: int, answer_type: int) -> None:
    a, b = ("192.0.2.1", "192.0.2.2") if protocol == 1 else ("2001:db8::1", "2001:db8::2")
    assert community_id(protocol, a, b, request_type, 0) == community_id(protocol, b, a, answer_type, 0)


def test_a_message_without_an_answer_keeps_its_direction() -> None:
    forth = community_id(1, "192.168.0.89", "192.168.0.1", 3, 0)
    assert forth != community_id(1, "192.168.0.1", "192.168.0.89", 3, 0)


def test_a_zone_does_not_matter() -> None:
    assert community_id(6, "fe80::1%eth0", "fe80::2", 1, 2) == community_id(6, "fe80::1", "fe80::2", 1, 2)


@pytest.mark.parametrize(
    ("name", "number"),
    [("tcp", 6), ("icmpv6", 58), ("icmp6", 58), ("47", 47), ("255", 255), ("256", None), ("0047", None), ("arp", None)],
)
def test_a_protocol_has_its_number_by_any_name(name: str, number: int | None) -> None:
    assert protocol_number(name) == number
