"""What tools that recognise systems make of a honeypot: the same as of a Linux kernel beside it."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.live.arena import CLIENT4, CLIENT6, INTERFACE, V4, V6, Arena, honeypot, inside
from tests.live.street import RECEIVE_MEMORY
from tests.live.test_acceptance_scan import host_service

pytestmark = [pytest.mark.live, pytest.mark.slow]

ODD_SCANS = ["-sA", "-sN", "-sF", "-sX", "-sW", "-sM", "-sS --badsum"]
CUT = "-sS -f"  # of IPv4 alone: nmap cuts no IPv6
TO4, TO6 = ("-S", CLIENT4, V4), ("-6", "-S", CLIENT6, V6)
HOSTS_PORT = 8022  # left to the kernel, which is the Linux beside us


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("recognition")) as made:
        made.pot.run("sh", "-c", f"echo {RECEIVE_MEMORY} > /proc/sys/net/ipv4/tcp_rmem")
        yield made


def nmap(place: Arena, *arguments: str) -> str:
    return place.attacker.run("nmap", "-n", "-Pn", "-e", INTERFACE, *arguments, timeout=200).stdout


@pytest.mark.parametrize(
    ("scan", "to"), [(scan, TO4) for scan in (*ODD_SCANS, CUT)] + [(scan, TO6) for scan in ODD_SCANS]
)
def test_odd_scans_see_what_they_see_of_the_kernel(place: Arena, scan: str, to: tuple[str, ...]) -> None:
    # Without a neighbour discovery of its own, whose checksums it would break too.
    options = [*scan.split(), "--disable-arp-ping", "--max-retries", "2", "-oX", "-", "-p", f"80,443,{HOSTS_PORT}"]
    with host_service(place.pot, HOSTS_PORT):
        said = nmap(place, *options, *to)
    states = dict(re.findall(r'portid="(\d+)"><state state="([^"]+)"', said))
    assert set(states) == {"80", "443", str(HOSTS_PORT)}
    assert len(set(states.values())) == 1, "the kernel's port looks like ours"


def test_nmap_names_linux(place: Arena) -> None:
    said = nmap(place, "-O", "-d", "-S", CLIENT4, "-p", f"80,{HOSTS_PORT}", V4)
    told = re.findall(r"^(?:OS details|Aggressive OS|No exact OS|Too many|OS:).*", said, re.MULTILINE)
    # These two differ in how initial sequence numbers scatter alone, and six random ones scatter as they like.
    assert {"OS details: Linux 4.15 - 5.6", "OS details: Linux 5.0 - 5.3"} & set(told), told


def signatures(place: Arena) -> dict[tuple[bool, int], tuple[str, str]]:
    """What p0f says of the SYN-ACKs of each port, by version six or not: system and signature."""
    p0f = subprocess.Popen(
        place.attacker.command("stdbuf", "-oL", "p0f", "-i", INTERFACE, "-p"), stdout=subprocess.PIPE, text=True
    )
    assert p0f.stdout is not None
    try:
        while "Entered main event loop" not in p0f.stdout.readline():
            assert p0f.poll() is None
        for address in (V4, V6):
            for port in (80, HOSTS_PORT):
                with inside(place.attacker), socket.create_connection((address, port), 5):
                    time.sleep(0.2)
        time.sleep(0.5)
    finally:
        p0f.terminate()
    told = p0f.communicate(timeout=10)[0]
    found = re.findall(r"-> (\S+)/(\d+) \(syn\+ack\) \]-.*?\| os\s+= (.*?)\n.*?\| raw_sig\s+= (\S+)", told, re.DOTALL)
    return {(":" in address, int(port)): (system, raw) for address, port, system, raw in found}


def test_p0f_sees_what_it_sees_of_the_kernel(place: Arena) -> None:
    with host_service(place.pot, HOSTS_PORT):
        seen = signatures(place)
    assert len(seen) == 4
    for six in (False, True):
        assert seen[six, 80] == seen[six, HOSTS_PORT]
