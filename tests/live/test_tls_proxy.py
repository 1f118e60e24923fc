"""High interaction through TLS: what a peer says inside is told, and goes on encrypted to the host behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.live.arena import LISTENER, OUTPUTS, V4, Arena, arena

pytestmark = pytest.mark.live

BODY = """
[director.web]
type = "forward"
host = "127.0.0.1:8443"
tls = true
[director.mail]
type = "forward"
host = "127.0.0.1:2525"
tls = true
[service.web]
type = "proxy"
director = "web"
alpn = ["h2", "http/1.1"]
[service.mail]
type = "proxy"
director = "mail"
[[port]]
port = "tcp/443"
services = ["web"]
[[port]]
port = "tcp/25"
services = ["mail"]
[[port]]
port = "tcp/0"
tls_certificate = "auto"
"""
# A mail server that knows no more than STARTTLS, in the standard library.
MAIL = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain("host.pem")
listening = socket.create_server(("127.0.0.1", 2525))
print("ready", flush=True)
while True:
    plain, _ = listening.accept()
    plain.sendall(b"220 host\\r\\n")
    while (said := plain.recv(999)) and not said.startswith(b"STARTTLS"):
        plain.sendall(b"250-host\\r\\n250 STARTTLS\\r\\n")
    if not said:
        continue
    plain.sendall(b"220 go\\r\\n")
    try:
        tls = context.wrap_socket(plain, server_side=True)
        while tls.recv(999):
            tls.sendall(b"250 inside\\r\\n")
    except OSError:
        pass
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder: Path = tmp_path_factory.mktemp("proxy")
    issued = trustme.CA().issue_cert("host.example")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "host.pem"))
    with arena(folder) as place:
        place.pot.run("ip", "link", "set", "lo", "up")
        web = ["openssl", "s_server", "-accept", "127.0.0.1:8443", "-cert", str(folder / "host.pem"), "-www"]
        web += ["-alpn", "http/1.1"]
        commands = (web, ["sh", "-c", f"cd {folder} && exec python3 -c '{MAIL}'"])
        hosts = [
            subprocess.Popen(place.pot.command(*command), stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            for command in commands
        ]
        try:
            place.start(f"{LISTENER}{BODY}{OUTPUTS}")
            yield place
        finally:
            for host in hosts:
                host.kill()
                host.wait()


def test_inside_tls_from_the_start(place: Arena) -> None:
    said = place.attacker.run("curl", "-sk", "--http1.1", f"https://{V4}/", check=False).stdout
    assert "s_server" in said
    (event, *_) = place.wait_events("proxy", "request", destination_port=443)
    assert event["payload"].startswith("GET / HTTP/1.1")


def test_a_protocol_of_the_host_is_agreed_on(place: Arena) -> None:
    for _ in range(20):  # now and then none is answered, as curl falls back to HTTP/1.1
        said = place.attacker.run(
            "curl", "-sk", "--http1.1", "-w", "%{http_code}", f"https://{V4}/", check=False
        ).stdout
        assert said.endswith("200")
    agreed = place.wait_events("tcp", "tls", tls_stage="established", destination_port=443)
    assert {event.get("tls.next-protocol") for event in agreed} <= {None, "http/1.1"}
    assert any("tls.next-protocol" in event for event in agreed)


def test_begun_after_plaintext(place: Arena) -> None:
    client = f"(sleep 1; echo NOOP; sleep 0.5) | openssl s_client -connect {V4}:25 -starttls smtp -quiet -no_ign_eof"
    said = place.attacker.run("sh", "-c", client, check=False)
    assert "250 inside" in said.stdout, said.stderr
    (hello, *_) = place.wait_events("tcp", "tls", tls_stage="hello", destination_port=25)
    assert hello["service"] == "mail"
    (inside, *_) = place.wait_events("tcp", "tls", tls_stage="payload", destination_port=25)
    assert inside["payload"].startswith("NOOP") or inside["payload"].startswith("EHLO")
    assert (inside["ja4"], inside["service"]) == (hello["ja4"], "mail")
    place.wait(
        lambda: any("NOOP" in event["payload"] for event in place.events("proxy", "request", destination_port=25)),
        "what was said inside",
    )
