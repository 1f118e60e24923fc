"""Whatever peers invent: the witness tells few events, with counts, and what it cannot hold it tells by the bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from honeystack.events.catalogue import undeclared
from honeystack.net.address import Path
from honeystack.net.notices import Anomaly, Damaged, Datagram, HalfOpen, Notice, PacketSeen, Scanned
from honeystack.witness.crowd import DESCRIBED
from tests.tls.packets import crypto, initial
from tests.witness.scenes import PATH, SYN, Scene, datagram


def test_odd_packets_of_many_sources_stay_within_the_bound() -> None:
    scene = Scene(aggregates=10)
    for number in range(100):
        scene.witness.noticed(Anomaly(PATH._replace(remote=number.to_bytes(4, "big")), "udp", "port-zero", 9, 0))
    assert scene.counts("udp", "anomaly") == [None] * 100
    scene.witness.finish()
    assert len(scene.counts("udp", "anomaly")) == 100


def test_full_tables_are_told_by_their_bounds() -> None:
    scene = Scene(aggregates=10)
    for number in range(20):
        scene.witness.noticed(Anomaly(PATH._replace(remote=number.to_bytes(4, "big")), "udp", "port-zero", 9, 0))
    for _ in range(2):
        scene.at(scene.now + 1)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("aggregates", 10)
    scene = Scene(aggregate_memory=250)
    for number in range(4):
        scene.witness.noticed(datagram(bytes([number]) * 100))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("aggregate_memory", 250)
    scene = Scene(scan_sources=10)
    for number in range(20):
        scene.witness.noticed(Scanned(PATH._replace(remote=number.to_bytes(4, "big")), "tcp", 80, 4000))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("scan_sources", 10)


@pytest.mark.parametrize("bound", ["scan_addresses", "scan_addresses_per_source"])
def test_addresses_that_a_scan_does_not_name_are_told_by_their_bound(bound: str) -> None:
    scene = Scene(**{bound: 8})
    for number in range(20):
        scene.witness.noticed(Scanned(PATH._replace(local=number.to_bytes(4, "big")), "tcp", 80, 4000))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == (bound, 8)


def test_datagrams_that_are_not_searched_for_a_hello_are_told_by_the_bound() -> None:
    scene = Scene(datagram_hellos_per_second=2)
    for number in range(10):
        scene.witness.noticed(datagram(b"\xc0\0\0\0\1" + bytes(100), remote_port=4000 + number))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("datagram_hellos_per_second", 2)
    assert len(scene.publisher.of("udp", "payload")) == 10
    scene = Scene(datagram_hellos=2)
    for number in range(10):
        scene.witness.noticed(datagram(initial(crypto(0, b"\1\0\2\0")), remote_port=4000 + number))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("datagram_hellos", 2)


def spoofed(number: int) -> Path:
    return PATH._replace(remote=(0x0B000000 + number).to_bytes(4, "big"))


FLOODS: dict[str, tuple[Callable[[int], list[Notice]], tuple[str, str]]] = {
    "anomaly": (lambda n: [Anomaly(spoofed(n), "tcp", "rst-probe", 80, 4000)], ("tcp", "anomaly")),
    "half-open": (lambda n: [HalfOpen(spoofed(n), 80, 4000, SYN, True)], ("tcp", "half-open")),
    "portscan": (
        lambda n: [Scanned(spoofed(n), "tcp", port, 4000) for port in range(1, 6)],
        ("portscan", "portscan"),
    ),
    "datagram": (lambda n: [Datagram(spoofed(n), 53, 4000, b"%d" % n, True)], ("udp", "payload")),
    "packet": (lambda n: [PacketSeen("icmp", "icmp", spoofed(n), "text", {"icmp.type": 8}, b"")], ("icmp", "packet")),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_no_flood_of_invented_sources_makes_more_events_than_the_bound_says(flood: str) -> None:
    make, kind = FLOODS[flood]
    scene = Scene(aggregates=50, scan_sources=50, told_sources=20, told_datagrams=20, told_packets=20)
    for number in range(2000):
        for notice in make(number):
            scene.witness.noticed(notice)
        if number % 100 == 0:
            scene.at(scene.now + 1)
    assert len(scene.publisher.of(*kind)) <= 20
    scene.at(scene.now + 100)
    scene.witness.finish()
    told = scene.publisher.of(*kind)
    assert len(told) <= 2 * (20 + 1)  # scans end in a second period
    together = [event for event in told if "sources" in event.fields]
    alone = len({event.identity for event in told} - {event.identity for event in together})
    assert alone + sum(int(str(event.fields["count"])) for event in together) == 2000
    sources = sum(int(str(event.fields["sources"])) for event in together)
    assert abs(sources - 1980) < 100
    assert [event for event in told if undeclared(event)] == []
    bound = {"datagram": "told_datagrams", "packet": "told_packets"}.get(flood, "told_sources")
    drops = scene.publisher.of("sensor", "drop")
    assert (bound, 20) in {(event.fields["reason"], event.fields["limit"]) for event in drops}
    assert len(drops) <= 6


def test_frames_without_addresses_are_told_together_by_their_macs() -> None:
    scene = Scene(told_packets=1)
    for number in range(50):
        fields: dict[str, object] = {"ethernet.source": f"02:00:00:00:00:{number % 10:02x}", "ethertype": "0x88b5"}
        scene.witness.noticed(PacketSeen("ethernet", "0x88b5", None, "text", fields, b""))
    scene.witness.finish()
    together = scene.publisher.of("ethernet", "packet")[-1]
    assert together.fields == {"ethertype": "0x88b5", "sources": 10, "count": 49}


def test_an_anomaly_is_told_while_another_is_flooded() -> None:
    scene = Scene(told_sources=5)
    for number in range(100):
        scene.witness.noticed(Anomaly(spoofed(number), "tcp", "syn-ack-probe", 80, 4000))
    scene.witness.noticed(Anomaly(PATH, "tcp", "rst-probe", 80, 4000))
    last = scene.publisher.of("tcp", "anomaly")[-1]
    assert (last.fields["anomaly"], last.identity and last.identity.source_ip) == ("rst-probe", "198.51.100.7")


def test_lengths_that_a_peer_chooses_make_no_reasons_of_their_own() -> None:
    scene = Scene()
    for number in range(500):
        scene.witness.noticed(Damaged(b"", f"a UDP length of {number} in a packet that has {number * 2} bytes for it"))
    assert len(scene.publisher.of("sensor", "drop")) == 1


def test_faults_of_one_line_are_one_whatever_their_texts() -> None:
    scene = Scene()
    for number in range(100):
        try:
            raise ValueError(number)
        except ValueError as error:
            scene.witness.fault(error)
    assert len(scene.publisher.of("sensor", "fault")) == 1


def test_a_source_that_repeats_very_often_is_counted_and_described_no_more() -> None:
    scene = Scene()
    for number in range(DESCRIBED + 10):
        late = number > DESCRIBED
        scene.witness.noticed(HalfOpen(PATH, 80 + late, 4000, SYN, not late))
        scene.witness.noticed(Anomaly(PATH, "tcp", "rst-probe", 80 + late, 4000))
    scene.witness.finish()
    (half_open,) = scene.publisher.of("tcp", "half-open")
    assert (half_open.fields["count"], half_open.fields["tcp.reset"]) == (DESCRIBED + 10, False)
    anomaly = scene.publisher.of("tcp", "anomaly")[-1]
    assert anomaly.fields["count"] == DESCRIBED + 9
    assert {event.identity and event.identity.destination_port for event in (half_open, anomaly)} == {80}
