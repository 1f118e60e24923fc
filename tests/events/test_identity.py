from __future__ import annotations

import pytest

from honeystack.events.event import Identity
from honeystack.events.identity import identity_of
from honeystack.net.address import Endpoint, Flow

LOCAL, REMOTE = Endpoint("5.6.7.8", 3344), Endpoint("1.2.3.4", 1122)


def test_the_remote_is_the_source() -> None:
    flow = Flow("tcp", LOCAL, REMOTE, "02:00:00:00:00:01", "02:00:00:00:00:02")
    assert identity_of(flow, "c1") == Identity(
        "tcp",
        "c1",
        "1.2.3.4",
        1122,
        "02:00:00:00:00:02",
        "5.6.7.8",
        3344,
        "02:00:00:00:00:01",
        "1:wCb3OG7yAFWelaUydu0D+125CLM=",
    )


@pytest.mark.parametrize(
    ("protocol", "icmp", "community"),
    [
        ("icmp", (8, 0), "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="),
        ("icmp", None, None),
        ("46", None, "1:ikv3kmf89luf73WPz1jOs49S768="),
        ("arp", None, None),
    ],
)
def test_protocols_without_ports(protocol: str, icmp: tuple[int, int] | None, community: str | None) -> None:
    flow = Flow(protocol, Endpoint("5.6.7.8", 0), Endpoint("1.2.3.4", 0))
    identity = identity_of(flow, icmp=icmp)
    assert identity.community_id == community
    assert identity.source_port is None
    assert identity.destination_port is None
    assert identity.connection_id is None


def test_a_frame_without_addresses_has_none() -> None:
    identity = identity_of(Flow("gre", Endpoint("", 0), Endpoint("", 0), None, "02:00:00:00:00:02"))
    assert identity.source_ip is None
    assert identity.community_id is None
    assert identity.source_mac == "02:00:00:00:00:02"
