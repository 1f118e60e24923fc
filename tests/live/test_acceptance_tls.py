"""TLS that no client fails on and no fingerprinter recognises: pyjarm, curl and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jarm.scanner.scanner import Scanner

from tests.live.arena import V4, V6, Arena, honeypot, inside

pytestmark = pytest.mark.live

HTTPS = """
[service.http01]
type = "http"
[[port]]
port = "tcp/0"
tls_certificate = "certs/example.crt"
tls_key = "certs/example.key"
[[port]]
port = "tcp/443"
services = ["http01"]
"""
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--ignore-certificate-errors",
    "--disable-dev-shm-usage",
)


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("tls"), HTTPS) as place:
        yield place


def jarm(place: Arena, address: str, port: int) -> str:
    """One scan, by a thread that moves to the attacker's machine for its whole life."""

    def scan() -> str:
        with inside(place.attacker):
            return str(Scanner.scan(address, port, timeout=10, concurrency=1)[0])

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(scan).result(60)


@pytest.mark.parametrize(("address", "port"), [(V4, 443), (V6, 8443)], ids=["service-v4", "sensor-v6"])
def test_six_jarm_scans_do_not_agree(https: Arena, address: str, port: int) -> None:
    prints = [jarm(https, address, port) for _ in range(6)]
    assert "0" * 62 not in prints
    assert len(set(prints)) >= 4, prints


@pytest.mark.parametrize("url", [f"https://{V4}/", f"https://[{V6}]/"], ids=["v4", "v6"])
def test_forty_requests_in_a_row_succeed(https: Arena, url: str) -> None:
    codes = [
        https.attacker.run("curl", "-sgk", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}", url).stdout
        for _ in range(40)
    ]
    assert codes == ["200"] * 40


def test_a_browser_loads_the_page(https: Arena, tmp_path: Path) -> None:
    assert shutil.which("chromium"), "Debian's package chromium is missing"
    for url in (f"https://{V4}/", f"https://[{V6}]/"):
        page = https.attacker.run(
            "chromium", *CHROMIUM_FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", url, timeout=90
        ).stdout
        assert "<html" in page.lower()
        assert "ERR_" not in page
    agents = {event.get("http.header.user-agent", "") for event in https.wait_events("http", "request", 2)}
    assert any("Chrome" in str(agent) for agent in agents)


@pytest.mark.parametrize("version", ["tls1", "tls1_1", "tls1_2", "tls1_3"])
def test_each_version_of_tls_completes_and_is_told(https: Arena, version: str) -> None:
    said = https.attacker.run(
        "sh",
        "-c",
        f"(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 1) | timeout 10 openssl s_client -connect {V4}:443"
        f" -{version} -cipher ALL:@SECLEVEL=0 2>&1",
        check=False,
    ).stdout
    assert "HTTP/1." in said
    told = {"tls1": "1.0", "tls1_1": "1.1", "tls1_2": "1.2", "tls1_3": "1.3"}[version]
    assert https.wait_events("tcp", "tls", tls_stage="established", tls_version=told)


def test_a_client_that_rejects_the_certificate_leaves_its_alert(https: Arena) -> None:
    refused = https.attacker.run("curl", "-sg", "--max-time", "10", f"https://{V4}/", check=False)
    assert refused.returncode == 60
    event = https.wait(
        lambda: next((e for e in https.events("tcp", "tls") if e.get("tls.alert")), None), "an alert of the client"
    )
    assert event["ja3.digest"]
