"""Attacks on TLS by the tools that people use for them: each is told by its name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.live.arena import LISTENER, OUTPUTS, V4, Arena, arena

pytestmark = pytest.mark.live

BODY = """
[service.http01]
type = "http"
[[port]]
port = "tcp/443"
services = ["http01"]
[[port]]
port = "tcp/0"
tls_certificate = "rsa.crt"
tls_key = "rsa.key"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder: Path = tmp_path_factory.mktemp("threats")
    issued = trustme.CA().issue_cert("a.example", V4, key_type=trustme.KeyType.RSA)
    issued.cert_chain_pems[0].write_to_path(str(folder / "rsa.crt"))
    issued.private_key_pem.write_to_path(str(folder / "rsa.key"))
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


@pytest.mark.slow
def test_testssl(place: Arena) -> None:
    options = ["--heartbleed", "--ccs-injection", "--robot", "--renegotiation", "--crime", "--poodle", "--tls-fallback"]
    options += ["--drown", "--freak", "--logjam"]
    said = attack(place, "testssl", "--color", "0", "-n", "none", "--warnings", "batch", *options, f"{V4}:10030")
    expected = {"heartbleed", "ccs-injection", "robot", "crime", "poodle", "drown", "freak", "logjam"}
    assert expected <= threats(place, 10030), f"{threats(place, 10030)}: {said}"


def test_a_browser_like_client_is_no_threat(place: Arena) -> None:
    attack(place, "curl", "--silent", "--insecure", f"https://{V4}/")
    attack(place, "openssl", "s_client", "-connect", f"{V4}:443", "-tls1_2", "-cipher", "AES128-SHA", text=b"GET /\r\n")
    place.wait_events("tcp", "tls", 2, tls_stage="established", destination_port=443)
    assert threats(place, 443) == set()
