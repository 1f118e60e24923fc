"""A peer that sends back each answer, after a while, does not keep the honeypot busy: the loop ends, however slow."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from honeystack.net.namespaces import Host
from honeystack.net.udp import MAX_ECHOES
from tests.live.arena import CLIENT4, CLIENT6, V4, V6, Arena, honeypot, inside
from tests.live.cottage import Cottage, cottage

pytestmark = pytest.mark.live

PORT = 7000
LATE = 0.015  # seconds until an answer comes back: the conversation lives, and nothing waits in it
SILENCE = 2.0  # seconds without an answer: the loop has ended
BODY = f"""
[service.echo]
type = "echo"
[[port]]
port = "udp/{PORT}"
services = ["echo"]
"""


@pytest.fixture(scope="module")
def library() -> Iterator[Cottage]:
    with cottage() as place, place.netstack("tcp/22"):
        yield place


@pytest.fixture(scope="module")
def pot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("loops"), BODY) as place:
        yield place


def answers_to_a_mirror(peer: Host, address: str, data: bytes) -> int:
    """How many datagrams come to a peer that sends each of them back."""
    with inside(peer):
        mirror = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    count = 0
    with mirror:
        mirror.settimeout(SILENCE)
        mirror.sendto(data, (address, PORT))
        while count <= 10 * MAX_ECHOES:
            try:
                data, sender = mirror.recvfrom(65536)
            except TimeoutError:
                break
            count += 1
            time.sleep(LATE)
            mirror.sendto(data, sender)
    return count


@pytest.mark.parametrize("address", [V4, V6])
def test_a_loop_with_a_program_on_the_library_ends(library: Cottage, address: str) -> None:
    assert answers_to_a_mirror(library.peer, address, b"loop me please") == MAX_ECHOES + 1


@pytest.mark.parametrize("address", [V4, V6])
def test_a_loop_with_a_service_ends_and_is_told(pot: Arena, address: str) -> None:
    assert answers_to_a_mirror(pot.attacker, address, b"loop me please") == MAX_ECHOES + 1
    peer = {V4: CLIENT4, V6: CLIENT6}[address]
    (told,) = pot.wait_events("udp", "anomaly", source_ip=peer)
    assert told["anomaly"] == "answer-loop"
