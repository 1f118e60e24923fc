"""ICMPv6, neighbour messages and multicast listener queries: what they say, and any bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.icmpv6 import (
    ECHO_REQUEST,
    MLD_QUERY,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    SOLICITED,
    MldQuery,
    Neighbour,
    decode_icmpv6,
    decode_mld_query,
    decode_neighbour,
    encode_icmpv6,
    encode_mld_report,
    encode_neighbour,
    solicited_node,
)

HERE, THERE = bytes.fromhex("fe80" + "00" * 13 + "01"), bytes.fromhex("fe80" + "00" * 13 + "02")
MAC = b"\x02\0\0\0\0\x01"


def test_a_message_survives_the_wire_between_its_addresses_only() -> None:
    message = IcmpMessage(ECHO_REQUEST, 0, 0x00010002, b"abc")
    octets = encode_icmpv6(message, HERE, THERE)
    assert decode_icmpv6(octets, HERE, THERE) == message
    with pytest.raises(Malformed, match="checksum"):
        decode_icmpv6(octets, HERE, solicited_node(THERE))
    assert decode_icmpv6(octets, HERE, bytes(16), verify=False) == message


@given(st.binary(max_size=7))
def test_what_is_too_short_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed, match="cut off"):
        decode_icmpv6(octets, HERE, THERE, verify=False)


@pytest.mark.parametrize("kind", [NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT])
@pytest.mark.parametrize("mac", [MAC, None])
def test_neighbour_messages_survive(kind: int, mac: bytes | None) -> None:
    neighbour = Neighbour(HERE, SOLICITED, mac)
    assert decode_neighbour(encode_neighbour(kind, neighbour)) == neighbour


def test_options_of_other_kinds_are_passed_over() -> None:
    message = IcmpMessage(NEIGHBOUR_SOLICITATION, 0, 0, HERE + b"\x0e\x02" + bytes(14) + b"\x01\x01" + MAC)
    assert decode_neighbour(message).link_address == MAC


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (1, HERE),
        (0, HERE[:15]),
        (0, solicited_node(HERE)),
        (0, HERE + b"\x01"),
        (0, HERE + b"\x01\0" + MAC),
        (0, HERE + b"\x01\x02" + MAC),
        (0, HERE + b"\x01\x02" + MAC + bytes(8)),
    ],
)
def test_what_a_neighbour_may_not_say_is_malformed(code: int, data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_neighbour(IcmpMessage(NEIGHBOUR_SOLICITATION, code, 0, data))


@given(st.integers(0, 255), st.binary(max_size=60))
def test_any_neighbour_message_decodes_or_is_malformed(kind: int, data: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert len(decode_neighbour(IcmpMessage(kind, 0, 0, data)).target) == 16


def test_the_solicited_node_group() -> None:
    assert solicited_node(bytes.fromhex("20010db8" + "00" * 9 + "abcdef")).hex() == "ff0200000000000000000001ffabcdef"


@pytest.mark.parametrize(
    ("rest", "data", "query"),
    [
        (1000 << 16, bytes(16), MldQuery(1.0, bytes(16), 1)),
        (1000 << 16, bytes(20), MldQuery(1.0, bytes(16), 2)),
        (0x8001 << 16, HERE + bytes(4), MldQuery((0x1001 << 3) / 1000, HERE, 2)),
        (0xFFFF << 16, bytes(20), MldQuery((0x1FFF << 10) / 1000, bytes(16), 2)),
        (0xFFFF << 16, bytes(16), MldQuery(65.535, bytes(16), 1)),
        (1000 << 16, bytes(19) + b"\1" + bytes(16), MldQuery(1.0, bytes(16), 2)),
    ],
)
def test_queries_of_both_versions(rest: int, data: bytes, query: MldQuery) -> None:
    assert decode_mld_query(IcmpMessage(MLD_QUERY, 0, rest, data)) == query


def test_a_query_without_a_group_is_malformed() -> None:
    with pytest.raises(Malformed, match="group"):
        decode_mld_query(IcmpMessage(MLD_QUERY, 0, 0, bytes(15)))


@pytest.mark.parametrize("data", [bytes(17), bytes(19), bytes(19) + b"\1" + bytes(15), bytes(18) + b"\1\0" + bytes(99)])
def test_a_query_of_neither_version_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="cut off"):
        decode_mld_query(IcmpMessage(MLD_QUERY, 0, 0, data))


def test_a_report_has_a_record_per_group() -> None:
    report = encode_mld_report([solicited_node(HERE), solicited_node(THERE)])
    assert (report.type, report.rest, len(report.data)) == (143, 2, 40)
    assert report.data[:4] == b"\x02\0\0\0"
