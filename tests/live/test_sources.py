"""A source address that all of the link hear is answered in no way, and told of."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from tests.live import packets
from tests.live.arena import INTERFACE, V4, Arena, capture, frames_in, honeypot, inside

pytestmark = pytest.mark.live

BODY = """
[service.echo]
type = "echo"
[[port]]
ports = ["tcp/7", "udp/7000"]
services = ["echo"]
"""
US = ip_address(V4).packed


@pytest.fixture(scope="module")
def pot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("sources"), BODY) as place:
        yield place


def asks(source: str) -> list[bytes]:
    """A ping, a datagram to a service and a SYN from an address."""
    packed = ip_address(source).packed
    return [
        packets.ipv4(packed, US, packets.ICMP, packets.icmp(8, 0, bytes(8))),
        packets.ipv4(packed, US, packets.UDP, packets.udp(packed, US, 40000, 7000, b"hello")),
        packets.ipv4(packed, US, packets.TCP, packets.tcp(packed, US, 40000, 7, packets.SYN, seq=1)),
    ]


def test_the_broadcast_of_the_net_is_nobodys_address(pot: Arena) -> None:
    mac = bytes.fromhex(pot.pot.run("cat", f"/sys/class/net/{INTERFACE}/address").stdout.strip().replace(":", ""))
    with (
        capture(pot.attacker, pot.folder / "sources.pcap", "src", "host", V4) as path,
        inside(pot.attacker),
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire,
    ):
        wire.bind((INTERFACE, 0))
        for source in ("192.0.2.255", "192.0.2.77"):
            for packet in asks(source):
                wire.send(mac + b"\x02\0\0\0\0\x77\x08\0" + packet)
        pot.wait_events("udp", "payload", source_ip="192.0.2.77")
    answered = {row[0] for row in frames_in(path, "ip", "ip.dst")}
    assert answered == {"192.0.2.77"}
    (told,) = pot.wait_events("ip", "anomaly", source_ip="192.0.2.255")
    assert told["anomaly"] == "martian-source"
    assert pot.events("udp", "payload", source_ip="192.0.2.255") == []
