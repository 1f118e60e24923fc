"""TLS as real clients find it, over loopback: none fails, and a fingerprinter gets a new answer each time."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme
from jarm.scanner.scanner import Scanner

from honeystack.tls.acceptor import accept_tls
from honeystack.tls.certificates import Certificate, load_certificate
from honeystack.tls.hello import HelloReader, Progress
from honeystack.tls.profiles import random_profile
from honeystack.tls.stream import TlsFailed, TlsOutcome

pytestmark = pytest.mark.live

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhoneystack\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
ROUNDS = 4  # each draws other configurations

CURL = [
    [],
    ["--http1.1"],
    ["--tls-max", "1.2"],
    ["--tlsv1.3"],
]
OPENSSL = [
    *(["-cipher", "DEFAULT:@SECLEVEL=0", version] for version in ("-tls1", "-tls1_1", "-tls1_2", "-tls1_3")),
    ["-servername", "a.example", "-alpn", "h2,http/1.1"],
    ["-groups", "P-521:P-384"],
    ["-groups", "P-256", "-tls1_2"],
    ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"],
    ["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"],
    ["-tls1_2", "-fallback_scsv"],
    ["-no_ticket"],
    ["-no_etm"],
]
OPENSSL_RSA = [
    ["-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"],
    ["-tls1", "-cipher", "AES256-SHA:@SECLEVEL=0"],
    ["-cipher", "kRSA:@SECLEVEL=0"],
    ["-tls1_1", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "kDHE:@SECLEVEL=0"],
]
GNUTLS = [
    "NORMAL",
    "PFS",
    "NORMAL:-VERS-ALL:+VERS-TLS1.3",
    "NORMAL:-VERS-ALL:+VERS-TLS1.2",
    "LEGACY:-VERS-ALL:+VERS-TLS1.1",
    "LEGACY:-VERS-ALL:+VERS-TLS1.0",
]
GNUTLS_RSA = ["NORMAL:-KX-ALL:+RSA:-VERS-TLS1.3", "NORMAL:-KX-ALL:+DHE-RSA:-VERS-TLS1.3", "SECURE256"]


@pytest.fixture(scope="module", params=["RSA", "ECDSA"])
def certificate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp(request.param)
    issued = trustme.CA().issue_cert("a.example", key_type=trustme.KeyType[request.param])
    paths: tuple[Path, Path] = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(issued.cert_chain_pems[0].bytes())
    paths[1].write_bytes(issued.private_key_pem.bytes())
    return load_certificate(*paths)


async def serve(
    certificate: Certificate, rng: random.Random, outcomes: list[TlsOutcome], stream: trio.SocketStream
) -> None:
    reader = HelloReader()
    try:
        while reader.progress is Progress.MORE:
            data = await stream.receive_some()
            if not data:
                return
            reader.feed(data)
        try:
            profile = random_profile(reader.hello, certificate.keys, alpn=("http/1.1",), rng=rng)
            tls = await accept_tls(stream, certificate, first=reader.raw, profile=profile)
        except TlsFailed as failed:
            outcomes.append(failed.outcome)
            return
        outcomes.append(tls.outcome)
        if await tls.receive_some():
            await tls.send_all(ANSWER)
        await tls.aclose()
    except trio.BrokenResourceError:
        pass  # fingerprinters reset
    finally:
        await trio.aclose_forcefully(stream)


@asynccontextmanager
async def door(certificate: Certificate) -> AsyncIterator[tuple[int, list[TlsOutcome]]]:
    """A port that answers each request inside TLS, and the outcomes of the handshakes."""
    outcomes: list[TlsOutcome] = []
    async with trio.open_nursery() as nursery:
        handler = partial(serve, certificate, random.Random(23), outcomes)
        (listener,) = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
        yield listener.socket.getsockname()[1], outcomes
        nursery.cancel_scope.cancel()


def commands(port: int, algorithm: str) -> list[list[str]]:
    openssl, gnutls = OPENSSL, GNUTLS
    if algorithm == "RSA":
        openssl, gnutls = OPENSSL + OPENSSL_RSA, GNUTLS + GNUTLS_RSA
    curl = ["curl", "--silent", "--insecure", "--max-time", "10", f"https://127.0.0.1:{port}/"]
    s_client = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-ign_eof"]
    cli = ["gnutls-cli", "--insecure", "--port", str(port), "127.0.0.1", "--priority"]
    return (
        [curl + options for options in CURL]
        + [s_client + options for options in openssl]
        + [[*cli, priority] for priority in gnutls]
    )


async def ask(command: list[str]) -> bytes:
    """What a client says that is given the request to send."""
    with trio.fail_after(15):
        done = await trio.run_process(command, stdin=REQUEST, capture_stdout=True, capture_stderr=True, check=False)
    return done.stdout + done.stderr


async def test_no_client_fails_on_what_is_drawn_for_it(certificate: Certificate) -> None:
    failures = []
    async with door(certificate) as (port, outcomes):
        for _ in range(ROUNDS):
            for command in commands(port, certificate.keys[0].algorithm):
                said = await ask(command)
                if b"honeystack" not in said:
                    failures.append((command, outcomes[-1:], said[-300:]))
    assert failures == []
    assert {outcome.version for outcome in outcomes} == {"1.0", "1.1", "1.2", "1.3"}
    assert len({outcome.cipher_suite for outcome in outcomes}) > 12


async def test_sessions_are_resumed_or_begun_anew_but_never_fail(certificate: Certificate, tmp_path: Path) -> None:
    saved = tmp_path / "session.pem"
    async with door(certificate) as (port, outcomes):
        for version in ("-tls1_2", "-tls1_3"):
            saved.unlink(missing_ok=True)
            for _ in range(12):
                command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-ign_eof", version]
                command += ["-sess_in", str(saved)] if saved.exists() else []
                command += ["-sess_out", str(saved)]
                said = await ask(command)
                assert b"honeystack" in said, (said, outcomes[-1:])
    assert any(outcome.resumed for outcome in outcomes)


async def test_six_jarm_scans_differ_and_none_is_empty(certificate: Certificate) -> None:
    async with door(certificate) as (port, _):
        scans = [
            (await trio.to_thread.run_sync(partial(Scanner.scan, "127.0.0.1", port, timeout=10)))[0] for _ in range(6)
        ]
    assert "0" * 62 not in scans
    assert len(set(scans)) >= 4, scans
