"""Captures that open decrypted: tshark reads what was said inside TLS 1.2 and 1.3, with nothing but the file."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.live.arena import V4, V6, Arena, honeypot

pytestmark = pytest.mark.live

BODY = """
[capture]
pcap = true
[service.http01]
type = "http"
[[port]]
ports = ["tcp/443", "tcp/80"]
services = ["http01"]
[[port]]
port = "tcp/0"
tls_certificate = "certs/example.crt"
tls_key = "certs/example.key"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("captures"), BODY) as place:
        yield place


def read(place: Arena, connection: str, *fields: str) -> list[dict[str, list[str]]]:
    path = place.folder / "data" / "captures" / f"{connection}.pcapng"
    place.wait(path.exists, f"the file {path}")
    options = [option for field in fields for option in ("-e", field)]
    command = ["tshark", "-r", str(path), "-Y", "http", "-T", "json", *options]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return [packet["_source"]["layers"] for packet in json.loads(shown)]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize(
    ("options", "url", "port"),
    [
        (["--tlsv1.2", "--tls-max", "1.2"], f"https://{V4}/secret12", 443),
        (["--tlsv1.3"], f"https://{V4}/secret13", 443),
        (["--tlsv1.3"], f"https://[{V6}]/secret6", 443),
        ([], f"http://{V4}/plain", 80),
    ],
)
def test_tshark_reads_the_request(place: Arena, options: list[str], url: str, port: int) -> None:
    place.attacker.run("curl", "--silent", "--insecure", *options, url)
    path = "/" + url.rpartition("/")[2]
    events = place.wait(
        lambda: [e for e in place.events("http", "request", destination_port=port) if e["http.url"].endswith(path)],
        f"a request for {path}",
    )
    packets = read(place, events[0]["connection-id"], "http.request.uri", "http.response.code", "tls.handshake.version")
    assert packets[0]["http.request.uri"] == [path]
    assert packets[1]["http.response.code"]
