"""What real traffic leaves in the file channel is what the schemas, tshark and the counters say."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from honeystack.events.schema import event_schema
from tests.live.arena import CLIENT4, CLIENT6, LISTENER, OUTPUTS, V4, V6, Arena, capture, honeypot, inside

pytestmark = pytest.mark.live

BODY = """
sniffer = true

[heartbeat]
interval = 1

[service.web]
type = "http"

[[port]]
port = "tcp/0"
tls_certificate = "certs/example.crt"
tls_key = "certs/example.key"

[[port]]
ports = ["tcp/80", "tcp/443"]
services = ["web"]

[channel.ecs]
type = "file"
filename = "ecs.jsonl"
format = "ecs"

[channel.full]
type = "file"
filename = "/dev/full"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """A honeypot after all kinds of traffic, stopped in order."""
    folder = tmp_path_factory.mktemp("formats")
    with honeypot(folder, listener=LISTENER + BODY, outputs=OUTPUTS) as place:
        with capture(place.attacker, folder / "traffic.pcap"):
            provoke(place)
            place.wait_events("heartbeat", "info", 2)
            place.wait_events("portscan", "portscan")
        assert place.stop() == 0
        yield place


def provoke(place: Arena) -> None:
    place.attacker.run("ping", "-c", "1", "-W", "2", V4)
    place.attacker.run("ping", "-6", "-c", "1", "-W", "2", V6)
    place.attacker.run("nmap", "-n", "-Pn", "-sS", "-p", "1-100", V4)
    with inside(place.attacker):
        for address in (V4, V6):
            with socket.create_connection((address, 80), 5) as peer:
                peer.sendall(b"GET /\x1b[2J HTTP/1.1\r\nHost: x\r\nX-Odd: \xff\x00\r\nConnection: close\r\n\r\n")
                read_all(peer)
            with socket.create_connection((address, 31337), 5) as peer:
                peer.sendall(bytes(range(256)))
                peer.shutdown(socket.SHUT_WR)
                read_all(peer)
            with talk_tls(address) as secret:
                secret.sendall(b"GET / HTTP/1.0\r\n\r\n")
                read_all(secret)
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"who is there?\n", (address, 1194))


def talk_tls(address: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection((address, 443), 5), server_hostname="example.com")


def read_all(peer: socket.socket) -> None:
    try:
        while peer.recv(65536):
            continue
    except OSError:  # however the honeypot ends a conversation: other tests judge that
        return


def events_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("name", "file"), [("honeytrap", "events.jsonl"), ("ecs", "ecs.jsonl")])
def test_every_event_is_as_the_schema_says(place: Arena, name: str, file: str) -> None:
    schema = event_schema(name)
    whole = jsonschema.Draft202012Validator(schema)
    found = events_in(place.folder / file)
    assert len(found) > 20
    for event in found:
        if whole.is_valid(event):
            continue
        kind = f"{event['category']}.{event['type']}" if name == "honeytrap" else event["event"]["dataset"]
        part = {"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]}
        wrong = [error.message for error in jsonschema.Draft202012Validator(part).iter_errors(event)]
        pytest.fail(f"{kind}: {wrong}")


def test_no_line_holds_a_control_character(place: Arena) -> None:
    for file in ("events.jsonl", "ecs.jsonl"):
        assert all(line.isprintable() for line in (place.folder / file).read_text().split("\n"))


def test_both_formats_tell_the_same_events(place: Arena) -> None:
    flat, nested = events_in(place.folder / "events.jsonl"), events_in(place.folder / "ecs.jsonl")
    assert [event["id"] for event in flat] == [event["event"]["id"] for event in nested]
    assert [event["id"] for event in flat] == sorted(event["id"] for event in flat)


def test_the_counts_of_every_channel_add_up(place: Arena) -> None:
    beat = place.events("heartbeat", "info")[-1]
    for name in ("events", "ecs", "full"):
        counts = {
            key.removeprefix(f"channels.{name}."): n for key, n in beat.items() if key.startswith(f"channels.{name}.")
        }
        made = counts.pop("made")
        assert made == beat["events.made"]
        assert made == sum(counts.values())
    assert beat["channels.full.dropped.disk-full"] > 0
    assert beat["channels.events.written"] > 0
    assert not any(key.startswith("channels.events.dropped") for key in beat)
    drops = [event for event in place.events("sensor", "drop") if event.get("channel") == "full"]
    assert all(event["reason"] == "disk-full" for event in drops)
    assert "No space left on device" in place.log


def test_community_ids_are_those_of_tshark(place: Arena) -> None:
    shown = subprocess.run(
        [
            "tshark",
            "-r",
            str(place.folder / "traffic.pcap"),
            *("--enable-protocol", "communityid", "-T", "fields", "-e", "communityid"),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    theirs = set(shown.split())
    ours = {
        event["community-id"]: (event["category"], event["protocol"], event.get("message"))
        for event in place.events()
        if event.get("source-ip") in (CLIENT4, CLIENT6) and "community-id" in event
    }
    assert {protocol for _, protocol, _ in ours.values()} >= {"tcp", "udp", "icmp", "icmpv6"}
    assert {ours[each] for each in ours.keys() - theirs} == set()


def test_every_event_of_a_conversation_has_its_identity(place: Arena) -> None:
    for event in place.events():
        if event["category"] in ("tcp", "udp", "http") and event["type"] != "half-open":
            assert event["community-id"]
            assert event["connection-id"]
            assert event["source-port"]
