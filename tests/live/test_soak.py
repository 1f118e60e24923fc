"""A bounded soak: tools that look for weak stacks; a conversation that was open before goes on unharmed."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.arena import CLIENT4, INTERFACE, V4, V6, Arena, honeypot, inside
from tests.live.test_acceptance_hostile import BODY, counters, total

pytestmark = [pytest.mark.live, pytest.mark.slow]

CAPTURE = "replayed.pcap"
SECONDS = 8  # for each tool
FUZZ = [sys.executable, str(Path(__file__).parent / "programs" / "fuzz.py"), INTERFACE, V4, V6]
TOOLS = {
    "nmap odd scans": ["nmap", "-n", "-Pn", "-e", INTERFACE, "-S", CLIENT4, "-sX", "-f", "-T5", "-p1-500", V4],
    "hping3 with every flag": [
        "hping3",
        "-q",
        "-i",
        "u500",
        "-c",
        "5000",
        "-F",
        "-S",
        "-R",
        "-P",
        "-A",
        "-U",
        "-p",
        "++1",
        V4,
    ],
    "hping3 fragments": ["hping3", "-q", "-i", "u1000", "-c", "2000", "-f", "-d", "200", "-S", "-p", "7", V4],
    "hping3 icmp": ["hping3", "-q", "-i", "u1000", "-c", "2000", "-1", "-C", "13", V4],
    "hping3 unknown protocols": ["hping3", "-q", "-i", "u1000", "-c", "1000", "-0", "-H", "200", V4],
    "implementation6": ["atk6-implementation6", INTERFACE, V6],
    "fragmentation6": ["atk6-fragmentation6", "-p", INTERFACE, V6],
    "fuzz_ip6 echo": ["atk6-fuzz_ip6", "-n", "1", "-1", INTERFACE, V6],
    "fuzz_ip6 solicitation": ["atk6-fuzz_ip6", "-n", "1", "-2", INTERFACE, V6],
    "scapy fuzz": FUZZ,
    "tcpreplay": ["tcpreplay", "-q", "-i", INTERFACE, "-p", "2000", "-l", "5", CAPTURE],
    "fuzz_ip6 chains": ["atk6-fuzz_ip6", "-n", "1", "-F", "-H", "-D", "-R", "-1", INTERFACE, V6],
}


@pytest.fixture(scope="module")
def pot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("soak"), BODY) as place:
        yield place


@pytest.mark.parametrize("command", TOOLS.values(), ids=TOOLS)
def test_what_looks_for_weak_stacks_finds_none(pot: Arena, command: list[str]) -> None:
    with inside(pot.attacker):
        bystanders = [socket.create_connection((address, 7), 10) for address in (V4, V6)]
    capture = str(pot.folder / CAPTURE)
    if CAPTURE in command:
        pot.attacker.run(*FUZZ, capture)
    command = [capture if word == CAPTURE else word for word in command]
    before = counters(pot)
    pot.attacker.run("timeout", str(SECONDS), *command, timeout=SECONDS + 20, check=False)
    after = counters(pot)
    assert total(after) > total(before) + 3, "the tool has sent something"
    for bystander in bystanders:
        bystander.sendall(b"after")
        assert bystander.recv(100) == b"after"
        bystander.close()
    assert pot.alive
    assert pot.events("sensor", "fault") == []
    parts = ("answered", "delivered", "ignored", "malformed", "excluded", "faults")
    assert total(after) == sum(int(after[f"frames.{part}"]) for part in parts)
