"""What a handshake came to, as real clients bring it about: their certificate, a resumed session, early data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.live.arena import V4, Arena, Event, honeypot

pytestmark = pytest.mark.live

BODY = """
[service.http01]
type = "http"
[[port]]
port = "tcp/0"
tls_certificate = "certs/example.crt"
tls_key = "certs/example.key"
[[port]]
ports = ["tcp/443", "tcp/1443"]
services = ["http01"]
[[port]]
port = "tcp/8443"
services = ["http01"]
tls_certificate = "certs/example.crt"
tls_key = "certs/example.key"
tls_client_certificate = "request"
tls_fingerprint = "mimic:nginx"
[[port]]
port = "tcp/9443"
services = ["http01"]
tls_certificate = "auto"
tls_client_certificate = "request"
"""
URL = f"https://{V4}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder: Path = tmp_path_factory.mktemp("outcomes")
    issued = trustme.CA(organization_name="Nobody").issue_cert("spy@evil.example", common_name="spy")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "client.pem"))
    with honeypot(folder, BODY) as place:
        yield place


def shell(place: Arena, command: str) -> str:
    ended = place.attacker.run("sh", "-c", f"cd {place.folder} && {command}", check=False)
    return ended.stdout + ended.stderr


def established(place: Arena, port: int, count: int = 1) -> Event:
    """The last of so many."""
    return place.wait_events("tcp", "tls", count, tls_stage="established", destination_port=port)[-1]


def is_of_the_spy(event: Event) -> bool:
    return (event["tls.client.subject"].startswith("CN=spy,"), event["tls.client.names"]) == (
        True,
        ["spy@evil.example"],
    )


def test_a_client_certificate_by_any_client_is_told(place: Arena) -> None:
    commands = [f"curl -sk --cert client.pem {URL}:8443/", f"curl -sk --tlsv1.3 --cert client.pem {URL}:9443/"]
    commands += [
        f"curl -sk --cert client.pem --tlsv1.0 --tls-max 1.{minor} --ciphers DEFAULT:@SECLEVEL=0 {URL}:8443/"
        for minor in (0, 1, 2)
    ]
    commands.append(
        f"(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.5) | gnutls-cli --insecure --x509certfile client.pem "
        f"--x509keyfile client.pem -p 8443 {V4}"
    )
    commands.append(
        f"(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.5) | openssl s_client -quiet -cert client.pem -key client.pem "
        f"-connect {V4}:8443"
    )
    for command in commands:
        assert "<html" in shell(place, command).lower(), command
    place.wait(lambda: len(place.events("tcp", "tls", tls_stage="established")) >= len(commands), "all handshakes")
    told = place.events("tcp", "tls", tls_stage="established", destination_port=8443)
    told += place.events("tcp", "tls", tls_stage="established", destination_port=9443)
    assert all(is_of_the_spy(event) for event in told)
    assert {event["tls.version"] for event in told} == {"1.0", "1.1", "1.2", "1.3"}


def test_who_has_none_is_served_and_nobody_else_is_asked(place: Arena) -> None:
    before = len(place.events("tcp", "tls", tls_stage="established", destination_port=8443))
    assert "<html" in shell(place, f"curl -sk {URL}:8443/").lower()
    assert "tls.client.subject" not in established(place, 8443, before + 1)
    assert "<html" in shell(place, f"curl -sk --cert client.pem {URL}:443/").lower()
    assert "tls.client.subject" not in established(place, 443)


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_a_resumed_session_is_told_with_its_certificate(place: Arena, version: str) -> None:
    ask = "(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.7) | openssl s_client -quiet"
    client = f"{ask} -cert client.pem -key client.pem -{version} -connect {V4}:8443"
    before = len(place.events("tcp", "tls", tls_stage="established", destination_port=8443))
    shell(place, f"{client} -sess_out {version}.pem")
    established(place, 8443, before + 1)
    assert "HTTP/1." in shell(place, f"{client} -sess_in {version}.pem")
    event = established(place, 8443, before + 2)
    assert event["tls.resumed"] is True
    assert is_of_the_spy(event)


def test_early_data_is_told_and_its_client_served(place: Arena) -> None:
    """With the session of another server, which would have taken it; in `random`, which may be 1.3 only then."""
    shell(
        place,
        "ip link set lo up; "
        "openssl s_server -accept 127.0.0.1:4433 -early_data -cert client.pem -key client.pem -naccept 1 -quiet & "
        "sleep 1; (sleep 1) | openssl s_client -connect 127.0.0.1:4433 -sess_out early.pem; wait",
    )
    (place.folder / "early.txt").write_text("POST /early HTTP/1.0\r\n\r\n")
    for number in range(6):
        said = shell(
            place,
            "(sleep 0.3; printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.5) | "
            f"openssl s_client -connect {V4}:1443 -sess_in early.pem -early_data early.txt",
        )
        assert "Early data was rejected" in said
        assert "HTTP/1." in said
        event = established(place, 1443, number + 1)
        assert (event["tls.early-data"], event["tls.version"]) == ("rejected", "1.3")
    hellos = place.events("tcp", "tls", tls_stage="hello", destination_port=1443)
    assert {event["tls.early-data"] for event in hellos} == {"offered"}
    assert not place.events("tcp", "tls", tls_stage="failed")
