"""Every port is open, what is excluded belongs to the host, and the host's kernel says nothing that it should not."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from honeystack.net.namespaces import Host
from tests.live.arena import (
    CLIENT4,
    CLIENT6,
    FRIEND4,
    INTERFACE,
    LISTENER,
    OUTPUTS,
    V4,
    V6,
    Arena,
    arena,
    capture,
    frames_in,
    honeypot,
    inside,
)

pytestmark = pytest.mark.live

EXCLUDED = """
[listener]
type = "netstack"
interface = "eth0"
exclude_ports = ["tcp/8022"]
exclude_addresses = ["192.0.2.66/32"]
"""


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("scan"), listener=EXCLUDED) as place:
        yield place


@contextlib.contextmanager
def host_service(host: Host, port: int) -> Iterator[None]:
    """A service of the honeypot's own machine that answers `host`, on kernel sockets."""
    with inside(host):
        listening = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    stop = threading.Event()

    def serve() -> None:
        listening.settimeout(0.2)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                peer, _ = listening.accept()
                peer.sendall(b"host")
                peer.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        listening.close()


@pytest.mark.parametrize("version", [4, 6], ids=["v4", "v6"])
def test_nmap_finds_every_port_open_and_the_kernel_is_silent(scanned: Arena, tmp_path: Path, version: int) -> None:
    family, target, source = (("-4", V4, CLIENT4), ("-6", V6, CLIENT6))[version == 6]
    unwanted = (
        f"(src host {V4} and (tcp[tcpflags] & tcp-rst != 0 or icmp[icmptype] == icmp-unreach))"
        f" or (src host {V6} and ip6 and (ip6[6] == 6 and ip6[53] & 4 != 0 or ip6[6] == 58 and ip6[40] == 1))"
    )
    with capture(scanned.attacker, tmp_path / "unwanted.pcap", unwanted) as pcap:
        found = scanned.attacker.run(
            *("nmap", family, "-n", "-Pn", "-sS", "-p-", "--exclude-ports", "8022", "-e", INTERFACE, "-S", source),
            *("-T5", "--min-rate", "4000", "--max-retries", "6", "-oG", "-", target),
            timeout=150,
        )
    assert set(re.findall(r"\d+/(\w+)/tcp", found.stdout)) == {"open"}
    assert len(re.findall(r"\d+/open/tcp", found.stdout)) == 65534
    assert "filtered" not in found.stdout
    assert "Ignored State" not in found.stdout
    assert scanned.kernel_said() == {}
    assert frames_in(pcap) == []
    scans = scanned.wait_events("portscan", "portscan", source_ip=source, within=30)
    assert len(scans) < 600, "a scan is told in few events"


@pytest.mark.parametrize("target", [V4, V6], ids=["v4", "v6"])
def test_an_excluded_port_is_answered_by_the_host_and_leaves_no_event(scanned: Arena, target: str) -> None:
    with host_service(scanned.pot, 8022), inside(scanned.attacker):
        for _ in range(20):
            with socket.create_connection((target, 8022), 5) as peer:
                assert peer.recv(10) == b"host"
    assert scanned.events(destination_port=8022) == []


def test_excluded_traffic_does_not_even_wake_the_honeypot(scanned: Arena) -> None:
    def spent() -> int:
        assert scanned.process is not None
        fields = Path(f"/proc/{scanned.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    with host_service(scanned.pot, 8022), inside(scanned.attacker):
        before = spent()
        for _ in range(500):
            with socket.create_connection((V4, 8022), 5) as peer:
                assert peer.recv(10) == b"host"
        assert spent() - before <= 5, "hundredths of a second for 500 connections"


def test_an_excluded_address_is_answered_by_the_host_and_leaves_no_event(scanned: Arena) -> None:
    with host_service(scanned.pot, 8080), inside(scanned.attacker):
        for _ in range(20):
            with socket.create_connection((V4, 8080), 5, source_address=(FRIEND4, 0)) as peer:
                assert peer.recv(10) == b"host"
        with socket.create_connection((V4, 8080), 5) as peer:  # anyone else meets the honeypot there
            peer.sendall(b"who are you?")
            port = peer.getsockname()[1]
    scanned.wait_events("tcp", "close", source_port=port)
    assert scanned.events(source_ip=FRIEND4) == []


def test_a_ping_is_answered_once_and_not_by_the_kernel(scanned: Arena) -> None:
    for command in (["ping", "-4", "-I", CLIENT4], ["ping", "-6"]):
        said = scanned.attacker.run(*command, "-c", "3", "-i", "0.2", V4 if "-4" in command else V6).stdout
        assert "3 received" in said
        assert "DUP" not in said
    assert scanned.kernel_said() == {}


def test_addresses_are_told_to_neighbours_once_and_not_by_the_kernel(scanned: Arena) -> None:
    told = scanned.attacker.run("arping", "-I", INTERFACE, "-S", CLIENT4, "-c", "3", V4).stdout
    assert len(re.findall(r"bytes from|reply from", told, re.IGNORECASE)) == 3
    told = scanned.attacker.run("ndisc6", "-m", "-r", "1", "-w", "1000", V6, INTERFACE).stdout
    assert told.count("link-layer address") == 1
    assert scanned.kernel_said() == {}


@pytest.mark.parametrize("with_fence", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_the_fence_is_gone_with_the_honeypot(tmp_path: Path, with_fence: signal.Signals) -> None:
    with honeypot(tmp_path) as place:
        assert "ingress" in place.fence()
        place.stop(with_fence)
        place.wait(lambda: "ingress" not in place.fence(), "a machine without the fence")
        with host_service(place.pot, 8080), inside(place.attacker), socket.create_connection((V4, 8080), 5) as peer:
            assert peer.recv(10) == b"host"


def test_without_any_exclusion_it_refuses_and_names_the_switch(tmp_path: Path) -> None:
    bare = LISTENER.replace('exclude_ports = ["tcp/8022"]\n', "")
    with arena(tmp_path) as place:
        assert place.launch(bare + OUTPUTS).wait(30) == 2
        assert "allow_no_exclude" in place.log
        place.start(bare + "allow_no_exclude = true\n" + OUTPUTS)
        assert place.stop() == 0


def test_who_may_not_open_a_packet_socket_is_told_what_is_missing(tmp_path: Path) -> None:
    with arena(tmp_path) as place:
        (tmp_path / "config.toml").write_text(LISTENER + OUTPUTS)
        refused = place.pot.run(
            *("setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-m", "honeystack", "run"),
            *("-c", str(tmp_path / "config.toml"), "--data", str(tmp_path / "data")),
            check=False,
        )
        assert refused.returncode in (1, 2)
        assert "CAP_NET_RAW" in refused.stderr.upper()
        assert "Traceback" not in refused.stderr
