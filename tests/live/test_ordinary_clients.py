"""Clients that do nothing odd are told of as nothing odd, however their last segments cross ours."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live.arena import V4, V6, Arena, honeypot

pytestmark = pytest.mark.live

VISITS = 60
BODY = """
[service.web]
type = "http"
[[port]]
port = "tcp/443"
services = ["web"]
tls_certificate = "certs/example.crt"
tls_key = "certs/example.key"
"""


@pytest.fixture(scope="module")
def pot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("ordinary"), BODY) as place:
        yield place


@pytest.mark.parametrize("host", [V4, f"[{V6}]"])
def test_visits_with_curl_are_no_anomalies(pot: Arena, host: str) -> None:
    """Both ends close at once: of ten visits, four to nine end with a reset of the client's kernel."""

    def visit(_: int) -> int:
        curl = pot.attacker.command("curl", "-sk", "-o", "/dev/null", "--max-time", "20", f"https://{host}/")
        return subprocess.run(curl, check=False).returncode

    before = len(pot.events("tcp", "close"))
    with ThreadPoolExecutor(4) as clients:
        assert list(clients.map(visit, range(VISITS))) == [0] * VISITS
    pot.wait_events("tcp", "close", before + VISITS, within=30)
    assert [event["anomaly"] for event in pot.events("tcp", "anomaly")] == []
