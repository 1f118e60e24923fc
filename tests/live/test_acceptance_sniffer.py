"""With `sniffer = true` everything that comes in leaves an event; without it, none but TCP's and UDP's own."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.arena import CLIENT4, INTERFACE, LISTENER, V4, V6, Arena, honeypot, inside

pytestmark = pytest.mark.live

SNIFFED = {"arp", "icmp", "icmp6", "ndp", "igmp", "mld", "ip", "ethernet"}
SCTP, GRE = 132, 47
INIT_CHUNK = struct.pack(">HHII", 40000, 36412, 0, 0) + struct.pack(">BBHIIHHI", 1, 0, 20, 7, 65536, 1, 1, 1)
GRE_HEADER = struct.pack(">HH", 0, 0x0800) + bytes(20)


@pytest.fixture(scope="module")
def sniffing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("sniffer"), listener=LISTENER + "sniffer = true\n") as place:
        provoke(place)
        yield place


def provoke(place: Arena) -> None:
    """One of everything."""
    place.attacker.run("arping", "-I", INTERFACE, "-S", CLIENT4, "-c", "1", V4)
    place.attacker.run("ping", "-c", "1", "-W", "2", V4)
    place.attacker.run("ping", "-6", "-c", "1", "-W", "2", V6)
    place.attacker.run("ndisc6", "-1", "-r", "1", V6, INTERFACE)
    mac = place.pot.run("cat", f"/sys/class/net/{INTERFACE}/address").stdout.strip()
    with inside(place.attacker):
        for protocol, data in ((SCTP, INIT_CHUNK), (GRE, GRE_HEADER)):
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as raw:
                raw.sendto(data, (V4, 0))
            with socket.socket(socket.AF_INET6, socket.SOCK_RAW, protocol) as raw:
                raw.sendto(data, (V6, 0))
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packet:
            packet.bind((INTERFACE, 0))
            own = packet.getsockname()[4]
            packet.send(bytes.fromhex(mac.replace(":", "")) + own + b"\x88\xb5" + b"nobody's protocol".ljust(46, b"."))


@pytest.mark.parametrize("category", ["arp", "icmp", "icmp6", "ndp"])
def test_each_has_its_event(sniffing: Arena, category: str) -> None:
    event = sniffing.wait_events(category, "packet")[0]
    assert event["message"]
    assert "connection-id" not in event


@pytest.mark.parametrize("protocol", ["sctp", "gre"])
def test_other_protocols_over_ip_have_theirs_on_both_families(sniffing: Arena, protocol: str) -> None:
    found = sniffing.wait_events("ip", "packet", 2, protocol=protocol)
    assert {event["destination-ip"] for event in found} == {V4, V6}


def test_an_ethertype_that_nobody_knows_has_its_event(sniffing: Arena) -> None:
    event = sniffing.wait(
        lambda: next(
            (e for e in sniffing.events("ethernet", "packet") if "88b5" in str(e.get("ethertype")).lower()), None
        ),
        "an event of EtherType 0x88b5",
    )
    assert b"nobody's protocol".hex() in str(event.get("payload-hex", ""))


def test_without_the_sniffer_none_of_them_leaves_one(tmp_path: Path) -> None:
    with honeypot(tmp_path) as place:
        provoke(place)
        with inside(place.attacker), socket.create_connection((V4, 1234), 5) as peer:
            port = peer.getsockname()[1]
        place.wait_events("tcp", "close", source_port=port)
        assert {event["category"] for event in place.events()} & SNIFFED == set()
