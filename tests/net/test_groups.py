"""Multicast groups: what is reported to whom, when, and by which version."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.address import AddressSet
from honeystack.net.groups import MAX_REPORTED, MLD_ALERT, OLD_QUERIER_SECONDS, UNSPECIFIED, Groups
from honeystack.net.output import Output
from honeystack.net.wire.ethernet import decode_ethernet, multicast_mac
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.icmpv6 import (
    ALL_MLDV2_ROUTERS,
    ALL_NODES,
    MLD_QUERY,
    MLD_REPORT,
    MLD_REPORT_V2,
    decode_icmpv6,
    solicited_node,
)
from honeystack.net.wire.ipv6 import HOP_BY_HOP
from tests.net.frames import ADDRESSES, LINK_LOCAL, OUR_MAC, PATH6, PEER6, US6, icmp_payload, packed, received

ROUTER = packed("fe80::99")
GROUP, LOCAL_GROUP = solicited_node(US6), solicited_node(LINK_LOCAL)
NEIGHBOUR = packed("2001:db8::5")
TWO = AddressSet(["fe80::1", "2001:db8::5", "2001:db8:9::/64"])


class Bench:
    """Groups and what is reported: to whom, by which type of message, of which groups."""

    def __init__(self, addresses: AddressSet = ADDRESSES) -> None:
        self.output = Output(mtu=1500, ttl=64, rng=random.Random(1))
        self.groups = Groups(self.output, addresses=addresses, mac=OUR_MAC, rng=random.Random(1))

    def query(
        self,
        *,
        group: bytes = UNSPECIFIED,
        delay: int = 1000,
        ttl: int = 1,
        remote: bytes = ROUTER,
        version: int = 2,
        now: float = 100.0,
        options: bytes | None = MLD_ALERT + b"\1\0",
    ) -> bool:
        message = IcmpMessage(MLD_QUERY, 0, delay << 16, group + (bytes(4) if version == 2 else b""))
        path = PATH6._replace(local=ALL_NODES, remote=remote, vlan=5)
        payload = icmp_payload(path, message)
        if options is None:
            packet = received(path, 58, payload, ttl=ttl)
        else:
            header = bytes([58, (len(options) + 2) // 8 - 1]) + options
            packet = received(path, HOP_BY_HOP, header + payload, ttl=ttl)
        return self.groups.receive_query(packet, message, now)

    def reports(self, now: float) -> list[tuple[bytes, int, list[bytes]]]:
        self.groups.handle_timeout(now)
        found = []
        for frame in self.output.drain():
            header = decode_ethernet(frame)
            ip = frame[header.offset :]
            group = ip[24:40]
            assert (header.destination, header.vlan, ip[7]) == (multicast_mac(group), 5, 1)
            message = decode_icmpv6(ip[48:], ip[8:24], group)
            records = [message.data[i : i + 20] for i in range(0, len(message.data), 20)]
            groups = [record[-16:] for record in records]
            found.append((group, message.type, groups))
        return found


def test_a_query_is_reported_to_within_its_delay() -> None:
    bench = Bench()
    assert bench.groups.next_deadline() is None
    assert bench.query()
    due = bench.groups.next_deadline()
    assert due is not None
    assert 100.0 <= due <= 101.0
    assert bench.reports(due - 0.001) == []
    assert bench.reports(due) == [(ALL_MLDV2_ROUTERS, MLD_REPORT_V2, [GROUP])]  # the one of both addresses
    assert bench.groups.next_deadline() is None
    assert bench.reports(due + 100) == []


def test_a_second_query_may_hasten_the_report_and_never_delays_it() -> None:
    bench = Bench()
    bench.query(delay=10000)
    first = bench.groups.next_deadline()
    bench.query(delay=0)
    assert bench.groups.next_deadline() == 100.0 < (first or 0)
    bench.query(delay=0x7FFF)
    assert bench.groups.next_deadline() == 100.0


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        (None, False),
        (b"\1\4\0\0\0\0", False),
        (b"\0\0" + MLD_ALERT, True),
        (b"\1\1\0" + MLD_ALERT + bytes(7), True),
        (b"\5\2\0\1\1\0", False),  # for RSVP
        (b"\1\3\5\2\0\0", False),
        (bytes(6), False),
    ],
)
def test_a_query_without_its_router_alert_is_nobodys(options: bytes | None, taken: bool) -> None:
    assert Bench().query(options=options) is taken


def test_a_query_for_our_group_is_taken_and_others_are_not() -> None:
    assert Bench().query(group=GROUP)
    assert not Bench().query(group=solicited_node(packed("2001:db8::77")))
    assert not Bench().query(ttl=2)
    assert not Bench().query(remote=PEER6)
    assert not Bench(AddressSet(["10.0.0.1"])).query()


def test_without_a_link_local_address_the_report_comes_from_none() -> None:
    bench = Bench(AddressSet(["2001:db8::1"]))
    assert bench.query(delay=0)
    bench.groups.handle_timeout(101.0)
    assert bench.output.drain()[0][18 + 8 : 18 + 24] == UNSPECIFIED


def test_a_question_about_one_group_is_answered_about_that_one() -> None:
    bench = Bench(TWO)
    bench.query(group=LOCAL_GROUP, delay=0)
    bench.query(group=solicited_node(NEIGHBOUR), delay=1000)
    assert bench.reports(100.0) == [(ALL_MLDV2_ROUTERS, MLD_REPORT_V2, [LOCAL_GROUP])]
    assert bench.reports(101.0) == [(ALL_MLDV2_ROUTERS, MLD_REPORT_V2, [solicited_node(NEIGHBOUR)])]


def test_version_1_is_answered_by_one_report_for_each_group_to_that_group() -> None:
    bench = Bench(TWO)
    bench.query(version=1)
    expected = [(group, MLD_REPORT, [group]) for group in sorted((LOCAL_GROUP, solicited_node(NEIGHBOUR)))]
    assert sorted(bench.reports(101.0)) == expected
    bench.query(version=1, group=LOCAL_GROUP)
    assert bench.reports(101.0) == [(LOCAL_GROUP, MLD_REPORT, [LOCAL_GROUP])]


def test_while_an_old_querier_may_be_there_reports_are_of_version_1() -> None:
    bench = Bench()
    bench.query(version=2)
    bench.query(version=1, delay=0)
    assert bench.reports(101.0) == [(GROUP, MLD_REPORT, [GROUP])] * 2
    bench.query(now=200.0)
    assert bench.reports(201.0) == [(GROUP, MLD_REPORT, [GROUP])]
    later = 100.0 + OLD_QUERIER_SECONDS
    bench.query(now=later)
    assert bench.reports(later + 1) == [(ALL_MLDV2_ROUTERS, MLD_REPORT_V2, [GROUP])]


def test_the_report_of_another_is_enough_for_version_1_only() -> None:
    bench = Bench()
    bench.query(version=1)
    bench.groups.receive_report(IcmpMessage(MLD_REPORT, 0, 0, GROUP), 100.0)
    assert bench.reports(101.0) == []
    bench = Bench()
    bench.query(group=GROUP)
    bench.groups.receive_report(IcmpMessage(MLD_REPORT, 0, 0, GROUP), 100.0)
    assert len(bench.reports(101.0)) == 1


def test_what_is_reported_and_what_waits_is_bounded() -> None:
    bench = Bench(AddressSet([f"2001:db8::{n:x}" for n in range(1, 500)]))
    for version in (1, 2):
        for _ in range(100):
            bench.query(version=version)
    assert len(bench.reports(200.0)) == MAX_REPORTED


def test_the_owner_of_an_address_listens_to_its_group_and_to_all_nodes() -> None:
    groups = Bench().groups
    assert [groups.listens_to(group) for group in (ALL_NODES, GROUP, ALL_MLDV2_ROUTERS)] == [True, True, False]


@given(st.binary(max_size=40), st.integers(0, 0xFFFFFFFF), st.integers(0, 255))
def test_any_query_is_taken_ignored_or_malformed(data: bytes, rest: int, ttl: int) -> None:
    bench, message = Bench(), IcmpMessage(MLD_QUERY, 0, rest, data)
    path = PATH6._replace(remote=ROUTER)
    with contextlib.suppress(Malformed):
        payload = bytes([58, 0]) + MLD_ALERT + b"\1\0" + icmp_payload(path, message)
        bench.groups.receive_query(received(path, HOP_BY_HOP, payload, ttl=ttl), message, 1.0)
    bench.groups.receive_report(message, 1.0)
    deadline = bench.groups.next_deadline()
    assert deadline is None or 1.0 <= deadline <= 11.0


@given(st.binary(min_size=6, max_size=30), st.integers(0, 255))
def test_any_options_are_an_alert_or_none(options: bytes, length: int) -> None:
    bench, message = Bench(), IcmpMessage(MLD_QUERY, 0, 0, bytes(20))
    packet = received(PATH6._replace(remote=ROUTER), HOP_BY_HOP, bytes([58, length]) + options, ttl=1)
    assert bench.groups.receive_query(packet, message, 1.0) <= (MLD_ALERT in options)
