"""The kinds are declared with all that the sniffer's fields need."""

from __future__ import annotations

from honeystack.events.catalogue import kinds_in
from honeystack.witness import kinds


def test_the_kinds_that_the_contract_names_exist() -> None:
    names = {f"{kind.category}/{kind.type}" for kind in kinds_in([kinds])}
    assert names == {
        "tcp/connect",
        "tcp/close",
        "tcp/half-open",
        "udp/payload",
        *(f"{category}/anomaly" for category in ("tcp", "udp", "icmp", "icmp6", "ip")),
        "portscan/portscan",
        "sensor/drop",
        "sensor/fault",
        *(f"{category}/packet" for category in ("arp", "icmp", "icmp6", "ndp", "igmp", "mld", "ip", "ethernet")),
    }


def test_numbers_and_texts_of_headers_are_told_apart() -> None:
    assert kinds.ICMP.fields["icmp.type"].startswith("int:")
    assert not kinds.ARP.fields["arp.operation"].startswith("int:")
    assert kinds.IP.fields["ip.df"].startswith("bool:")
