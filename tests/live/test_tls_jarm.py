"""A hundred JARM scans of each way that TLS can look, by pyjarm, as an attacker on another machine makes them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from jarm.scanner.scanner import Scanner

from honeystack.tls.servers import shipped_servers
from tests.live.arena import LISTENER, OUTPUTS, V4, Arena, arena, inside, issue

pytestmark = pytest.mark.live

SCANS = 100
AT_ONCE = 3
EMPTY = "0" * 62
SERVERS = shipped_servers()
MIMICS = {8600 + number: server for number, server in enumerate(SERVERS.values())}
RANDOM = 8400
ROTATED = range(8500, 8505)
NETWORKS = ("198.51.100.7", "198.51.100.99", "203.0.113.7", "100.64.1.7")  # the first two are one network
BODY = f"""
[service.http01]
type = "http"
[[port]]
port = "tcp/{RANDOM}"
services = ["http01"]
[[port]]
ports = ["tcp/{ROTATED[0]}-{ROTATED[-1]}"]
services = ["http01"]
tls_fingerprint = "rotate"
[[port]]
port = "tcp/9100"
services = ["http01"]
tls_certificate = "auto"
tls_fingerprint = "mimic:nginx"
[[port]]
port = "tcp/9101"
services = ["http01"]
tls_certificate = "auto"
tls_fingerprint = "mimic:go"
[[port]]
port = "tcp/0"
tls_certificate = "rsa.crt"
tls_key = "rsa.key"
"""
MIMIC = """
[[port]]
port = "tcp/{}"
services = ["http01"]
tls_fingerprint = "mimic:{}"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder: Path = tmp_path_factory.mktemp("jarm")
    issue(folder)
    mimics = "".join(MIMIC.format(port, server.name) for port, server in MIMICS.items())
    with arena(folder) as place:
        for address in NETWORKS:
            place.attacker.run("ip", "address", "add", f"{address}/32", "dev", "eth0")
        place.start(LISTENER + BODY + mimics + OUTPUTS)
        yield place


def scans(place: Arena, ports: Iterable[int]) -> list[str]:
    """The JARM of each port, by threads that move to the attacker's machine for their whole life."""

    def scan(port: int) -> str:
        with inside(place.attacker):
            return str(Scanner.scan(V4, port, timeout=20, concurrency=2)[0])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(scan, ports))


def test_a_hundred_scans_of_random_do_not_agree(place: Arena) -> None:
    found = scans(place, [RANDOM] * SCANS)
    assert EMPTY not in found
    assert len(set(found)) >= 95, Counter(found).most_common(5)


def test_every_scan_of_a_mimicked_server_has_exactly_its_jarm(place: Arena) -> None:
    ports = list(itertools.islice(itertools.cycle(MIMICS), max(SCANS, 6 * len(MIMICS))))
    found = scans(place, ports)
    assert [found for _, found in sorted(zip(ports, found, strict=True))] == [
        MIMICS[port].jarm for port in sorted(ports)
    ]


@pytest.mark.parametrize("port", MIMICS, ids=[server.name for server in MIMICS.values()])
def test_each_probe_is_told(place: Arena, port: int) -> None:
    place.attacker.run("ip", "route", "replace", f"{V4}/32", "dev", "eth0", "src", NETWORKS[0])
    (found,) = scans(place, [port])
    place.attacker.run("ip", "route", "delete", f"{V4}/32", "dev", "eth0")
    assert found == MIMICS[port].jarm
    ours = partial(place.wait_events, "tcp", "tls", 10, destination_port=port, source_ip=NETWORKS[0])
    hellos = ours(tls_stage="hello")
    assert sorted(hello["tls.probe"] for hello in hellos) == list(range(1, 11))
    assert {hello["tls.scanner"] for hello in hellos} == {"jarm"}
    ends = ours(tls_stage="failed")
    assert {end["tls.profile"] for end in ends} == {MIMICS[port].name}
    assert {end.get("tls.forged", False) for end in ends} == {MIMICS[port].forged is not None}


def test_a_network_sees_one_server_for_a_day_on_each_port(place: Arena) -> None:
    seen: dict[tuple[str, int], set[str]] = {}
    for address in NETWORKS:
        place.attacker.run("ip", "route", "replace", f"{V4}/32", "dev", "eth0", "src", address)
        ports = [port for port in ROTATED for _ in range(SCANS // len(NETWORKS) // len(ROTATED))]
        for port, found in zip(ports, scans(place, ports), strict=True):
            seen.setdefault((address, port), set()).add(found)
    place.attacker.run("ip", "route", "delete", f"{V4}/32", "dev", "eth0")
    assert {len(found) for found in seen.values()} == {1}
    servers = {key: found.pop() for key, found in seen.items()}
    assert set(servers.values()) <= {server.jarm for server in SERVERS.values() if server.rotated}
    assert len(set(servers.values())) > 3  # networks and ports differ
    assert all(servers[NETWORKS[0], port] == servers[NETWORKS[1], port] for port in ROTATED)


@pytest.mark.parametrize(("port", "name"), [(9100, "nginx"), (9101, "go")])
def test_mimicry_holds_with_made_certificates(place: Arena, port: int, name: str) -> None:
    assert scans(place, [port]) == [SERVERS[name].jarm]
