"""Several workers under one supervisor: all is answered, told once, and outlives the death of a worker."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.arena import LISTENER, V4, V6, Arena, honeypot, inside
from tests.live.crowd import Crowd

pytestmark = pytest.mark.live

SOURCES = [f"192.0.2.{number}" for number in range(100, 116)]
TWO = LISTENER + "workers = 2\n"
BODY = """
[service.echo]
type = "echo"
[service.web]
type = "http"
[[port]]
port = "tcp/7"
services = ["echo"]
[[port]]
port = "tcp/80"
services = ["web"]
[heartbeat]
interval = 1.0
"""


@contextlib.contextmanager
def crew(folder: Path, *, listener: str = TWO, body: str = BODY) -> Iterator[Arena]:
    with honeypot(folder, body, listener=listener) as place:
        for source in SOURCES:
            place.attacker.run("ip", "address", "add", f"{source}/24", "dev", "eth0")
        yield place


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with crew(tmp_path_factory.mktemp("two")) as place:
        yield place


def workers(place: Arena) -> list[int]:
    """Their process ids."""
    assert place.process is not None
    pid = place.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"workers.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]


def connect(place: Arena, source: str, port: int = 7, target: str = V4) -> socket.socket:
    with inside(place.attacker):
        return socket.create_connection((target, port), 10, (source, 0))


def echoes(peer: socket.socket, said: bytes = b"hello") -> bool:
    """Whether the connection lives."""
    try:
        peer.sendall(said)
        return peer.recv(100) == said
    except ConnectionError:
        return False


def beat(place: Arena) -> dict[str, int]:
    """The counters of a heartbeat that has seen all until now."""
    seen = len(place.events("heartbeat"))
    return place.wait_events("heartbeat", "info", seen + 3)[-1]


def test_every_source_is_answered_and_told_once(two: Arena) -> None:
    peers = [connect(two, source) for source in SOURCES for _ in range(5)]
    assert all(echoes(peer) for peer in peers)
    held = beat(two)
    assert held["connections"] >= len(peers)
    assert held["workers.answering"] == 2
    assert held["workers.1.connections"] + held["workers.2.connections"] == held["connections"]
    assert min(held["workers.1.connections"], held["workers.2.connections"]) > 0
    for peer in peers:
        peer.close()
    for source in SOURCES:
        for type_ in ("connect", "payload", "close"):
            assert len(two.wait_events("tcp", type_, 5, source_ip=source)) == 5
    made = [event["id"] for event in two.events()]
    assert len(set(made)) == len(made)


def test_services_and_the_second_family_are_served(two: Arena) -> None:
    for number, target in enumerate((V4, f"[{V6}]"), 1):
        assert "HTTP/1.1" in two.attacker.run("curl", "-sSi", "--max-time", "10", f"http://{target}/").stdout
        two.wait_events("http", "request", number)


def test_a_scan_is_one_event_as_all_of_it_comes_to_one_worker(two: Arena) -> None:
    source = SOURCES[3]
    found = two.attacker.run("nmap", "-sS", "-n", "-Pn", "-S", source, "-e", "eth0", "-p", "1-1000", V4).stdout
    assert len(re.findall(r"^\d+/tcp +open", found, re.MULTILINE)) == 1000
    [scan] = two.wait_events("portscan", "portscan", source_ip=source, within=20)[:1]
    assert scan["portscan.ports"] == ["tcp/1-1000"]


def test_a_dead_worker_is_replaced_and_the_other_one_keeps_its_connections(two: Arena) -> None:
    time.sleep(10)  # who lived as long is replaced at once
    peers = [connect(two, source) for source in SOURCES]
    assert all(echoes(peer) for peer in peers)
    lost = beat(two)["workers.1.connections"]
    first, second = workers(two)
    os.kill(first, signal.SIGKILL)
    died = two.wait_events("sensor", "worker")[0]
    assert died["worker.status"] == "SIGKILL"
    new = [connect(two, source) for source in SOURCES]  # those of the dead one wait in its ring
    assert all(echoes(peer) for peer in new)
    alive = [echoes(peer) for peer in peers]
    assert 0 < alive.count(False) < len(SOURCES)
    assert died["worker.connections"] in (lost, alive.count(False))
    assert two.wait_events("sensor", "worker", 2)[1]["worker.state"] == "started"
    assert second in workers(two)
    assert first not in workers(two)
    assert len(workers(two)) == 2
    counters = beat(two)
    assert counters["workers.1.restarts"] + counters["workers.2.restarts"] == 1
    assert counters["workers.answering"] == 2
    for peer in (*peers, *new):
        peer.close()


def test_a_reload_reaches_the_workers(two: Arena) -> None:
    assert two.process is not None
    before = connect(two, SOURCES[0])
    assert echoes(before)
    config = two.folder / "config.toml"
    config.write_text(config.read_text().replace('port = "tcp/7"', 'ports = ["tcp/7", "tcp/17"]'))
    two.process.send_signal(signal.SIGHUP)
    two.wait_events("sensor", "reload")
    two.wait(lambda: all(echoes_anew(two, source, 17) for source in SOURCES), "an echo from every worker on port 17")
    assert echoes(before)
    assert len(two.events("sensor", "reload")) == 1
    before.close()


def echoes_anew(place: Arena, source: str, port: int) -> bool:
    with connect(place, source, port) as peer:
        return echoes(peer)


def test_a_supervisor_that_stands_still_holds_nobody_up(two: Arena) -> None:
    assert two.process is not None
    seen = len(two.events("tcp", "close"))
    two.process.send_signal(signal.SIGSTOP)
    try:
        for source in SOURCES:
            assert echoes_anew(two, source, 7)
    finally:
        two.process.send_signal(signal.SIGCONT)
    two.wait_events("tcp", "close", seen + len(SOURCES))


class Traffic(Crowd):
    """Clients that connect, talk and stay until they are told to stop."""

    def talk(self, thread: int) -> None:
        held: list[socket.socket] = []
        for number in itertools.count(thread):
            if self.over.is_set():
                break
            with contextlib.suppress(OSError):
                held.append(connect(self.place, SOURCES[number % len(SOURCES)], 7 if number % 2 else 7000 + number))
                held[-1].sendall(b"x" * 1000)
            if len(held) > 20:
                held.pop(0).close()
            time.sleep(0.005)
        for peer in held:
            peer.close()


def test_a_stop_during_traffic_loses_no_event_and_leaves_nothing(tmp_path: Path) -> None:
    with crew(tmp_path) as place:
        processes = workers(place)
        with Traffic(place):
            time.sleep(2)  # as long as real traffic is to flow
            began = time.monotonic()
            assert place.stop() == 0
            assert time.monotonic() - began < 5
        opened = [event["connection-id"] for event in place.events("tcp", "connect")]
        closed = [event["connection-id"] for event in place.events("tcp", "close")]
        assert len(opened) > 200
        assert len(set(opened)) == len(opened)
        assert sorted(closed) == sorted(opened)
        assert len(place.events("sensor", "start")) == len(place.events("sensor", "stop")) == 1
        assert not place.events("sensor", "worker")
        assert "ingress" not in place.fence()
        assert not any(Path(f"/proc/{process}").exists() for process in processes)


def test_a_supervisor_that_is_killed_takes_all_with_it(tmp_path: Path) -> None:
    with crew(tmp_path) as place:
        processes = workers(place)
        assert len(processes) == 2
        place.stop(signal.SIGKILL)
        place.wait(lambda: not any(Path(f"/proc/{process}").exists() for process in processes), "the workers' end")
        place.wait(lambda: "ingress" not in place.fence(), "the fence's end")


def test_automatic_workers_keep_to_a_core_each(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    with crew(tmp_path, listener=LISTENER + 'workers = "auto"\n') as place:
        kept = sorted((os.sched_getaffinity(process) for process in workers(place)), key=min)
        assert kept == ([{core} for core in cores] if len(cores) > 1 else [])
        assert all(echoes_anew(place, source, 7) for source in SOURCES)


def test_flows_of_one_source_are_shared_where_that_is_asked_for(tmp_path: Path) -> None:
    with crew(tmp_path, listener=TWO + 'spread = "flows"\n') as place:
        peers = [connect(place, SOURCES[0]) for _ in range(40)]
        assert all(echoes(peer) for peer in peers)
        held = beat(place)
        assert held["workers.1.connections"] + held["workers.2.connections"] == 40
        assert min(held["workers.1.connections"], held["workers.2.connections"]) >= 8
        for peer in peers:
            peer.close()
