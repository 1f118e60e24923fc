"""Clients of old on the wire: who can be served is, the others get a real alert, and every hello is told whole."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.live.arena import LISTENER, OUTPUTS, V4, Arena, arena, inside, issue
from tests.live.clients import kinds, run
from tests.tls.vectors import body, extension, message, record, shorts, sslv2, vector

pytestmark = pytest.mark.live

PORTS = {"random": 8400, "mimic:nginx": 8401, "mimic:go": 8402, "mimic:nginx-old": 8403}
BODY = """
[service.http01]
type = "http"
[[port]]
port = "tcp/0"
tls_certificate = "rsa.crt"
tls_key = "rsa.key"
""" + "".join(
    f'[[port]]\nport = "tcp/{port}"\nservices = ["http01"]\ntls_fingerprint = "{mode}"\n'
    for mode, port in PORTS.items()
)
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
CURVES = extension(10, vector(shorts(23, 24))) + extension(11, vector(b"\0", 1))
EACH = pytest.mark.parametrize("port", PORTS.values(), ids=list(PORTS))


@attrs.frozen
class Hello:
    """A hello that nobody can serve, and the alerts that real servers send for it."""

    data: bytes
    versions: list[str]
    alerts: tuple[int, ...] = (40, 70)
    threats: tuple[str, ...] = ()


def hello(version: int, *suites: int, extensions: bytes | None = None) -> bytes:
    return record(message(body(version=version, suites=suites, extensions=extensions)), 22, min(version, 0x0301))


HELLOS = {
    "ssl3 alone": Hello(hello(0x0300, 0x0035, 0x002F, 0x000A, 0x0005), ["ssl3"], threats=("poodle",)),
    "ssl3 with extensions": Hello(hello(0x0300, 0xC013, 0x0035, extensions=CURVES), ["ssl3"], threats=("poodle",)),
    "rc4 alone, tls 1.0": Hello(hello(0x0301, 0x0005, 0x0004), ["1.0"], (40,)),
    "rc4 alone, tls 1.2": Hello(hello(0x0303, 0xC011, 0xC007, 0x0005, 0x0004, extensions=CURVES), ["1.2"], (40,)),
    "3des alone, tls 1.0": Hello(hello(0x0301, 0x000A, 0x0016), ["1.0"], (40,)),
    "3des alone, tls 1.2": Hello(hello(0x0303, 0xC012, 0xC008, 0x000A, extensions=CURVES), ["1.2"], (40,)),
    "des and export": Hello(hello(0x0301, 0x0009, 0x0003, 0x0006, 0x0008, 0x0014), ["1.0"], (40,)),
    "anonymous rc4": Hello(hello(0x0301, 0x0018, 0x001B, 0xC016), ["1.0"], (40,)),
    "export alone": Hello(hello(0x0301, 0x0003, 0x0006, 0x0008), ["1.0"], (40,), ("freak",)),
    "an sslv2 hello of ssl3": Hello(sslv2(version=0x0300, kinds=(0x00002F, 0x00000A)), ["ssl3"]),
    "an sslv2 hello of rc4": Hello(sslv2(version=0x0301, kinds=(0x000005, 0x000004)), ["1.0"], (40,)),
    "ssl2": Hello(sslv2(version=2, kinds=(0x010080, 0x020080, 0x060040)), ["ssl2"], (70,), ("sslv2", "drown")),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder: Path = tmp_path_factory.mktemp("old")
    issue(folder)
    with arena(folder) as place:
        place.start(LISTENER + BODY + OUTPUTS)
        yield place


def answered(place: Arena, port: int, data: bytes) -> tuple[bytes, int]:
    """All that is sent for these bytes until the end, and our port."""
    with inside(place.attacker), socket.create_connection((V4, port), timeout=10) as stream:
        stream.sendall(data)
        said = b""
        while more := stream.recv(65536):  # a reset would raise
            said += more
        return said, int(stream.getsockname()[1])


@EACH
@pytest.mark.parametrize("name", HELLOS)
def test_who_cannot_be_served_gets_an_alert_and_is_told_whole(place: Arena, port: int, name: str) -> None:
    given = HELLOS[name]
    said, source = answered(place, port, given.data)
    assert (said[:2], said[3:6], len(said)) == (b"\x15\3", b"\0\2\2", 7)
    assert said[6] in given.alerts
    (failed,) = place.wait_events("tcp", "tls", tls_stage="failed", source_port=source)
    assert failed["tls.alert"] == {40: "handshake_failure", 70: "protocol_version"}[said[6]]
    (told,) = place.wait_events("tcp", "tls", tls_stage="hello", source_port=source)
    assert bytes.fromhex(told["tls.client.hello.payload"]) == given.data
    assert told["tls.versions"] == given.versions
    assert set(given.threats) <= set(told.get("tls.threat", ()))
    (end,) = place.wait_events("tcp", "close", source_port=source)
    assert end["tcp.reason"] == "fin"


@EACH
@pytest.mark.parametrize(
    ("options", "suite"),
    [
        (["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"], "TLS_RSA_WITH_AES_128_CBC_SHA"),
        (["-tls1_1", "-cipher", "AES256-SHA:@SECLEVEL=0"], "TLS_RSA_WITH_AES_256_CBC_SHA"),
        (["-tls1", "-cipher", "NULL-SHA:@SECLEVEL=0"], "TLS_RSA_WITH_NULL_SHA"),
        (["-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0"], "TLS_RSA_WITH_NULL_SHA256"),
        (["-tls1", "-cipher", "AECDH-NULL-SHA:@SECLEVEL=0"], "TLS_ECDH_anon_WITH_NULL_SHA"),
        (["-tls1", "-cipher", "ADH-AES128-SHA:@SECLEVEL=0"], "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
        (["-tls1_2", "-cipher", "ADH-AES256-GCM-SHA384:@SECLEVEL=0"], "TLS_DH_anon_WITH_AES_256_GCM_SHA384"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_offers_nothing_better_is_served(place: Arena, port: int, options: list[str], suite: str) -> None:
    known = len(place.events("tcp", "tls", tls_stage="established", destination_port=port))
    _, said = run(
        place, "openssl", "s_client", "-connect", f"{V4}:{port}", "-quiet", "-ign_eof", *options, text=REQUEST
    )
    assert "HTTP/1.1 200" in said
    events = place.wait_events("tcp", "tls", known + 1, tls_stage="established", destination_port=port)
    assert events[-1]["tls.ciphersuite"] == suite
    assert events[-1]["tls.version"] == {"-tls1": "1.0", "-tls1_1": "1.1", "-tls1_2": "1.2"}[options[0]]


@EACH
def test_an_sslv2_hello_that_offers_tls_gets_a_server_hello(place: Arena, port: int) -> None:
    data = sslv2(version=0x0301, kinds=(0x010080, 0x00002F, 0x000035))
    with inside(place.attacker), socket.create_connection((V4, port), timeout=10) as stream:
        stream.sendall(data)
        said, source = stream.recv(65536), int(stream.getsockname()[1])
    assert (said[:3], said[5], said[9:11]) == (b"\x16\3\1", 2, b"\3\1")
    (told,) = place.wait_events("tcp", "tls", tls_stage="hello", source_port=source)
    assert bytes.fromhex(told["tls.client.hello.payload"]) == data


def test_java_comes_to_an_end_with_an_sslv2_hello(place: Arena) -> None:
    known = len(place.events("tcp", "tls", tls_stage="established"))
    made = kinds(place.folder)["java"](place, list(PORTS.values()))
    assert {one.said for one in made if one.shape.startswith("SSLv2Hello")} == {"ok"}
    established = place.wait_events("tcp", "tls", known + len(made), tls_stage="established")
    served = {event["connection-id"]: event for event in established}
    old = [
        served[event["connection-id"]]
        for event in place.events("tcp", "tls", tls_stage="hello")
        if event["tls.client.hello.payload"].startswith("80") and event["connection-id"] in served
    ]
    assert {event["destination-port"] for event in old} == set(PORTS.values())
    assert {event["tls.version"] for event in old} == {"1.0"}
