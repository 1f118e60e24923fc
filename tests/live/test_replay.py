"""A capture beside a honeypot at work makes, replayed, the events that the honeypot made."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.live.arena import OUTPUTS, V4, V6, Arena, Event, capture, honeypot, inside

pytestmark = pytest.mark.live

LISTENER = f"""
[listener]
type = "netstack"
interface = "eth0"
addresses = ["{V4}/32", "{V6}/128"]
exclude_ports = ["tcp/8022"]
sniffer = true
"""
BODY = """
[service.web]
type = "http"
[service.mirror]
type = "echo"
[service.greeter]
type = "banner"
text = "220 at your service\\r\\n"

[[port]]
port = "tcp/80"
services = ["web"]
[[port]]
ports = ["tcp/7", "udp/7"]
services = ["mirror"]
[[port]]
port = "tcp/21"
services = ["greeter"]
[[port]]
port = "tcp/443"
services = ["web"]
tls_certificate = "certs/example.crt"
tls_key = "certs/example.key"

[capture]
pause = 0.3
idle = 3.0
first_wait = 0.3
"""
# What is the same however long something took and whatever was drawn.
TOLD = (
    *("category", "type", "service", "protocol", "source-ip", "source-port", "source-mac"),
    *("destination-ip", "destination-port", "destination-mac", "community-id", "payload-hex", "payload-length"),
    *("tcp.reason", "tcp.bytes-in", "tcp.bytes-out", "tcp.syn.options", "tcp.syn.window", "tcp.syn.ttl", "tcp.syn.mss"),
    *("http.method", "http.url", "http.host", "tls.stage", "ja3.digest", "ja4", "tls.sni", "message", "anomaly"),
    *("portscan.ports", "portscan.count"),
)


@attrs.frozen
class Scene:
    """A honeypot that was attacked, the capture beside it, and what it has told."""

    folder: Path
    pcap: Path
    events: list[Event]

    def replay(self, *arguments: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
        """Replay with the console in place of the file."""
        config = self.folder / "replay.toml"
        config.write_text(LISTENER + BODY + '[channel.out]\ntype = "console"\n')
        command = [sys.executable, "-m", "honeystack", "replay", "-c", str(config), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env={"PYTHONHASHSEED": seed}, check=False)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    with honeypot(folder, BODY, listener=LISTENER, outputs=OUTPUTS) as place:
        with capture(place.pot, folder / "all.pcap") as pcap:
            attack(place)
            place.wait_events("portscan", "portscan")
        assert place.stop() == 0
        yield Scene(folder, pcap, place.events())


def attack(place: Arena) -> None:
    """Every kind of conversation, by programs that know nothing of any of this."""
    run = place.attacker.run
    run("ping", "-c", "2", V4)
    run("ping", "-c", "2", V6)
    for host in (V4, f"[{V6}]"):
        run("curl", "-sg", f"http://{host}/one", f"http://{host}/two")
        run("curl", "-skg", f"https://{host}/secret")
    with inside(place.attacker):
        for address in (V4, V6):
            talk(address, 7, b"a word", b"another")
            talk(address, 21, b"USER me\r\n")
            talk(address, 9999, b"to nobody", b" in two pieces")
            talk(address, 9998)
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(10)
                client.connect((address, 7))
                client.send(b"datagram")
                assert client.recv(99) == b"datagram"
                client.sendto(b"lost", (address, 5353))
    run("nmap", "-n", "-Pn", "-sS", "-p", "2000-2100", V4)


def talk(address: str, port: int, *words: bytes) -> None:
    """Connect, say words with pauses, and read what comes until it pauses."""
    with socket.create_connection((address, port), 10) as client:
        client.settimeout(0.1)
        for word in words:
            client.sendall(word)
            try:
                client.recv(4096)
            except TimeoutError:
                continue


def told(events: list[Event]) -> Counter[str]:
    """What events say, apart from those about the honeypot itself and about TLS beyond the hello."""
    kept = [
        {key: event[key] for key in TOLD if key in event}
        for event in events
        if event["category"] not in ("heartbeat", "sensor", "mld")  # the kernel's reports come when they will
        and (event.get("destination-port") != 443 or event["type"] == "connect" or event.get("tls.stage") == "hello")
        and not event.get("portscan.final")
    ]
    return Counter(json.dumps(event) for event in kept)


def test_the_events_are_those_that_the_honeypot_made(scene: Scene) -> None:
    done = scene.replay(str(scene.pcap))
    assert done.returncode == 0, done.stderr
    replayed = [json.loads(line) for line in done.stdout.splitlines()]
    lived, again = told(scene.events), told(replayed)
    assert sum(lived.values()) > 50
    assert (lived - again, again - lived) == (Counter(), Counter())


@pytest.mark.parametrize("form", ["pcap", "nsecpcap", "pcapng"])
def test_the_same_capture_makes_the_same_bytes_in_every_process_and_format(scene: Scene, form: str) -> None:
    file = scene.folder / f"again.{form}"
    subprocess.run(["editcap", "-F", form, str(scene.pcap), str(file)], check=True, capture_output=True)
    first, second = scene.replay(str(scene.pcap), seed="1"), scene.replay(str(file), seed="2")
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") > 50


def test_a_capture_of_the_inbound_side_alone_makes_the_same_conversations(scene: Scene) -> None:
    file = scene.folder / "inbound.pcap"
    command = ["tcpdump", "-r", str(scene.pcap), "-w", str(file), f"dst host {V4} or dst host {V6}"]
    subprocess.run(command, check=True, capture_output=True)
    both, one = (
        [json.loads(line) for line in scene.replay(str(path)).stdout.splitlines()] for path in (scene.pcap, file)
    )
    for category, type_ in (("tcp", "connect"), ("tcp", "payload"), ("tcp", "tls"), ("http", "request")):
        kinds = [
            told([event for event in events if (event["category"], event["type"]) == (category, type_)])
            for events in (both, one)
        ]
        assert kinds[0] == kinds[1]
        assert sum(kinds[0].values()) >= 2


def test_a_file_that_is_cut_off_is_told_by_its_name_and_place_after_what_it_has(scene: Scene) -> None:
    file = scene.folder / "short.pcap"
    file.write_bytes(scene.pcap.read_bytes()[:-7])
    done = scene.replay(str(file))
    assert done.returncode == 1
    assert f"{file}: at byte " in done.stderr
    assert "the file ends within a packet" in done.stderr
    assert done.stdout.count("\n") > 50


def test_files_follow_one_another(scene: Scene) -> None:
    halves = [scene.folder / name for name in ("first.pcap", "second.pcap")]
    packets = len(
        subprocess.run(["tcpdump", "-r", str(scene.pcap)], check=True, capture_output=True).stdout.splitlines()
    )
    for half, selected in zip(halves, (f"1-{packets // 2}", f"{packets // 2 + 1}-{packets}"), strict=True):
        command = ["editcap", "-F", "pcap", "-r", str(scene.pcap), str(half), selected]
        subprocess.run(command, check=True, capture_output=True)
    assert scene.replay(*map(str, halves)).stdout == scene.replay(str(scene.pcap)).stdout
