"""`tls_fingerprint` on the wire: pyjarm finds the servers that are mimicked, and no client fails on any of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme
from jarm.scanner.scanner import Scanner

from honeystack.tls.servers import shipped_servers
from tests.live.arena import LISTENER, OUTPUTS, V4, Arena, arena, inside

pytestmark = pytest.mark.live

PORTS = {8400 + number: server for number, server in enumerate(shipped_servers().values())}
ROTATED = range(9000, 9004)
BODY = """
[service.http01]
type = "http"
[[port]]
port = "tcp/9100"
services = ["http01"]
tls_certificate = "auto"
tls_fingerprint = "mimic:nginx"
[[port]]
ports = ["tcp/9000-9003"]
services = ["http01"]
[[port]]
port = "tcp/0"
tls_certificate = "rsa.crt"
tls_key = "rsa.key"
"""
PORT = """
[[port]]
port = "tcp/{}"
services = ["http01"]
tls_fingerprint = "mimic:{}"
"""
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CURL = (
    *([f"--tlsv1.{version}", "--tls-max", f"1.{version}", "--ciphers", "DEFAULT:@SECLEVEL=0"] for version in range(4)),
    ["--http1.1"],
    ["--ciphers", "AES128-SHA"],
    ["--no-alpn"],
)
OPENSSL = (
    ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "NULL-SHA:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "AECDH-AES128-SHA:@SECLEVEL=0"],
    ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"],
    ["-alpn", "h2,http/1.1"],
    ["-curves", "P-521"],
)
GNUTLS = ("NORMAL", "NORMAL:-VERS-ALL:+VERS-TLS1.0", "NORMAL:-KX-ALL:+RSA:-VERS-TLS1.3", "PFS")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder: Path = tmp_path_factory.mktemp("modes")
    issued = trustme.CA().issue_cert("a.example", V4, key_type=trustme.KeyType.RSA)
    issued.cert_chain_pems[0].write_to_path(str(folder / "rsa.crt"))
    issued.private_key_pem.write_to_path(str(folder / "rsa.key"))
    mimics = "".join(PORT.format(port, server.name) for port, server in PORTS.items())
    with arena(folder) as place:
        place.start(f'{LISTENER}tls_fingerprint = "rotate"\n{BODY}{mimics}{OUTPUTS}')
        yield place


def jarm(place: Arena, port: int) -> str:
    def scan() -> str:
        with inside(place.attacker):
            return str(Scanner.scan(V4, port, timeout=10, concurrency=1)[0])

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(scan).result(60)


@pytest.mark.parametrize("port", PORTS, ids=[server.name for server in PORTS.values()])
def test_a_mimicked_server_has_exactly_its_jarm(place: Arena, port: int) -> None:
    assert jarm(place, port) == PORTS[port].jarm
    hellos = place.wait_events("tcp", "tls", 10, tls_stage="hello", destination_port=port)
    assert sorted(hello["tls.probe"] for hello in hellos) == list(range(1, 11))
    assert {hello["tls.scanner"] for hello in hellos} == {"jarm"}


def test_a_network_sees_one_server_for_a_day_on_each_port(place: Arena) -> None:
    known = {server.jarm for server in PORTS.values() if server.rotated}
    for port in ROTATED:
        scans = {jarm(place, port) for _ in range(3)}
        assert len(scans) == 1
        assert scans <= known


def commands(port: int) -> list[list[str]]:
    curl = ["curl", "--silent", "--insecure", "--max-time", "10", f"https://{V4}:{port}/"]
    s_client = ["openssl", "s_client", "-connect", f"{V4}:{port}", "-quiet", "-ign_eof"]
    cli = ["gnutls-cli", "--insecure", "--port", str(port), V4, "--priority"]
    return (
        [curl + options for options in CURL]
        + [s_client + options for options in OPENSSL]
        + [[*cli, priority] for priority in GNUTLS]
    )


@pytest.mark.parametrize("port", [*PORTS, *ROTATED])
def test_no_client_fails(place: Arena, port: int) -> None:
    failures = []
    for command in commands(port):
        if shutil.which(command[0]):
            done = subprocess.run(place.attacker.command(*command), input=REQUEST, capture_output=True, timeout=20)
            if b"HTTP/1.1 200" not in done.stdout and b"<html" not in done.stdout.lower():
                failures.append((command, done.stdout[-200:], done.stderr[-200:]))
    assert failures == []


@pytest.mark.parametrize("name", ["bank.example", "mail.example", V4])
def test_a_certificate_is_made_for_each_name_that_is_asked_for(place: Arena, name: str) -> None:
    root = place.folder / "data" / "tls" / "root.crt"
    where = ["--resolve", f"{name}:9100:{V4}"] if name != V4 else []
    done = place.attacker.run("curl", "--silent", "--cacert", str(root), *where, f"https://{name}:9100/", check=False)
    assert "<html" in done.stdout.lower(), done.stderr


def test_mimicry_holds_with_made_certificates(place: Arena) -> None:
    assert jarm(place, 9100) == shipped_servers()["nginx"].jarm
