"""What a peer sent is in the events, exactly, once, and under that peer's name."""

from __future__ import annotations

import random
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.arena import ECHO, INTERFACE, OUTPUTS, V4, V6, Arena, honeypot, inside

pytestmark = pytest.mark.live

EVERY_BYTE = bytes(range(256)) * 4
CLIENTS = [f"192.0.2.{number}" for number in range(100, 110)] + [f"2001:db8::{number:x}" for number in range(256, 266)]


@pytest.fixture(scope="module")
def sensor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("bytes")) as place:
        for client in CLIENTS:
            size, quick = ("64", ["nodad"]) if ":" in client else ("24", [])
            place.attacker.run("ip", "address", "add", f"{client}/{size}", "dev", INTERFACE, *quick)
        yield place


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@pytest.mark.parametrize("target", [V4, V6], ids=["v4", "v6"])
def test_raw_bytes_on_twenty_tcp_ports_are_told_exactly_once(sensor: Arena, target: str) -> None:
    ports = random.Random(target).sample(range(1, 65536), 20)
    with inside(sensor.attacker):
        for port in ports:
            with socket.create_connection((target, port), 5) as peer:
                peer.sendall(EVERY_BYTE)
    for port in ports:
        (event,) = sensor.wait_events("tcp", "payload", destination_ip=target, destination_port=port)
        assert bytes.fromhex(event["payload-hex"]) == EVERY_BYTE
        assert event["payload-length"] == len(EVERY_BYTE)
    for port in ports:
        kinds = [(e["category"], e["type"]) for e in sensor.events(destination_ip=target, destination_port=port)]
        assert [kind for kind in kinds if kind[0] == "tcp"] == [
            ("tcp", "connect"),
            ("tcp", "payload"),
            ("tcp", "close"),
        ]


@pytest.mark.parametrize("target", [V4, V6], ids=["v4", "v6"])
def test_raw_bytes_in_datagrams_to_twenty_ports_are_told_exactly_once(sensor: Arena, target: str) -> None:
    ports = random.Random(target).sample(range(1, 65536), 20)
    with inside(sensor.attacker), socket.socket(family_of(target), socket.SOCK_DGRAM) as peer:
        for port in ports:
            peer.sendto(EVERY_BYTE, (target, port))
    for port in ports:
        (event,) = sensor.wait_events("udp", "payload", destination_ip=target, destination_port=port)
        assert bytes.fromhex(event["payload-hex"]) == EVERY_BYTE


@pytest.mark.parametrize("target", [V4, V6], ids=["v4", "v6"])
def test_a_datagram_in_forty_fragments_is_told_whole(sensor: Arena, target: str) -> None:
    data = random.Random(1).randbytes(60_000)
    with inside(sensor.attacker), socket.socket(family_of(target), socket.SOCK_DGRAM) as peer:
        peer.sendto(data, (target, 4000))
    (event,) = sensor.wait_events("udp", "payload", destination_ip=target, destination_port=4000)
    assert event["payload-length"] == len(data)
    assert bytes.fromhex(event["payload-hex"]) == data


def test_five_hundred_connections_of_twenty_clients_are_each_told_under_their_own_port(sensor: Arena) -> None:
    peers: list[socket.socket] = []
    said: dict[tuple[str, int], bytes] = {}
    with inside(sensor.attacker):
        for number in range(500):
            client = CLIENTS[number % len(CLIENTS)]
            peer = socket.socket(family_of(client))
            peer.bind((client, 0))
            peer.settimeout(10)
            peer.connect((V6 if ":" in client else V4, 10_000 + number % 7))
            peers.append(peer)
            said[client, peer.getsockname()[1]] = f"{client} says {number}".encode()
    for peer in random.Random(2).sample(peers, len(peers)):
        peer.sendall(said[peer.getsockname()[:2]])
    for peer in peers:
        peer.close()
    closed = sensor.wait(
        lambda: (
            found if len(found := [e for e in sensor.events("tcp", "close") if who(e) in said]) >= len(said) else None
        ),
        "500 × tcp/close",
        within=30,
    )
    assert len(closed) == len(said)
    heard = {who(e): bytes.fromhex(e["payload-hex"]) for e in sensor.events("tcp", "payload") if who(e) in said}
    assert heard == said
    connections: dict[str, set[tuple[str, int]]] = {}
    for event in sensor.events("tcp"):
        connections.setdefault(event["connection-id"], set()).add(who(event))
    assert all(len(peers_of_one) == 1 for peers_of_one in connections.values())


def who(event: dict[str, object]) -> tuple[str, int]:
    return str(event["source-ip"]), int(str(event["source-port"]))


def test_a_full_disk_costs_events_that_are_counted_and_no_conversation(tmp_path: Path) -> None:
    full = OUTPUTS.replace("events.jsonl", "full/events.jsonl")
    (tmp_path / "full").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(tmp_path / "full")], check=True)
    try:
        with honeypot(tmp_path, ECHO, outputs=full) as place, inside(place.attacker):
            for _ in range(40):
                with socket.create_connection((V4, 7), 5) as peer:
                    peer.sendall(EVERY_BYTE)
                    answer = b""
                    while len(answer) < len(EVERY_BYTE):
                        answer += peer.recv(2048)
                    assert answer == EVERY_BYTE
            place.wait(lambda: "cannot write events" in place.log, "a word about the full disk on stderr")
            assert place.stop() == 0
    finally:
        subprocess.run(["umount", str(tmp_path / "full")], check=True)
