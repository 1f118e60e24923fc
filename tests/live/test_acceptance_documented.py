"""The documented example as it stands, attacked by curl and judged by tshark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.arena import OUTPUTS, V4, V6, Arena, arena, capture, frames_in, write_certificate

pytestmark = pytest.mark.live

EXAMPLE = Path(__file__).parents[2] / "examples" / "documented" / "config.toml"
URLS = {
    "http-v4": f"http://{V4}/",
    "http-v6": f"http://[{V6}]/",
    "https-v4": f"https://{V4}/",
    "https-v6": f"https://[{V6}]/",
}


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with arena(tmp_path_factory.mktemp("documented")) as place:
        write_certificate(place.folder)
        file_channel = OUTPUTS.partition("[[logging]]")[0]
        place.start(EXAMPLE.read_text() + file_channel)
        place.watch_kernel()
        yield place
        assert place.kernel_said() == {}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_curl_gets_a_page_and_the_request_is_told_with_its_port(documented: Arena, url: str) -> None:
    got = documented.attacker.run(
        "curl", "-sgk", "--max-time", "10", "-w", "\n%{http_code} %{local_port}", f"{url}?from={url[:5]}"
    )
    page, _, verdict = got.stdout.rpartition("\n")
    code, port = verdict.split()
    assert code == "200"
    assert "<" in page
    (event,) = documented.wait_events("http", "request", source_port=int(port))
    assert event["service"] == "http01"
    assert event["http.method"] == "GET"
    assert event["http.url"].endswith(f"?from={url[:5]}")
    assert event["destination-port"] == (443 if url.startswith("https") else 80)
    closed = documented.wait_events("tcp", "close", source_port=int(port))
    assert len(closed) == 1
    assert {e["connection-id"] for e in documented.events(source_port=int(port))} == {event["connection-id"]}


@pytest.mark.parametrize("url", [URLS["https-v4"], URLS["https-v6"]], ids=["v4", "v6"])
def test_ja3_is_what_tshark_computes_from_the_same_traffic(documented: Arena, tmp_path: Path, url: str) -> None:
    clients = [
        ["curl", "-sgk", "--max-time", "10", "-o", "/dev/null", url],
        ["curl", "-sgk", "--max-time", "10", "-o", "/dev/null", "--tlsv1.2", "--tls-max", "1.2", url],
        ["curl", "-sgk", "--max-time", "10", "-o", "/dev/null", "--http1.1", "--curves", "X25519", url],
    ]
    with capture(documented.attacker, tmp_path / "hello.pcap", "tcp port 443") as pcap:
        for client in clients:
            documented.attacker.run(*client)
    hellos = frames_in(pcap, "tls.handshake.type == 1", "tcp.srcport", "tls.handshake.ja3")
    assert len(hellos) == len(clients)
    for port, digest in hellos:
        found = documented.wait_events("tcp", "tls", source_port=int(port), tls_stage="hello")
        assert [event["ja3.digest"] for event in found] == [digest]


def test_a_hello_on_a_port_that_nobody_configured_is_answered_with_the_certificate_of_tcp_0(documented: Arena) -> None:
    got = documented.attacker.run(
        "sh", "-c", f"echo hello | timeout 10 openssl s_client -connect {V4}:9443 -ign_eof 2>&1", check=False
    )
    assert "-----BEGIN CERTIFICATE-----" in got.stdout
    (hello,) = documented.wait_events("tcp", "tls", destination_port=9443, tls_stage="hello")
    (payload,) = documented.wait_events("tcp", "tls", destination_port=9443, tls_stage="payload")
    assert bytes.fromhex(payload["payload-hex"]) == b"hello\n"
    assert payload["ja3.digest"] == hello["ja3.digest"]
