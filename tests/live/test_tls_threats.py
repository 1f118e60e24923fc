"""Attacks on TLS by the tools that people use for them: each is told by its name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.arena import LISTENER, OUTPUTS, V4, Arena, arena, issue

pytestmark = pytest.mark.live

SSLYZE = Path(sys.prefix) / "sslyze" / "bin"
BODY = """
[service.http01]
type = "http"
[[port]]
ports = ["tcp/443", "tcp/444", "tcp/10030"]
services = ["http01"]
[[port]]
port = "tcp/0"
tls_certificate = "rsa.crt"
tls_key = "rsa.key"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder: Path = tmp_path_factory.mktemp("threats")
    issue(folder)
    with arena(folder) as place:
        place.start(f"{LISTENER}{BODY}{OUTPUTS}")
        yield place


def threats(place: Arena, port: int) -> set[str]:
    return {
        threat for event in place.events("tcp", "tls", destination_port=port) for threat in event.get("tls.threat", ())
    }


def attack(place: Arena, *command: str, text: bytes = b"", timeout: float = 170) -> str:
    done = subprocess.run(place.attacker.command(*command), input=text, capture_output=True, timeout=timeout)
    return (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.parametrize(
    ("script", "port", "expected"),
    [
        ("ssl-heartbleed", 10001, "heartbleed"),
        ("ssl-ccs-injection", 10002, "ccs-injection"),
        ("ssl-poodle", 10003, "poodle"),
        ("sslv2-drown", 10004, "drown"),
        ("sslv2", 10005, "sslv2"),
        ("ssl-enum-ciphers", 10006, "crime"),
    ],
)
def test_nmap(place: Arena, script: str, port: int, expected: str) -> None:
    said = attack(place, "nmap", "-Pn", "-n", "-p", str(port), "--script", f"+{script}", V4)
    assert "Nmap done" in said
    place.wait(lambda: expected in threats(place, port), f"{expected} among {threats(place, port)}: {said}")


@pytest.mark.parametrize(
    ("options", "port", "expected"),
    [
        (["-tls1_2", "-fallback_scsv"], 10012, "fallback-scsv"),
        (["-tls1_2", "-verify_return_error"], 10013, "certificate-rejected"),
        (["-tls1_3", "-verify_return_error"], 10014, "certificate-rejected"),
    ],
)
def test_openssl(place: Arena, options: list[str], port: int, expected: str) -> None:
    said = attack(place, "openssl", "s_client", "-connect", f"{V4}:{port}", *options)
    place.wait(lambda: expected in threats(place, port), f"{expected} among {threats(place, port)}: {said[-500:]}")


def test_renegotiation_by_the_client(place: Arena) -> None:
    client = f"(sleep 0.5; echo R; sleep 0.5) | openssl s_client -connect {V4}:10011 -tls1_2"
    said = attack(place, "sh", "-c", client)
    (event,) = place.wait_events("tcp", "tls", tls_stage="threat", destination_port=10011)
    assert event["tls.threat"] == ["renegotiation"], said
    assert "ja4" in event


def test_sslscan(place: Arena) -> None:
    said = attack(place, "sslscan", "--no-colour", f"{V4}:10020")
    assert "TLSv1.3" in said
    place.wait(lambda: {"fallback-scsv", "heartbleed"} <= threats(place, 10020), f"{threats(place, 10020)}: {said}")


def test_nmap_with_all_its_scripts_of_tls(place: Arena) -> None:
    said = attack(place, "nmap", "-Pn", "-n", "-p10021", "--script", "ssl-*,sslv2*,tls-*", V4)
    assert "Nmap done: 1 IP address (1 host up)" in said
    assert "least strength" in said
    place.wait(
        lambda: {"heartbleed", "ccs-injection", "poodle", "sslv2"} <= threats(place, 10021), f"{threats(place, 10021)}"
    )


def test_sslyze(place: Arena) -> None:
    made = place.folder / "sslyze.json"
    attack(place, str(SSLYZE / "sslyze"), "--quiet", f"--json_out={made}", f"{V4}:443")
    (result,) = json.loads(made.read_text())["server_scan_results"]
    assert result["scan_status"] == "COMPLETED"
    failed = [
        name for name, one in result["scan_result"].items() if one["status"] not in ("COMPLETED", "NOT_SCHEDULED")
    ]
    assert failed == []
    place.wait(lambda: {"robot", "renegotiation", "poodle", "sslv2"} <= threats(place, 443), f"{threats(place, 443)}")


def test_sslyzes_probes_for_what_it_thinks_new_servers_free_of(place: Arena) -> None:
    program = Path(__file__).with_name("programs") / "sslyze_probes.py"
    said = attack(place, str(SSLYZE / "python"), str(program), V4, "10022")
    assert [line.split()[-1] for line in said.splitlines()] == ["False", "False"], said  # we are not vulnerable
    place.wait(lambda: {"heartbleed", "ccs-injection"} <= threats(place, 10022), f"{threats(place, 10022)}")


@pytest.mark.slow
def test_testssl_to_its_end(place: Arena) -> None:
    said = attack(place, "testssl", "--color", "0", "-n", "none", "--warnings", "batch", f"{V4}:10030", timeout=500)
    assert re.search(rf"^ Done .* -->> {re.escape(V4)}:10030", said, re.MULTILINE), said[-2000:]
    for part in ("Testing protocols", "Testing vulnerabilities", "Running client simulations"):
        assert part in said
    expected = {"heartbleed", "ccs-injection", "robot", "renegotiation", "poodle"}
    expected |= {"crime", "sslv2", "drown", "freak", "logjam", "fallback-scsv"}
    assert expected <= threats(place, 10030), f"{threats(place, 10030)}: {said}"


def test_a_browser_like_client_is_no_threat(place: Arena) -> None:
    attack(place, "curl", "--silent", "--insecure", f"https://{V4}:444/")
    attack(place, "openssl", "s_client", "-connect", f"{V4}:444", "-tls1_2", "-cipher", "AES128-SHA", text=b"GET /\r\n")
    place.wait_events("tcp", "tls", 2, tls_stage="established", destination_port=444)
    assert threats(place, 444) == set()
