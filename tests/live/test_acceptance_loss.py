"""A megabyte each way through a cable that loses packets in both directions."""

from __future__ import annotations

import hashlib
import random
import re
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.live.arena import INTERFACE, V4, V6, Arena, honeypot, inside

pytestmark = pytest.mark.live

ECHO = """
[service.echo]
type = "echo"
[[port]]
port = "tcp/7"
services = ["echo"]
"""
# On the attacker's machine both ways pass: what it receives at ingress, what it sends in its output chain. A packet tap
# on the honeypot's machine would see frames before any rule there drops them.
LOSS = f"""
table netdev loss {{ chain in {{ type filter hook ingress device "{INTERFACE}" priority 0
numgen random mod 100 < 5 counter drop
}}
}}
table inet loss {{ chain out {{ type filter hook postrouting priority 0
meta l4proto tcp numgen random mod 100 < 5 counter drop
}}
}}
"""
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("loss"), ECHO) as place:
        # Whole segments of one wire size, so that a loss is the loss of one packet.
        for machine in (place.attacker, place.pot):
            machine.run("ethtool", "-K", INTERFACE, "gso", "off", "tso", "off", "gro", "off")
        subprocess.run(place.attacker.command("nft", "-f", "-"), input=LOSS, text=True, check=True)
        yield place


@pytest.mark.parametrize("target", [V4, V6], ids=["v4", "v6"])
def test_a_megabyte_each_way_survives_loss(lossy: Arena, target: str) -> None:
    data = random.Random(target).randbytes(MEGABYTE)
    with inside(lossy.attacker):
        peer = socket.create_connection((target, 7), 30)
    peer.settimeout(60)

    def send() -> None:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    received = bytearray()
    while chunk := peer.recv(65536):
        received += chunk
    sender.join()
    port = peer.getsockname()[1]
    peer.close()
    assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
    (closed,) = lossy.wait_events("tcp", "close", source_port=port, within=30)
    assert closed["tcp.bytes-in"] == closed["tcp.bytes-out"] == MEGABYTE
    assert closed["tcp.reason"] == "fin"
    lost = re.findall(r"counter packets (\d+)", lossy.attacker.run("nft", "list", "ruleset").stdout)
    assert len(lost) == 2
    assert all(int(packets) > 10 for packets in lost)
