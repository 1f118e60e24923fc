"""The battery again, against a honeypot that runs: what begins as TLS, and goes wrong, is answered as by s_server."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator

import pytest

from tests.live.arena import LISTENER, OUTPUTS, V4, Arena, arena, inside, issue
from tests.live.test_tls_battery import CASES, TLS12, TLS13, Flights, base, kinds, s_server, theirs
from tests.tls.vectors import record

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to compare with"),
]

BODY = """
[service.web]
type = "http"
[[port]]
port = "tcp/443"
services = ["web"]
tls_certificate = "rsa.crt"
tls_key = "rsa.key"
tls_fingerprint = "mimic:openssl"
[[port]]
port = "tcp/8443"
tls_certificate = "rsa.crt"
tls_key = "rsa.key"
tls_fingerprint = "mimic:openssl"
"""
FIRST = {
    "change cipher spec": record(b"\1", 20),
    "empty change cipher spec": record(b"", 20),
    "fatal alert": record(b"\2\x28", 21),
    "close notify": record(b"\1\0", 21),
    "empty alert": record(b"", 21),
    "application data": record(b"hello", 23),
    "heartbeat": record(b"\1\x40\0", 24),
    "empty handshake": record(b""),
    "hello request": record(b"\0\0\0\0"),
    "finished": record(b"\x14\0\0\x0c" + bytes(12)),
}
DIFFERENCES = {
    "byte 0 changed": "it is no TLS any more, and left to the port's service",
    "byte 1 changed": "it is no TLS any more, and left to the port's service",
    "1.2 byte 10 changed by 01": "a hello of TLS 1.1: we serve old clients",
    "sslv2 hello": "a hello of TLS 1.0: we serve old clients",
    "first 0 bytes": "s_server sends an alert to who says nothing and ends; real servers, and we, do not",
}


def cases() -> Iterator[tuple[str, Flights]]:
    yield from CASES.items()
    for name, data in FIRST.items():
        yield f"{name} alone", (data,)
        for version, versions in (("1.2", TLS12), ("1.3", TLS13)):
            yield f"{version} {name} before the hello", (data + base(versions),)
            yield f"{version} {name} and then the hello", (data, base(versions))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("battery")
    with arena(folder) as place:
        issue(folder)
        place.start(LISTENER + BODY + OUTPUTS)
        yield place


@pytest.fixture(scope="module")
def expected(place: Arena) -> dict[str, list[str]]:
    with s_server((place.folder / "rsa.crt", place.folder / "rsa.key"), "-www") as port:
        return {name: kinds(theirs(port, flights)) for name, flights in cases()}


@pytest.mark.slow
@pytest.mark.parametrize("port", [443, 8443], ids=["service", "sensor"])
def test_a_honeypot_answers_as_openssl_does(place: Arena, expected: dict[str, list[str]], port: int) -> None:
    with inside(place.attacker):
        answers = {name: said(port, flights) for name, flights in cases()}
    other = {
        name: (kinds(answer), expected[name])
        for name, answer in answers.items()
        if kinds(answer) != expected[name] and not any(part in name for part in DIFFERENCES)
    }
    assert other == {}
    assert len(answers) > 400
    plain = [name for name, answer in answers.items() if answer.startswith(b"HTTP")]
    assert all("byte 0 changed" in name or "byte 1 changed" in name for name in plain)


def said(port: int, flights: Flights) -> bytes:
    """What the honeypot sends for these flights, until it closes."""
    heard = b""
    with socket.create_connection((V4, port), timeout=15) as client:
        try:
            for number, flight in enumerate(flights):
                client.sendall(flight)
                client.settimeout(0.1 if number + 1 < len(flights) else 15)
                if number + 1 == len(flights):
                    with contextlib.suppress(OSError):  # it had been reset; what was heard is still to be read
                        client.shutdown(socket.SHUT_WR)
                try:
                    while data := client.recv(65536):
                        heard += data
                except TimeoutError:
                    assert number + 1 < len(flights), "it was not closed"
        except ConnectionError:
            pass  # it had closed before it read everything
    return heard
