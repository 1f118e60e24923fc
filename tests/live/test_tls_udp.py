"""QUIC and DTLS clients that come to any UDP port: their hellos are told, and nothing is answered."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.live.arena import V4, V6, Arena, honeypot

pytestmark = pytest.mark.live

BROWSER = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--ignore-certificate-errors")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("udp")) as place:
        yield place


def run(place: Arena, *command: str, seconds: float = 2) -> None:
    """Let a client try for a while: it waits for an answer that does not come."""
    client = place.attacker.start(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        client.wait(seconds)
    except subprocess.TimeoutExpired:
        client.kill()
        client.wait()


@pytest.mark.parametrize(
    ("command", "port", "ja4"),
    [
        (["openssl", "s_client", "-dtls", "-connect", f"{V4}:3391", "-servername", "a.example"], 3391, "dd2d"),
        (["gnutls-cli", "--udp", "--insecure", "-p", "4433", V6], 4433, "dd2i"),
    ],
)
def test_dtls(place: Arena, command: list[str], port: int, ja4: str) -> None:
    run(place, *command)
    (event, *_) = place.wait_events("udp", "tls", destination_port=port)
    assert event["tls.transport"] == "dtls"
    assert event["ja4"].startswith(ja4)
    assert ("tls.sni" in event) is ("d2d" in ja4)
    (datagram, *_) = place.events("udp", "payload", destination_port=port)
    assert datagram["source-port"] == event["source-port"]


def test_quic_by_a_browser(place: Arena) -> None:
    quic = ("--enable-quic", f"--origin-to-force-quic-on=a.example:8443,{V4}:8443")
    names = f"--host-resolver-rules=MAP a.example {V4}"
    run(place, "chromium", *BROWSER, *quic, names, "--dump-dom", "https://a.example:8443/", seconds=12)
    (event, *_) = place.wait_events("udp", "tls", destination_port=8443)
    assert (event["tls.transport"], event["quic.version"], event["tls.sni"]) == ("quic", "1", "a.example")
    assert event["tls.alpn"] == ["h3"]
    assert event["ja4"].startswith("q13d")
    assert len(event["tls.client.hello.payload"]) > 2 * 1200  # hex digits: more than one datagram holds
    told = [event["source-port"] for event in place.events("udp", "tls", destination_port=8443)]
    assert len(told) == len(set(told))  # once, however often it is sent
