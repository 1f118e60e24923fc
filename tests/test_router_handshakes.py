"""Bounds on handshakes and on the making of certificates: each is told when it is reached, and by the peer's events."""

from __future__ import annotations

import random
import ssl
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme
from cryptography import x509

from honeystack.config.model import PortEntry
from honeystack.config.ports import parse_port
from honeystack.net.address import Endpoint
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached
from honeystack.reception import CaptureLimits
from honeystack.router import Router
from honeystack.services.echo import Echo
from honeystack.testing.conversations import LOCAL, Meeting
from honeystack.tls.authority import Authority
from honeystack.tls.certificates import AutoCertificate, Certificate, load_certificate
from tests.routing import entry, make, visiting
from tests.tls.peers import Client, client_context

CLOCK = trio.testing.MockClock


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder: Path = tmp_path_factory.mktemp("certificate")
    made = trustme.CA().issue_cert("a.example", key_type=trustme.KeyType.ECDSA)
    made.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    made.private_key_pem.write_to_path(str(folder / "key.pem"))
    return load_certificate(folder / "cert.pem", folder / "key.pem")


async def leave_unfinished(certificate: Certificate, remotes: list[str], limits: Limits) -> Meeting:
    """Peers, each a second after the other, say hello and nothing more; the end is waited for."""
    meeting = Meeting()
    router = make(meeting, [entry("tcp/443", certificate=certificate)], limits=limits)
    async with trio.open_nursery() as nursery:
        for remote in remotes:
            client, peer = meeting.conversation(local=Endpoint(LOCAL.address, 443), remote=Endpoint(remote, 4000))
            await client.send_all(Client(client_context()).step())
            nursery.start_soon(router.converse, peer)
            await trio.sleep(1)
    return meeting


def failures(meeting: Meeting) -> list[tuple[str | None, object]]:
    return [
        (event.identity and event.identity.source_ip, event.fields["tls.error"])
        for event in meeting.of("tcp", "tls")
        if event.fields["tls.stage"] == "failed"
    ]


def drops(meeting: Meeting) -> list[tuple[object, object]]:
    return [(event.fields["reason"], event.fields["limit"]) for event in meeting.of("sensor", "drop")]


async def test_of_too_many_handshakes_the_first_is_told_as_given_up(
    certificate: Certificate, autojump_clock: CLOCK
) -> None:
    remotes = [f"198.51.100.{number}" for number in range(4)]
    meeting = await leave_unfinished(certificate, remotes, Limits(tls_handshakes=3, tls_handshake_seconds=5))
    late = "not finished within 5 s"
    assert failures(meeting) == list(zip(remotes, ["given up: 3 began after it", late, late, late], strict=True))
    assert drops(meeting) == [("tls_handshakes", 3)]


@pytest.mark.parametrize(
    "remotes", [["198.51.100.7"] * 3, ["2001:db8:0:1::1", "2001:db8:0:1:8::", "2001:db8:0:1:ffff::%eth0"]]
)
async def test_one_source_has_only_so_many_handshakes(
    certificate: Certificate, remotes: list[str], autojump_clock: CLOCK
) -> None:
    others = ["198.51.100.8", "2001:db8:0:2::1"]
    meeting = await leave_unfinished(certificate, remotes + others, Limits(tls_handshakes_per_source=2))
    errors = [error for _, error in failures(meeting)]
    assert errors == ["2 handshakes of one source are under way"] + ["not finished within 10 s"] * 4
    assert drops(meeting) == [("tls_handshakes_per_source", 2)]


async def test_certificates_that_are_not_made_are_told(tmp_path: Path, autojump_clock: CLOCK) -> None:
    meeting, told = Meeting(), list[BoundReached]()
    ports = [PortEntry((parse_port("tcp/7"),), ("echo",), AutoCertificate())]
    authority = Authority(tmp_path, secret=b"s", clock=lambda: 1.8e9, per_second=1)
    router = Router(
        ports,
        {"echo": Echo()},
        recorder=meeting.recorder,
        capture=CaptureLimits(),
        authority=authority,
        limits=Limits(certificates_per_second=1),
        rng=random.Random(1),
    )
    router.watch(dict, told.append)
    served: list[str] = []
    for name in ("one.example", "two.example", "three.example", "two.example"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with visiting(router, meeting, port=7) as client:
            tls = trio.SSLStream(client, context, server_hostname=name, https_compatible=True)
            await tls.do_handshake()
            leaf = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
            served.append(leaf.subject.rfc4514_string())
    assert served == ["CN=one.example", "CN=two.example", "CN=203.0.113.4", "CN=two.example"]
    assert told == [BoundReached("certificates_per_second", 1, None)]
