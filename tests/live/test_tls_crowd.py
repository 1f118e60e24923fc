"""Five thousand peers that begin TLS and do not finish: memory has its bound, and http on another port answers."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from honeystack.net.limits import Limits
from tests.live.arena import CLIENT4, INTERFACE, V4, Arena, honeypot, inside
from tests.tls.peers import Client, client_context
from tests.tls.vectors import records

pytestmark = [pytest.mark.live, pytest.mark.alone]

PEERS = 5000
SOURCES = [CLIENT4, *(f"192.0.2.{number}" for number in range(100, 140))]  # so that no bound of one source is reached
ASKED = 20  # pages; all but one of them within
SECONDS = 0.1
LIMITS = Limits()
# Handshakes have 45 kB, hellos that are not whole four times their bytes, and each connection with its task some 10 kB.
MOST = LIMITS.tls_handshakes * 45_000 + 4 * LIMITS.hello_memory + PEERS * 10_000
BODY = """
[capture]
payload_bytes = 2000
[service.http]
type = "http"
[[port]]
port = "tcp/80"
services = ["http"]
[[port]]
port = "tcp/443"
services = ["http"]
tls_certificate = "certs/example.crt"
tls_key = "certs/example.key"
"""
HELLO = Client(client_context()).step()
LARGE = records(b"\x01\x01\xff\xb8\x03\x03".ljust(100_000, b"\0"), 16_384)  # of 131 kB
ASK = "for n in $(seq {}); do curl -sm 10 -o /dev/null -w '%{{http_code}} %{{time_total}}\\n' http://{}; done"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Arena]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, PEERS + 1000), hard))
    with honeypot(tmp_path, BODY) as place:
        for source in SOURCES[1:]:
            place.attacker.run("ip", "address", "add", f"{source}/24", "dev", INTERFACE)
        yield place
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def memory(place: Arena) -> int:
    """Bytes that the honeypot has in use."""
    assert place.process is not None
    return int(Path(f"/proc/{place.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pages(place: Arena, count: int = ASKED) -> list[float]:
    """Seconds that a page took, each time; it has come."""
    lines = place.attacker.run("sh", "-c", ASK.format(count, V4), timeout=120).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["200"] * count
    return sorted(float(line.split()[1]) for line in lines)


def nothing(peer: socket.socket) -> None:
    pass


def half_a_hello(peer: socket.socket) -> None:
    peer.sendall(HELLO[: len(HELLO) // 2])


def most_of_a_large_hello(peer: socket.socket) -> None:
    peer.sendall(LARGE)


def a_hello(peer: socket.socket) -> None:
    peer.sendall(HELLO)


@pytest.mark.parametrize(
    ("say", "bound"),
    [(nothing, None), (half_a_hello, None), (most_of_a_large_hello, "hello_memory"), (a_hello, "tls_handshakes")],
    ids=["silent", "half-a-hello", "most-of-a-large-hello", "half-a-handshake"],
)
def test_peers_that_do_not_finish_leave_the_others_served(
    place: Arena, say: Callable[[socket.socket], None], bound: str | None
) -> None:
    pages(place)
    before = memory(place)
    with contextlib.ExitStack() as open_until_the_end, ThreadPoolExecutor(1) as pool:
        meanwhile = pool.submit(pages, place, 100)
        with inside(place.attacker):
            for number in range(PEERS):
                source = SOURCES[number % len(SOURCES)]
                peer = socket.create_connection((V4, 443), 20, source_address=(source, 0))
                open_until_the_end.enter_context(peer)
                say(peer)
        grown, took, busy = memory(place) - before, pages(place), meanwhile.result()
        place.wait_events("tcp", "connect", PEERS, destination_port=443)
    assert took[-2] < SECONDS, took
    assert statistics.median(busy) < SECONDS, busy
    assert grown < MOST
    assert bound in ({drop["reason"] for drop in place.events("sensor", "drop")} or {None})
    unfinished = sum("tls.error" in event for event in place.events("tcp", "tls", tls_stage="hello"))
    assert len(place.events("tcp", "tls", tls_stage="hello")) - unfinished == (PEERS if say is a_hello else 0)
    figures = (
        f"{name} {statistics.median(some) * 1000:.0f} ms ({some[-1] * 1000:.0f})"
        for name, some in (("then a page", took), ("meanwhile", busy))
    )
    print(f"{grown / 2**20:.0f} MB,", ", ".join(figures))
